"""Which revisions of the schema there are, and whether a database is at the newest, asked without Alembic.

Every process that opens an installation asks; Alembic takes longer to load than the answer to find.
"""

import ast
import hashlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from psycopg.errors import InsufficientPrivilege

from emoney import data
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.postgres.database import APPLICATION_ROLE, connect

PACKAGES = ("ledger", "privacy", "kyc", "aml")

VERSIONS = "emoney_migrations"
"""The schema with the table of what was migrated. Not `emoney`: a login of that name has the schema of its
name first on its search path, so that the application's own tables would be made there."""

SCHEMAS = (*PACKAGES, VERSIONS)
"""All schemas that are made here: an application's own `alembic revision --autogenerate` passes over them."""


class Revision(NamedTuple):
    """A revision file of Alembic, and those that come before it."""

    id: str
    before: tuple[str, ...]


def folder(package: str) -> Path:
    """Where a package lies, without importing it."""
    spec = find_spec(f"emoney.{package}")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def folders() -> list[Path]:
    """Where the revisions lie, a folder for each package."""
    return [folder(package) / "migrations" for package in PACKAGES]


def shipped() -> dict[str, Revision]:
    """The revisions of every package, by their ids."""
    files = (file for each in folders() for file in each.glob("*.py"))
    return {revision.id: revision for revision in map(_read, files)}


def is_current(url: str) -> bool:
    """Whether the database is at the newest revision of every package.

    Raises ConfigurationError when another version of the library, most likely a newer one, brought it where
    it is, or the user of `url` may not know.
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
    known = shipped()
    newest = known.keys() - {before for revision in known.values() for before in revision.before}
    reached = _reached(known, (row[0] for row in rows))
    if unknown := sorted(reached - known.keys()):
        raise of_another_version(f"it has {', '.join(unknown)}")
    return newest <= reached


def of_another_version(why: str) -> ConfigurationError:
    """What to raise for a schema that these revisions did not make."""
    return ConfigurationError(
        f"The database's schema is of another version of emoney ({why}): run the version that made it, "
        "or a newer one."
    )


def readers_digest() -> str:
    """What stands for `privileges.yaml` as it is here: another text, another digest."""
    text = data.folder("privileges.yaml").read_bytes()
    return hashlib.sha256(text).hexdigest()


def _reached(known: dict[str, Revision], stored: Iterable[str]) -> set[str]:
    """`stored`, and all revisions before them: Alembic stores none that another stored one depends on."""
    reached: set[str] = set()
    waiting = list(stored)
    while waiting:
        revision = waiting.pop()
        if revision not in reached:
            reached.add(revision)
            waiting += known[revision].before if revision in known else ()
    return reached


def _read(file: Path) -> Revision:
    said = {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return Revision(said["revision"], (*_several(said["down_revision"]), *_several(said["depends_on"])))


def _several(named: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return () if named is None else (named,) if isinstance(named, str) else tuple(named)
