"""A web shop with its own Person, Alembic, `jobs` and `data` has emoney in its process and its database."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from emoney import SCHEMAS
from emoney.jobs.migrate import PACKAGES, downgrade, is_current
from emoney.testing import copy_of

SHOP = Path(__file__).with_name("shop")
DOCS = Path(__file__).parents[2] / "docs" / "embedding.md"
ALEMBIC = "from alembic.config import main; main()"
EMONEY = "from emoney.jobs.cli import main; main()"
OURS_FIRST, THEIRS_FIRST, IN_THE_MIDDLE = "ours first", "theirs first", "in the middle of theirs"


class Place:
    """The shop's folder, and a database that nothing was made in."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.environment = os.environ | {"SHOP_DATABASE_URL": url, "EMONEY_DATABASE_URL": url}
        self.environment |= {"EMONEY_HOME": str(folder / "home")}

    def python(self, *arguments: str, **more: str) -> str:
        """What Python says in the shop's folder."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment | more,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tables(self, schema: str) -> set[str]:
        with psycopg.connect(self.url) as connection:
            query = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
            return {name for (name,) in connection.execute(query, (schema,))}


@pytest.fixture
def place(tmp_path: Path, server_url: str) -> Iterator[Place]:
    shutil.copytree(SHOP, tmp_path / "shop")
    (tmp_path / "shop" / "home").mkdir()
    with copy_of(server_url, "template0") as url:
        yield Place(tmp_path / "shop", url)


@pytest.mark.parametrize("order", [OURS_FIRST, THEIRS_FIRST, IN_THE_MIDDLE])
def test_both_migrate_one_database(place: Place, order: str) -> None:
    if order == OURS_FIRST:
        place.python("-c", EMONEY, "init")
    place.python(
        "-c", ALEMBIC, "upgrade", "head", **({"SHOP_MIGRATES_EMONEY": "1"} if order == IN_THE_MIDDLE else {})
    )
    if order == THEIRS_FIRST:
        place.python("-c", EMONEY, "init")
    theirs = {"alembic_version", "person", "wallet", "purchase"}
    assert place.tables("public") == theirs
    assert place.tables("emoney_migrations") == {"alembic_version"}
    assert is_current(place.url)

    # nothing of ours is seen as to be dropped, whether other schemas are looked at or not
    for arguments in ((), ("-x", "schemas=all")):
        assert "No new upgrade operations" in place.python("-c", ALEMBIC, *arguments, "check")
    assert place.python("serve.py", str(place.folder / "home")) == "sold 40\n"

    place.python("-c", ALEMBIC, "downgrade", "base")
    assert place.tables("public") == {"alembic_version"}
    assert is_current(place.url)
    place.python("-c", ALEMBIC, "upgrade", "head")
    downgrade(place.url)
    assert place.tables("public") == theirs
    assert not any(place.tables(schema) for schema in SCHEMAS)
    assert "No new upgrade operations" in place.python("-c", ALEMBIC, "check")


def test_without_the_line_of_the_docs_other_schemas_would_be_dropped(place: Place) -> None:
    """Or the test above would show nothing."""
    place.python("-c", EMONEY, "init")
    place.python("-c", ALEMBIC, "upgrade", "head")
    environment = place.folder / "migrations" / "env.py"
    line = '    return kind != "schema" or name not in SCHEMAS\n'
    assert line in DOCS.read_text(encoding="utf-8")
    script = environment.read_text(encoding="utf-8")
    assert line in script
    environment.write_text(script.replace(line, "    return True\n"), encoding="utf-8")
    assert "No new upgrade operations" in place.python("-c", ALEMBIC, "check")
    with pytest.raises(AssertionError, match="remove_table"):
        place.python("-c", ALEMBIC, "-x", "schemas=all", "check")


def test_all_schemas_of_ours_are_named(owner_url: str) -> None:
    with psycopg.connect(owner_url) as connection:
        rows = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        )
        assert {name for (name,) in rows} == {*SCHEMAS, "public"}
    assert set(PACKAGES) < set(SCHEMAS)
