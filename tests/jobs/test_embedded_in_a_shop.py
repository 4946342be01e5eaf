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
from emoney.jobs.installation import init
from emoney.jobs.migrate import PACKAGES, downgrade, is_current
from emoney.testing import copy_of

SHOP = Path(__file__).with_name("shop")
DOCS = Path(__file__).parents[2] / "docs" / "embedding.md"
ALEMBIC = "import sys; from alembic.config import main; [main(each.split()) for each in sys.argv[1:]]"
UNCHANGED = "No new upgrade operations detected.\n"
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

    def alembic(self, *commands: str, **more: str) -> str:
        """What the shop's Alembic says to these commands, one after the other."""
        return self.python("-c", ALEMBIC, *commands, **more)

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


@pytest.mark.timeout(600)  # each process loads the house
@pytest.mark.parametrize("order", [OURS_FIRST, THEIRS_FIRST, IN_THE_MIDDLE])
def test_both_migrate_one_database(place: Place, order: str) -> None:
    if order == OURS_FIRST:
        assert init(place.url)
    place.alembic("upgrade head", **({"SHOP_MIGRATES_EMONEY": "1"} if order == IN_THE_MIDDLE else {}))
    if order == THEIRS_FIRST:
        assert init(place.url)
    theirs = {"alembic_version", "person", "wallet", "purchase"}
    assert place.tables("public") == theirs
    assert place.tables("emoney_migrations") == {"alembic_version"}
    assert is_current(place.url)

    assert place.python("serve.py", str(place.folder / "home")) == "sold 40\n"
    # nothing of ours is seen as to be dropped, whether other schemas are looked at or not
    assert place.alembic("check", "-x schemas=all check", "downgrade base") == 2 * UNCHANGED
    assert place.tables("public") == {"alembic_version"}
    assert is_current(place.url)
    downgrade(place.url)
    assert not any(place.tables(schema) for schema in SCHEMAS)
    assert place.alembic("upgrade head", "check", "-x schemas=all check") == 2 * UNCHANGED
    assert place.tables("public") == theirs


@pytest.mark.timeout(600)
def test_without_the_line_of_the_docs_other_schemas_would_be_dropped(place: Place) -> None:
    """Or the test above would show nothing."""
    assert init(place.url)
    environment = place.folder / "migrations" / "env.py"
    line = '    return kind != "schema" or name not in SCHEMAS\n'
    assert line in DOCS.read_text(encoding="utf-8")
    script = environment.read_text(encoding="utf-8")
    assert line in script
    environment.write_text(script.replace(line, "    return True\n"), encoding="utf-8")
    with pytest.raises(AssertionError, match="remove_table") as caught:
        place.alembic("upgrade head", "check", "-x schemas=all check")
    assert str(caught.value).startswith(UNCHANGED)  # of their own schema alone


def test_all_schemas_of_ours_are_named(owner_url: str) -> None:
    with psycopg.connect(owner_url) as connection:
        rows = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        )
        assert {name for (name,) in rows} == {*SCHEMAS, "public"}
    assert set(PACKAGES) < set(SCHEMAS)
