"""The database schema, brought up or taken down: one Alembic branch per package, each in its package."""

import logging
from typing import cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import create_engine
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from emoney.jobs.revisions import PACKAGES as PACKAGES
from emoney.jobs.revisions import folder
from emoney.jobs.revisions import is_current as is_current  # beside what brings a database there
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.postgres.database import Connection, connect
from emoney.privacy import privileges

_log = logging.getLogger(__name__)
_LOCK_KEY = 0x656D6F6E6579  # two starts at once migrate one after the other


def upgrade(url: str) -> bool:
    """Bring the schema of every package to its newest revision; True when anything changed.

    What readers may see is made what `data/privileges.yaml` says, whether or not a migration was run.

    `url` must be of a user that may create schemas and roles. Raises ConfigurationError where that is not so,
    and when a newer version of this library made the schema.
    """
    try:
        return _run(url, "heads", command.upgrade)
    except CommandError as error:  # a stored revision that this version does not have
        raise ConfigurationError(
            f"The database's schema is of another version of emoney ({error}): run the version that made it, "
            "or a newer one."
        ) from error
    except ProgrammingError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            raise ConfigurationError(
                "The user of EMONEY_DATABASE_URL may not create schemas and roles in this database: "
                "`emoney init` needs its owner's URL."
            ) from error
        raise


def downgrade(url: str) -> None:
    """Take every package's schema away again, with all that is in it."""
    _run(url, "base", command.downgrade)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder("jobs") / "migrations"))
    locations = [str(folder(package) / "migrations") for package in PACKAGES]
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(locations))
    return config


def _run(url: str, target: str, action: object) -> bool:
    assert callable(action)
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(url), poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK_KEY})")
        before = MigrationContext.configure(connection).get_current_heads()
        config = _config()
        config.attributes["connection"] = connection
        action(config, target)
        if target == "heads":
            privileges.apply(cast(Connection, connection.connection.driver_connection))
        connection.commit()
        after = MigrationContext.configure(connection).get_current_heads()
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK_KEY})")
        connection.commit()
    engine.dispose()
    if set(before) != set(after):
        _log.info("schema: from %s to %s", ", ".join(before) or "nothing", ", ".join(after) or "nothing")
    return set(before) != set(after)
