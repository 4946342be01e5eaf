"""The schema goes up, down and up again with rows in it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from catalogue import catalogue
from migrated import schemas, use
from sqlalchemy import Integer, String, TypeDecorator, create_engine
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.sqltypes import _Binary
from sqlalchemy.types import TypeEngine

from emoney import Emoney
from emoney.jobs.migrate import PACKAGES, downgrade, is_current, upgrade
from emoney.ledger.base.postgres.database import connect
from emoney.ledger.base.postgres.table import Table
from emoney.privacy.errors import KeyringUnsafe
from emoney.testing import copy_of


@pytest.fixture
def bare_url(server_url: str) -> Iterator[str]:
    """An empty database without any schema, as its owner."""
    with copy_of(server_url, "template0") as url:
        yield url


def test_up_down_and_up_again_with_rows(bare_url: str) -> None:
    assert not is_current(bare_url)
    assert upgrade(bare_url)
    assert is_current(bare_url)
    assert schemas(bare_url) == set(PACKAGES)
    first = catalogue(bare_url)
    use(bare_url)
    downgrade(bare_url)
    assert not is_current(bare_url)
    assert schemas(bare_url) == set()
    with psycopg.connect(bare_url) as connection:
        left = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        ).fetchall()
    assert left == []
    assert upgrade(bare_url)
    assert catalogue(bare_url) == first
    use(bare_url)


def test_going_up_twice_changes_nothing(owner_url: str) -> None:
    use(owner_url)
    before = catalogue(owner_url)
    assert not upgrade(owner_url)
    assert catalogue(owner_url) == before
    use(owner_url)


def test_many_going_up_at_once_go_up_once(bare_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        changed = list(pool.map(upgrade, [bare_url] * 4))
    assert sorted(changed) == [False, False, False, True]
    use(bare_url)


def test_a_migration_that_fails_leaves_nothing(bare_url: str) -> None:
    with psycopg.connect(bare_url) as connection:
        connection.execute("CREATE SCHEMA aml")
    with pytest.raises(Exception, match="aml"):
        upgrade(bare_url)
    assert schemas(bare_url) == {"aml"}
    with psycopg.connect(bare_url) as connection:
        connection.execute("DROP SCHEMA aml")
    assert upgrade(bare_url)
    use(bare_url)


def kind_of(column_type: TypeEngine[Any]) -> type | None:
    """Whole number, text or bytes, whatever the width and whoever wraps it; None for other types."""
    if isinstance(column_type, TypeDecorator):
        return kind_of(column_type.impl_instance)
    if isinstance(column_type, DOMAIN):
        return kind_of(column_type.data_type)
    kinds: tuple[type, ...] = (Integer, String, _Binary)
    return next((kind for kind in kinds if isinstance(column_type, kind)), None)


def other_kind(
    _: object, __: object, ___: object, found: TypeEngine[Any], mapped: TypeEngine[Any]
) -> bool | None:
    """Whether two types differ in kind; None leaves it to Alembic."""
    kinds = kind_of(found), kind_of(mapped)
    return None if kinds == (None, None) else kinds[0] is not kinds[1]


def test_the_mapped_tables_are_the_tables(owner_url: str) -> None:
    """Column by column: what is mapped exists as mapped, and what exists is mapped, so declared."""
    for package in PACKAGES:
        import_module(f"emoney.{package}.tables")
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(owner_url), poolclass=NullPool)

    with psycopg.connect(owner_url) as owner:  # a partition is a part of a table, no table
        rows = owner.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'").fetchall()
    not_ours = {"alembic_version", *(name for (name,) in rows)}

    def ours(_: object, name: str | None, kind: str, __: bool, ___: object) -> bool:
        return kind in ("table", "column") and name not in not_ours

    def our_schemas(name: str | None, kind: str, _: object) -> bool:
        return kind != "schema" or name in PACKAGES

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": other_kind,
                "include_schemas": True,
                "include_object": ours,
                "include_name": our_schemas,
            },
        )
        differences = compare_metadata(context, Table.metadata)
    # comments say nothing that a mapping could contradict
    assert [str(each) for each in differences if "_table_comment" not in str(each)] == []


def test_an_installation_that_cannot_be_opened_leaves_no_connection(owner_url: str, home: Path) -> None:
    (home / "keys").mkdir(mode=0o755)
    (home / "keys" / "keyring.json").write_text("{}")
    with pytest.raises(KeyringUnsafe):
        Emoney.open(owner_url, home)
    with psycopg.connect(owner_url) as owner:
        query = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        for _ in range(2_400):
            owner.execute("SELECT pg_stat_clear_snapshot()")
            if owner.execute(query).fetchone() == (0,):
                return
            time.sleep(0.05)
    raise AssertionError("a connection of the pool is left open")
