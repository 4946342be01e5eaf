"""The database schema, brought up or taken down: one Alembic branch per package, each in its package."""

import logging
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError, to_tuple
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import create_engine
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.postgres.database import APPLICATION_ROLE, Connection, connect
from emoney.privacy import privileges

PACKAGES = ("ledger", "privacy", "kyc", "aml")
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


def is_current(url: str) -> bool:
    """Whether the database is at the newest revision of every package.

    Raises ConfigurationError when the user of `url` may not know.
    """
    try:
        with connect(url) as connection:
            found = connection.execute("SELECT to_regclass('public.alembic_version')").fetchone()
            if not found or found[0] is None:
                return False
            rows = connection.execute("SELECT version_num FROM public.alembic_version").fetchall()
    except InsufficientPrivilege as error:
        raise ConfigurationError(
            f"The user of EMONEY_DATABASE_URL is not a member of the role {APPLICATION_ROLE}: "
            "have the database's owner grant it."
        ) from error
    scripts = ScriptDirectory.from_config(_config())
    return set(scripts.get_heads()) == _heads_reached(scripts, {row[0] for row in rows})


def _heads_reached(scripts: ScriptDirectory, stored: set[str]) -> set[str]:
    """The branches' heads that `stored` revisions stand for; those of another version are kept as they are.

    Alembic stores no revision that another stored one depends on.
    """
    reached: set[str] = set()
    waiting = list(stored)
    while waiting:
        revision_id = waiting.pop()
        if revision_id in reached:
            continue
        reached.add(revision_id)
        with suppress(CommandError):
            revision = scripts.get_revision(revision_id)
            waiting += to_tuple(revision.down_revision, default=())
            waiting += to_tuple(revision.dependencies, default=())
    heads = set(scripts.get_heads())
    known = {revision.revision for revision in scripts.walk_revisions()}
    return (reached & heads) | (reached - known)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_folder("jobs") / "migrations"))
    locations = [str(_folder(package) / "migrations") for package in PACKAGES]
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(locations))
    return config


def _folder(package: str) -> Path:
    """Where a package lies, without importing it."""
    spec = find_spec(f"emoney.{package}")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


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
