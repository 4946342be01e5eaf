"""Transfers and entries lie by month; whatever the month, posting goes on and reading finds everything."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from books import Books, partition_of

from emoney.ledger.base.ids import derived_id, new_id
from emoney.ledger.posting import partitions
from emoney.ledger.reports import as_of, statements

# of what a foreign key refers to, no table is emptied whatever triggers say
REFUSED = (psycopg.errors.ObjectNotInPrerequisiteState, psycopg.errors.FeatureNotSupported)


def later(months: int) -> datetime:
    """The middle of the month so many months from this one, by the clock that the schema was made by."""
    today = datetime.now(UTC)
    index = today.year * 12 + today.month - 1 + months
    return datetime(index // 12, index % 12 + 1, 15, 12, tzinfo=UTC)


def test_a_month_without_partitions_gets_them_when_something_is_posted_in_it(books: Books) -> None:
    payer, payee = books.funded(1000), books.account()
    for months in (0, 1, 8, 30):
        books.now = later(months)
        sent = books.transfer(payer, payee, 10)
        books.posted(sent)
        assert partition_of(books, "entry", "transfer_id", sent.id) == f"ledger.entry_{books.now:%Y_%m}"
        assert all(outcome.replayed for outcome in books.post(sent))
    books.check()


def test_a_transfer_lies_in_the_month_that_its_id_tells(books: Books) -> None:
    payer, payee = books.funded(1000), books.account()
    books.now = later(0)
    plain = books.transfer(payer, payee, 1)
    old = books.transfer(payer, payee, 1)
    old = type(old)(
        derived_id(datetime(2019, 5, 1, tzinfo=UTC), "file", "1"), payer, payee, 1, "EUR", old.operation
    )
    other = type(old)(UUID(int=(1 << 128) - 1), payer, payee, 1, "EUR", old.operation)
    books.posted(plain, old, other)
    assert partition_of(books, "transfer", "id", plain.id) == f"ledger.transfer_{datetime.now(UTC):%Y_%m}"
    assert partition_of(books, "transfer", "id", old.id) == "ledger.transfer_before"
    assert partition_of(books, "transfer", "id", other.id) == "ledger.transfer_other"
    assert all(outcome.replayed for outcome in books.post(plain, old, other))
    books.check()


def test_statements_and_balances_reach_over_months(books: Books) -> None:
    payer, payee = books.funded(1000), books.account()
    moments = []
    for months in (0, 1, 2, 5):
        books.now = later(months)
        moments.append(books.now)
        books.posted(*(books.transfer(payer, payee, 1) for _ in range(3)))
    with books.database.connection() as connection:
        for number, moment in enumerate(moments):
            assert as_of.balance(connection, payee, moment - timedelta(days=1)) == 3 * number
            assert as_of.balance(connection, payee, moment) == 3 * (number + 1)
        assert [line.version for line in statements.page(connection, payee, limit=5)] == [1, 2, 3, 4, 5]
        assert [line.balance for line in statements.lines(connection, payee)] == list(range(1, 13))
    books.check()


def test_making_partitions_again_makes_none_and_only_within_bounds(books: Books) -> None:
    first = later(0)
    with books.database.connection() as connection:
        partitions.make(connection, first, 12)
        assert partitions.make(connection, first, 12) == 0
    for at, months in ((first, 0), (first, 37), (datetime(1999, 1, 1, tzinfo=UTC), 1)):
        with pytest.raises(psycopg.DataError), books.database.connection() as connection:
            partitions.make(connection, at, months)


def test_rows_go_into_partitions_as_they_are(books: Books) -> None:
    """A partition has its table's columns, the dropped ones too: else PostgreSQL remakes each row for it."""
    with books.database.connection() as connection:
        assert partitions.make(connection, later(20)) == 3
        rows = connection.execute(
            "SELECT pg_partition_root(p.oid)::regclass::text, p.oid::regclass::text, a.attnum, a.attname,"
            " a.attisdropped, a.attlen, a.attalign"
            " FROM pg_class AS p JOIN pg_attribute AS a ON a.attrelid = p.oid"
            " WHERE p.relkind IN ('r', 'p') AND a.attnum > 0"
            " AND pg_partition_root(p.oid) = ANY"
            "(ARRAY['ledger.claim', 'ledger.transfer', 'ledger.entry']::regclass[])"
        ).fetchall()
    columns: dict[str, dict[str, set[object]]] = {}
    for table, part, *column in rows:
        columns.setdefault(table, {}).setdefault(part, set()).add(tuple(column))
    assert set(columns) == {"ledger.claim", "ledger.transfer", "ledger.entry"}
    for table, parts in columns.items():
        assert len(parts) >= 5
        assert all(part == parts[table] for part in parts.values())


@pytest.mark.parametrize("table", ["claim", "transfer", "entry"])
@pytest.mark.parametrize("verb", ["DELETE FROM {0}", "UPDATE {0} SET {1} = NULL", "TRUNCATE {0}"])
def test_no_partition_is_a_way_around_the_append_only_rule(books: Books, table: str, verb: str) -> None:
    books.now = later(9)
    payer = books.funded(10)
    books.posted(books.transfer(payer, books.account(), 1))
    with psycopg.connect(books.owner_url) as owner:
        names = owner.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass",
            (f"ledger.{table}",),
        ).fetchall()
    assert len(names) >= 4
    before = books.dump()
    for (name,) in names:
        with (
            pytest.raises(REFUSED),
            psycopg.connect(books.owner_url) as owner,
        ):
            owner.execute(verb.format(name, "content_hash" if table == "claim" else "amount"))
        with pytest.raises(psycopg.errors.InsufficientPrivilege), books.database.connection() as connection:
            connection.execute(f"SELECT FROM {name}")
    assert books.dump() == before


def test_the_same_id_is_taken_over_all_partitions(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    sent = books.transfer(payer, payee, 10)
    books.posted(sent)
    books.now = later(4)
    assert books.post(sent)[0].replayed
    assert books.post(books.transfer(payer, payee, 1))[0].posted
    assert new_id() != sent.id
    books.check()
