"""The database schema, brought up or taken down: one Alembic branch per package, each in its package.

The application may have an Alembic of its own on the same database, and may migrate before us, after us, or
call us in the middle of it: our versions are in a schema of our own, Alembic's global state is left alone.

All revisions that are missing run in one transaction: the schema is where it was, or at the newest.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import create_engine
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from emoney.jobs import revisions
from emoney.jobs.revisions import PACKAGES as PACKAGES
from emoney.jobs.revisions import VERSIONS, of_another_version
from emoney.jobs.revisions import is_current as is_current  # beside what brings a database there
from emoney.ledger.base import turns
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.postgres.database import Connection, connect
from emoney.ledger.base.postgres.logins import as_owner, make_logins
from emoney.privacy import privileges

_log = logging.getLogger(__name__)

_WORK = "emoney.migrations"  # two starts at once migrate one after the other

_WITH_VALUES = "22"
"""The class of SQLSTATEs whose messages quote what was in a row."""


class MigrationFailed(ConfigurationError):
    """A step of the schema's way up or down that did not work. The database is as it was before all steps."""


def upgrade(url: str) -> bool:
    """Bring the schema of every package to its newest revision; True when anything changed.

    What readers may see is made what `data/privileges.yaml` says, whether or not a migration was run.

    `url` must be of a user that may create schemas and roles; on the embedded server the owner logs in for
    it, and the logins of roles that have none yet are made. Raises ConfigurationError where that is not so,
    and when a newer version of this library made the schema; MigrationFailed when a revision does not work,
    with nothing changed.
    """
    try:
        return _run(url, "heads", up=True)
    except CommandError as error:  # a stored revision that this version does not have
        raise of_another_version(str(error)) from error
    except (ProgrammingError, InsufficientPrivilege) as error:
        if isinstance(getattr(error, "orig", error), InsufficientPrivilege):
            raise ConfigurationError(
                "The user of EMONEY_DATABASE_URL may not create schemas and roles in this database: "
                "`emoney init` needs its owner's URL."
            ) from error
        raise


def downgrade(url: str, target: str = "base") -> None:
    """Take every package's schema away again, with all that is in it; with `kyc@base`, that of one."""
    _run(url, target, up=False)


def _run(url: str, target: str, *, up: bool) -> bool:
    folders = revisions.folders()
    scripts = ScriptDirectory(folders[0], version_locations=folders)
    steps = scripts._upgrade_revs if up else scripts._downgrade_revs

    waiting: list[Any] = []

    def find(stored: Any, _: object) -> list[Any]:
        waiting[:] = steps(target, stored)
        return [*waiting]

    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: connect(as_owner(url)), poolclass=NullPool
    )
    with engine.connect() as connection:
        driver = cast(Connection, connection.connection.driver_connection)
        turns.take(driver, _WORK, for_session=True)
        if connection.exec_driver_sql(f"SELECT to_regnamespace('{VERSIONS}')").scalar() is None:
            connection.exec_driver_sql(f"CREATE SCHEMA {VERSIONS}")
        context = MigrationContext.configure(
            connection,
            opts={
                "fn": find,
                "version_table_schema": VERSIONS,
                "on_version_apply": (lambda **_: waiting.pop(0),),
            },
        )
        before = context.get_current_heads()
        with _naming(waiting):
            context.run_migrations(connection=driver)
        after = context.get_current_heads()
        if up:
            privileges.apply(driver)
            make_logins(driver, url)
        elif not after:
            connection.exec_driver_sql(f"DROP SCHEMA {VERSIONS} CASCADE")
        connection.commit()
        turns.give_back(driver, _WORK)
        connection.commit()
    engine.dispose()
    if set(before) != set(after):
        _log.info("schema: from %s to %s", ", ".join(before) or "nothing", ", ".join(after) or "nothing")
    return set(before) != set(after)


@contextmanager
def _naming(waiting: list[Any]) -> Iterator[None]:
    """An error of the database inside is that of the first revision that waits. It tells no row's content."""
    try:
        yield
    except InsufficientPrivilege:
        raise
    except psycopg.Error as error:
        if not waiting:
            raise
        told = None if (error.sqlstate or "").startswith(_WITH_VALUES) else error.diag.message_primary
        raise MigrationFailed(
            f"The schema could not be changed: revision {waiting[0].revision.revision} failed "
            f"({type(error).__name__}{f': {told}' if told else ''}). Nothing was changed, and the version "
            "that ran before goes on. Put right what the database complains of (its log says more), then run "
            "`emoney init` again."
        ) from None
