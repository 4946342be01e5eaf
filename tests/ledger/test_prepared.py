from collections.abc import Iterator

import psycopg
import pytest

from ledger import Database
from ledger.arrays import Bigints
from ledger.database import Connection
from ledger.prepared import Prepared

DIVIDED = "SELECT x, 12 / x FROM unnest(%(divisors)s::bigint[]) AS sent (x)"


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.autocommit() as connection:
        yield connection


def _on_the_server(connection: Connection) -> list[str]:
    rows = connection.execute("SELECT statement FROM pg_prepared_statements WHERE name LIKE 'emoney%'")
    return [statement for (statement,) in rows]


def test_rows_come_as_the_driver_reads_them(connection: Connection) -> None:
    divided = Prepared(DIVIDED)
    for divisors in ([1, 5], [], [-3, 4, 12]):
        sent = {"divisors": Bigints.of(divisors)}
        assert divided.rows(connection, sent) == connection.execute(DIVIDED, sent, binary=True).fetchall()
    assert divided.rows(connection, {"divisors": None}) == []


def test_it_is_prepared_once_a_connection(database: Database, connection: Connection) -> None:
    divided = Prepared(DIVIDED)
    for _ in range(3):
        assert divided.rows(connection, {"divisors": Bigints.of([4])}) == [(4, 3)]
    assert _on_the_server(connection) == [DIVIDED.replace("%(divisors)s", "$1")]
    with database.autocommit() as other:
        assert not _on_the_server(other)
        assert divided.rows(other, {"divisors": Bigints.of([3])}) == [(3, 4)]
        assert len(_on_the_server(other)) == 1


def test_after_an_error_it_goes_on(connection: Connection) -> None:
    divided = Prepared(DIVIDED)
    for _ in range(2):
        with pytest.raises(psycopg.errors.DivisionByZero):
            divided.rows(connection, {"divisors": Bigints.of([1, 0])})
        assert divided.rows(connection, {"divisors": Bigints.of([2])}) == [(2, 6)]


def test_one_that_cannot_be_prepared(connection: Connection) -> None:
    for _ in range(2):
        with pytest.raises(psycopg.errors.UndefinedTable):
            Prepared("SELECT * FROM ledger.nothing").rows(connection, {})
    assert not _on_the_server(connection)


def test_a_connection_that_has_ended(database: Database, connection: Connection, owner_url: str) -> None:
    divided = Prepared(DIVIDED)
    divided.rows(connection, {"divisors": Bigints.of([2])})
    with psycopg.connect(owner_url) as owner:
        owner.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
    with pytest.raises(psycopg.OperationalError):
        divided.rows(connection, {"divisors": Bigints.of([2])})
