"""What an operator sets of the pool reaches the connections, and what makes no sense is refused at once."""

import time
from typing import Any

import psycopg
import pytest
from books import Books
from psycopg.conninfo import make_conninfo

from emoney.ledger import Database, PoolOptions
from emoney.ledger.base.errors import ConfigurationError, Unavailable

SHORT_S = 0.2


@pytest.fixture
def opened(owner_url: str) -> Any:
    made: list[Database] = []

    def opened(**options: Any) -> Database:
        made.append(Database(owner_url, PoolOptions(**options)))
        return made[-1]

    yield opened
    for database in made:
        database.close()


def shown(database: Database, name: str) -> str:
    with database.connection() as connection:
        row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
        assert row is not None
        return str(row[0])


def test_the_defaults_set_nothing(opened: Any, owner_url: str) -> None:
    named = Database(make_conninfo(owner_url, application_name="of the url"))
    with psycopg.connect(owner_url) as plain:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            row = plain.execute("SELECT current_setting(%s)", (name,)).fetchone()
            assert row is not None
            assert shown(opened(), name) == row[0]
    assert shown(named, "application_name") == "of the url"
    named.close()


def test_what_is_set_is_so_on_every_connection(opened: Any) -> None:
    database = opened(
        statement_timeout_s=90,
        lock_timeout_s=1.5,
        idle_in_transaction_timeout_s=0.0001 * 10_000,
        application_name="shop worker",
    )
    for _ in range(2):  # a new one, and the same from the pool
        assert shown(database, "statement_timeout") == "90s"
        assert shown(database, "lock_timeout") == "1500ms"
        assert shown(database, "idle_in_transaction_session_timeout") == "1s"
        assert shown(database, "application_name") == "shop worker"
        assert shown(database, "role") == "emoney_app"


def test_a_statement_that_takes_too_long_is_ended(opened: Any) -> None:
    database = opened(statement_timeout_s=SHORT_S)
    with pytest.raises(Unavailable, match="QueryCanceled"), database.connection() as connection:
        connection.execute("SELECT pg_sleep(30)")
    assert shown(database, "statement_timeout") == "200ms"


def test_a_lock_that_does_not_come_ends_the_wait(books: Books, opened: Any) -> None:
    database, wallet = opened(lock_timeout_s=SHORT_S), books.account()
    locked, told = books.locked(wallet), pytest.raises(Unavailable, match="LockNotAvailable")
    with locked, told, database.connection() as connection:
        connection.execute("SELECT 1 FROM ledger.account WHERE id = %s FOR UPDATE", (wallet,))


def test_a_transaction_that_idles_is_ended(opened: Any) -> None:
    database = opened(idle_in_transaction_timeout_s=SHORT_S)
    with pytest.raises(Unavailable), database.connection() as connection:  # noqa: PT012
        connection.execute("SELECT 1")
        time.sleep(5 * SHORT_S)
        connection.execute("SELECT 1")
    assert shown(database, "application_name") == ""


def test_more_than_all_connections_wait_and_then_are_told(opened: Any) -> None:
    database = opened(size=1, overflow=1, wait_s=SHORT_S)
    with database.connection(), database.connection(), pytest.raises(Unavailable, match=r"0\.2 s"):
        database.connection().__enter__()
    assert shown(database, "role") == "emoney_app"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"size": 0}, "size is 0"),
        ({"size": True}, "size is True"),
        ({"size": "8"}, "size is '8'"),
        ({"overflow": -1}, "overflow is -1"),
        ({"size": 1, "overflow": 0}, "group commit"),
        ({"size": 1001}, "size is 1001"),
        ({"wait_s": float("nan")}, "wait_s is nan"),
        ({"wait_s": float("inf")}, "wait_s is inf"),
        ({"wait_s": -1}, "wait_s is -1"),
        ({"connect_timeout_s": 0}, "connect_timeout_s is 0"),
        ({"connect_timeout_s": 1.5}, "connect_timeout_s is 1.5"),
        ({"statement_timeout_s": 0}, "statement_timeout_s is 0"),
        ({"lock_timeout_s": 0.0001}, "lock_timeout_s is 0.0001"),
        ({"idle_in_transaction_timeout_s": "1"}, "idle_in_transaction_timeout_s is '1'"),
        ({"application_name": ""}, "application_name is ''"),
        ({"application_name": "x" * 64}, "application_name"),
        ({"application_name": "a\nb"}, "application_name"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        PoolOptions(**wrong)
    assert named in str(refused.value)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        PoolOptions(size=0, wait_s=-1, statement_timeout_s=-1, application_name="")
    for name in ("size", "wait_s", "statement_timeout_s", "application_name"):
        assert f"{name} is" in str(refused.value)
