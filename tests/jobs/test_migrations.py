"""The schema goes up, down and up again with rows in it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from databases import copy_of
from migrated import schema, schemas, use
from sqlalchemy import Integer, String, TypeDecorator, create_engine
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.sqltypes import _Binary
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel

from emoney import ledger
from emoney.jobs.migrate import PACKAGES, downgrade, is_current, upgrade
from emoney.ledger import AccountKind, Database, Ledger, Operation, Transfer
from emoney.ledger.base.errors import SplitGroup
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import connect
from emoney.ledger.reports.trial_balance import trial_balance


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
    first = schema(bare_url)
    use(bare_url)
    downgrade(bare_url)
    assert not is_current(bare_url)
    assert schemas(bare_url) == set()
    with psycopg.connect(bare_url) as connection:
        left = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        ).fetchall()
    assert left == [("alembic_version",)]
    assert upgrade(bare_url)
    assert schema(bare_url) == first
    use(bare_url)


def test_going_up_twice_changes_nothing(owner_url: str) -> None:
    use(owner_url)
    before = schema(owner_url)
    assert not upgrade(owner_url)
    assert schema(owner_url) == before
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
        differences = compare_metadata(context, SQLModel.metadata)
    # comments say nothing that a mapping could contradict
    assert [str(each) for each in differences if "_table_comment" not in str(each)] == []


def test_claims_get_their_hashes_back_when_that_is_undone(owner_url: str, database: Database) -> None:
    books = Ledger(database)
    funds, wallet = (
        books.open_account(kind, "GHS", kind) for kind in (AccountKind.SAFEGUARDING, AccountKind.CUSTOMER)
    )
    moments = [None, *(datetime(2026, 1, 2, 3, 4, 5, micro, UTC) for micro in (0, 120_000, 123_456))]
    sent = [
        Transfer(new_id(), funds, wallet, 10 + n, "GHS", Operation.LOAD, f"slip|{n}é", effective_at=at)
        for n, at in enumerate(moments)
    ]
    sent.append(Transfer(new_id(), wallet, funds, 10**9, "GHS", Operation.REDEEM_CASH, group=new_id()))
    assert [outcome.posted for outcome in books.post(sent)] == [True] * len(moments) + [False]
    down = (Path(ledger.__file__).parent / "migrations").glob("*.down.sql")
    with psycopg.connect(owner_url) as owner:
        for each in sorted((each for each in down if each.name >= "0019_claims"), reverse=True):
            owner.execute(each.read_bytes())
        stored = dict(owner.execute("SELECT id, content_hash FROM ledger.claim").fetchall())
    assert stored == {transfer.id: transfer.content_hash() for transfer in sent}


def test_events_after_a_return_to_single_steps_come_after_all_before(
    owner_url: str, database: Database
) -> None:
    books = Ledger(database)
    funds, wallet = (
        books.open_account(kind, "GHS", kind) for kind in (AccountKind.SAFEGUARDING, AccountKind.CUSTOMER)
    )
    refused = [Transfer(new_id(), wallet, funds, 1 + n, "GHS", Operation.REDEEM_CASH) for n in range(40)]
    assert not any(outcome.posted for outcome in books.post(refused))
    down = Path(ledger.__file__).parent / "migrations" / "0024_order.down.sql"
    with psycopg.connect(owner_url) as owner:
        owner.execute(down.read_bytes())
        last, following = owner.execute(
            "SELECT max(position), nextval('ledger.event_position') FROM ledger.refusal"
        ).fetchall()[0]
    assert following > last


def test_groups_that_were_sent_before_groups_were_claimed_are_not_continued(
    owner_url: str, database: Database
) -> None:
    books = Ledger(database)
    funds, wallet = (
        books.open_account(kind, "GHS", kind) for kind in (AccountKind.SAFEGUARDING, AccountKind.CUSTOMER)
    )
    load = Transfer(new_id(), funds, wallet, 10, "GHS", Operation.LOAD, "slip", group=new_id())
    refused = Transfer(new_id(), wallet, funds, 11, "GHS", Operation.REDEEM_CASH, group=new_id())
    assert [outcome.posted for outcome in books.post([load, refused])] == [True, False]
    down, up = (
        (Path(ledger.__file__).parent / "migrations" / f"0023_groups.{way}.sql").read_bytes()
        for way in ("down", "up")
    )
    with psycopg.connect(owner_url) as owner:
        owner.execute(down)
        claims = owner.execute("SELECT id FROM ledger.claim").fetchall()
        assert {claimed for (claimed,) in claims} == {load.id, refused.id}
        owner.execute(up)
    for sent in (load, refused):
        with pytest.raises(SplitGroup):
            books.post([replace(sent, id=new_id())])
        assert books.post([sent])[0].replayed
    with database.connection() as connection:
        assert trial_balance(connection).balanced


def test_entries_tell_their_side_again_when_that_is_undone(owner_url: str, database: Database) -> None:
    use(owner_url)
    books = Ledger(database)
    wallet = books.open_account(AccountKind.CUSTOMER, "EUR", "wallet")
    funds = books.open_account(AccountKind.SAFEGUARDING, "EUR", "bank")
    migrations = Path(ledger.__file__).parent / "migrations"

    def run(way: str, *names: str) -> None:
        with psycopg.connect(owner_url) as owner:
            for name in names:
                owner.execute((migrations / f"{name}.{way}.sql").read_bytes())

    first = schema(owner_url)

    def entries(columns: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(owner_url) as owner:
            return owner.execute(
                f"SELECT {columns}, account_id, version, transfer_id, posted_at, balance_after"
                " FROM ledger.entry ORDER BY account_id, version"
            ).fetchall()

    signed = entries("amount")
    assert sorted(amount for amount, *_ in signed) == [-100, -50, -20, 20, 50, 100]
    run("down", "0026_singly", "0021_signed_entries")
    assert entries("direction * amount") == signed
    assert {(side, amount) for side, amount, *_ in entries("direction, amount")} == {
        (side, amount) for side in (1, -1) for amount in (20, 50, 100)
    }
    # the way of before posts and makes partitions, and what it left goes up again
    assert books.post([Transfer(new_id(), funds, wallet, 7, "EUR", Operation.LOAD, "slip")])[0].posted
    with psycopg.connect(owner_url) as owner:
        owner.execute("SELECT ledger.make_partitions_v1('2030-01-15', 1)")
    run("up", "0021_signed_entries", "0026_singly")
    with psycopg.connect(owner_url) as owner:
        owner.execute("SELECT ledger.make_partitions_v2('2030-02-15', 1)")
    assert [each for each in entries("amount") if each[1] not in (funds, wallet)] == signed
    assert {each[0] for each in entries("amount") if each[1] in (funds, wallet)} == {7, -7}
    months = ("2030_01", "2030_02")
    assert [row for row in schema(owner_url) if not any(month in repr(row) for month in months)] == first
    use(owner_url)
