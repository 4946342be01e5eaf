from collections.abc import Callable, Iterator

import psycopg
import pytest
from books import Books

from emoney.ledger import Database, Ledger, Outcome, Transfer
from emoney.ledger.base.postgres.binary_arrays import Bigints
from emoney.ledger.base.postgres.cursors import CachingConnection, rows
from emoney.ledger.base.postgres.database import Connection

DIVIDED = "SELECT x, 12 / x FROM unnest(%(divisors)s::bigint[]) AS sent (x)"
OFTEN = 8
"""More often than the driver executes a query before it prepares it."""


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.autocommit() as connection:
        yield connection


def test_rows_come_as_they_do_from_a_new_cursor(connection: Connection, owner_url: str) -> None:
    with psycopg.connect(owner_url) as plain:
        for divisors in ([1, 5], [], [-3, 4, 12], None) * OFTEN:
            sent = {"divisors": None if divisors is None else Bigints.of(divisors)}
            new = connection.execute(DIVIDED, sent, binary=True).fetchall()
            assert rows(connection, DIVIDED, sent) == rows(plain, DIVIDED, sent) == new


def test_many_values_are_not_kept(connection: Connection) -> None:
    assert isinstance(connection, CachingConnection)
    for count in (3, 1_000, 4):
        divisors = range(1, count + 1)
        found = rows(connection, DIVIDED, {"divisors": Bigints.of(divisors)})
        assert found == [(each, 12 // each) for each in divisors]
        kept = connection.cursor_for(DIVIDED)
        assert kept.rownumber is not None
        assert kept.rowcount <= 4


def test_after_an_error_it_goes_on(connection: Connection) -> None:
    for _ in range(OFTEN):
        with pytest.raises(psycopg.errors.DivisionByZero):
            rows(connection, DIVIDED, {"divisors": Bigints.of([1, 0])})
        assert rows(connection, DIVIDED, {"divisors": Bigints.of([2])}) == [(2, 6)]


def _roll_back(database: Database) -> None:
    with pytest.raises(KeyError), database.connection() as connection:  # noqa: PT012
        connection.execute("SELECT 1")
        raise KeyError


def _roll_back_to_a_savepoint(database: Database) -> None:
    with database.connection() as connection:
        connection.execute("SELECT 1")
        with pytest.raises(KeyError), connection.transaction():
            raise KeyError


def _deallocate(database: Database) -> None:
    with database.autocommit() as connection:
        connection.execute("DEALLOCATE ALL")


def _discard(database: Database) -> None:
    with database.autocommit() as connection:
        connection.execute("DISCARD PLANS")


@pytest.mark.parametrize("then", [_roll_back, _roll_back_to_a_savepoint, _deallocate, _discard])
def test_single_transfers_need_no_locks_whatever_a_connection_was_used_for_before(
    books: Books, monkeypatch: pytest.MonkeyPatch, then: Callable[[Database], None]
) -> None:
    """The driver forgets what it has prepared when it rolls back."""
    a, b = books.funded(1_000), books.account()
    books.posted(*(books.transfer(a, b, 1) for _ in range(3)))  # limits and partitions are known

    def under_locks(_: Ledger, transfers: list[Transfer]) -> list[Outcome]:
        raise AssertionError(transfers)

    monkeypatch.setattr(Ledger, "_post", under_locks)
    for _ in range(3):
        for _ in range(OFTEN):
            assert books.post(books.transfer(a, b, 1))[0].posted
        then(books.database)
    account_cache = books.ledger.account_cache()
    assert books.ledger.post([books.transfer(a, b, 1)], account_cache)[0].posted
    assert next(books.ledger.post_all([[books.transfer(a, b, 1)]]))[0].posted
    books.check()
