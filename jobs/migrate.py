"""The database schema, brought up or taken down: one Alembic branch per package, each in its package.

The application may have an Alembic of its own on the same database, and may migrate before us, after us, or
call us in the middle of it: our versions are in a schema of our own, Alembic's global state is left alone.
"""

import logging
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

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
VERSIONS = "emoney_migrations"
"""The schema with the table of what was migrated. Not `emoney`: a login of that name has the schema of its
name first on its search path, so that the application's own tables would be made there."""

SCHEMAS = (*PACKAGES, VERSIONS)
"""All schemas that are made here: an application's own `alembic revision --autogenerate` passes over them."""

_LOCK_KEY = 0x656D6F6E6579  # two starts at once migrate one after the other


def upgrade(url: str) -> bool:
    """Bring the schema of every package to its newest revision; True when anything changed.

    What readers may see is made what `data/privileges.yaml` says, whether or not a migration was run.

    `url` must be of a user that may create schemas and roles. Raises ConfigurationError where that is not so,
    and when a newer version of this library made the schema.
    """
    try:
        return _run(url, "heads", up=True)
    except CommandError as error:  # a stored revision that this version does not have
        raise ConfigurationError(
            f"The database's schema is of another version of emoney ({error}): run the version that made it, "
            "or a newer one."
        ) from error
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


def is_current(url: str) -> bool:
    """Whether the database is at the newest revision of every package.

    Raises ConfigurationError when the user of `url` may not know.
    """
    try:
        with connect(url) as connection:
            table = f"{VERSIONS}.alembic_version"
            found = connection.execute("SELECT to_regclass(%s)", (table,)).fetchone()
            if not found or found[0] is None:
                return False
            rows = connection.execute(f"SELECT version_num FROM {table}").fetchall()  # noqa: S608
    except InsufficientPrivilege as error:
        raise ConfigurationError(
            f"The user of EMONEY_DATABASE_URL is not a member of the role {APPLICATION_ROLE}: "
            "have the database's owner grant it."
        ) from error
    scripts = _scripts()
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


def _scripts() -> ScriptDirectory:
    """The revisions of every package, without an Alembic environment: of those a process has one."""
    folders = [_folder(package) / "migrations" for package in PACKAGES]
    return ScriptDirectory(folders[0], version_locations=folders)


def _folder(package: str) -> Path:
    """Where a package lies, without importing it."""
    spec = find_spec(f"emoney.{package}")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _run(url: str, target: str, *, up: bool) -> bool:
    scripts = _scripts()
    steps = scripts._upgrade_revs if up else scripts._downgrade_revs

    def find(stored: Any, _: object) -> list[Any]:
        return [*steps(target, stored)]

    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(url), poolclass=NullPool)
    with engine.connect() as connection:
        driver = cast(Connection, connection.connection.driver_connection)
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK_KEY})")
        if connection.exec_driver_sql(f"SELECT to_regnamespace('{VERSIONS}')").scalar() is None:
            connection.exec_driver_sql(f"CREATE SCHEMA {VERSIONS}")
        context = MigrationContext.configure(connection, opts={"fn": find, "version_table_schema": VERSIONS})
        before = context.get_current_heads()
        context.run_migrations(connection=driver)
        after = context.get_current_heads()
        if up:
            privileges.apply(driver)
        elif not after:
            connection.exec_driver_sql(f"DROP SCHEMA {VERSIONS} CASCADE")
        connection.commit()
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK_KEY})")
        connection.commit()
    engine.dispose()
    if set(before) != set(after):
        _log.info("schema: from %s to %s", ", ".join(before) or "nothing", ", ".join(after) or "nothing")
    return set(before) != set(after)
