import traceback
from contextlib import ExitStack
from typing import cast

import psycopg
import pytest
from books import Books
from psycopg import errors
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus
from sqlalchemy import text

from emoney.ledger import Database
from emoney.ledger.base.errors import ConfigurationError, ConnectionLost, Unavailable
from emoney.ledger.base.postgres.database import (
    APPLICATION_ROLE,
    Connection,
    connect,
    libpq_url,
    raw,
    sole_connection,
)
from emoney.ledger.base.postgres.pool import PoolOptions


def test_every_connection_has_the_applications_role(database: Database) -> None:
    with database.connection() as connection:
        assert connection.execute("SELECT current_user").fetchone() == (APPLICATION_ROLE,)
    with database.session() as session:
        assert session.connection().scalar(text("SELECT current_user")) == APPLICATION_ROLE
        assert raw(session).execute("SELECT current_user").fetchone() == (APPLICATION_ROLE,)


def test_a_session_and_the_connection_under_it_share_one_transaction(books: Books) -> None:
    wallet, other = books.funded(10), books.account()
    before = books.dump()
    with pytest.raises(KeyError), books.database.session() as session:  # noqa: PT012
        books.ledger.post_in(raw(session), [books.transfer(wallet, other, 10)])
        raise KeyError
    assert books.dump() == before
    with books.database.session() as session:
        books.ledger.post_in(raw(session), [books.transfer(wallet, other, 10)])
    assert books.balance(other) == 10


def test_a_server_that_does_not_answer(tmp_path: object) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        connect(f"postgresql:///emoney?host={tmp_path}")
    unreachable = Database(f"postgresql:///emoney?host={tmp_path}")
    with pytest.raises(Unavailable), unreachable.connection():
        pass


@pytest.mark.parametrize("password", ["hu@sh", "hush@"])
def test_no_part_of_a_password_is_in_the_error(password: str) -> None:
    with pytest.raises((Unavailable, ConfigurationError)) as refused:
        connect(f"postgresql://u:{password}.invalid/emoney")
    told = "".join(traceback.format_exception(refused.value))
    assert "sh" not in told.replace("password", "")
    assert refused.value.__cause__ is None


def test_a_connection_that_breaks_is_replaced(books: Books) -> None:
    def end(pid: int) -> None:
        with psycopg.connect(books.owner_url) as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (pid,))

    with pytest.raises(Unavailable, match="retry"), books.database.connection() as connection:  # noqa: PT012
        end(connection.info.backend_pid)
        connection.execute("SELECT 1")
    with pytest.raises(Unavailable, match="retry"), books.database.session() as session:  # noqa: PT012
        end(raw(session).info.backend_pid)
        session.connection().execute(text("SELECT 1"))
    assert books.post() == []


def test_a_sole_connection_is_one_transaction_and_gone_after_it(books: Books) -> None:
    wallet, other = books.funded(10), books.account()
    before, url = books.dump(), books.database.url
    with pytest.raises(KeyError), sole_connection(url) as connection:  # noqa: PT012
        books.ledger.post_in(connection, [books.transfer(wallet, other, 10)])
        raise KeyError
    assert connection.closed
    assert books.dump() == before
    with sole_connection(url) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (APPLICATION_ROLE,)
        books.ledger.post_in(connection, [books.transfer(wallet, other, 10)])
    assert (connection.closed, books.balance(other)) == (True, 10)
    with pytest.raises(ConnectionLost, match="retry"), sole_connection(url) as connection:  # noqa: PT012
        with psycopg.connect(books.owner_url) as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        connection.execute("SELECT 1")


def test_a_role_that_is_missing(owner_url: str) -> None:
    with pytest.raises(ConfigurationError, match="emoney init"):
        connect(owner_url, role="nobody_has_this_role")
    with pytest.raises(Unavailable):
        connect(make_conninfo(owner_url, user="emoney_none"))


def test_urls_as_sqlalchemy_writes_them() -> None:
    assert libpq_url("postgresql+psycopg://u:p%40@h/d") == "postgresql://u:p%40@h/d"
    assert libpq_url("host=/tmp dbname=x") == "host=/tmp dbname=x"


@pytest.mark.parametrize(
    "url",
    [
        "planted-secret",
        "mysql://u:planted-secret@h/d",
        "postgresql://u:planted-secret with a blank@h/d",
        "postgresql+psycopg://u:planted-secret@h:port/d",
    ],
)
def test_a_url_that_cannot_be_read_is_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        connect(url)
    shown = "".join(traceback.format_exception(caught.value))
    assert "planted-secret" not in shown


def test_bad_sql_keeps_the_pool_whole(database: Database) -> None:
    for _ in range(20):
        with pytest.raises(errors.UndefinedTable), database.connection() as connection:
            connection.execute("SELECT * FROM ledger.nothing")
    with database.connection() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_whatever_a_connection_was_used_for_before_a_transaction_is_one(books: Books) -> None:
    wallet, other = books.funded(10), books.account()
    before, database = books.dump(), books.database
    for again in range(2):
        with database.autocommit() as connection:
            assert connection.autocommit
            used = connection.info.backend_pid
        with pytest.raises(KeyError), database.session() as session:  # noqa: PT012
            assert raw(session).info.backend_pid == used
            books.ledger.post_in(raw(session), [books.transfer(wallet, other, 10)])
            raise KeyError
        with database.autocommit() as connection:
            assert connection.autocommit
        pooled = database.engine.raw_connection()
        assert not cast(Connection, pooled.driver_connection).autocommit
        pooled.close()
        with pytest.raises(KeyError), database.connection() as connection:  # noqa: PT012
            assert connection.info.backend_pid == used
            books.ledger.post_in(connection, [books.transfer(wallet, other, 10)])
            raise KeyError
        assert books.dump() == before, again


def test_a_connection_leaves_no_transaction_behind(books: Books) -> None:
    with pytest.raises(KeyError), books.database.autocommit() as connection:  # noqa: PT012
        connection.execute("BEGIN")
        connection.execute("CREATE TEMPORARY TABLE left_behind ()")
        raise KeyError
    with books.database.connection() as connection:
        assert connection.info.transaction_status == TransactionStatus.IDLE
        assert connection.execute("SELECT to_regclass('left_behind')").fetchone() == (None,)


def test_those_that_end_while_they_lie_in_the_pool_are_replaced(books: Books) -> None:
    with ExitStack() as leases:
        for _ in range(PoolOptions().size):
            leases.enter_context(books.database.connection()).execute("SELECT 1")
    books.terminate("usename IS NOT NULL AND pid <> pg_backend_pid()")
    for lease in [books.database.connection, books.database.autocommit] * PoolOptions().size:
        with lease() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_one_that_ends_while_it_is_given_back_is_replaced(books: Books) -> None:
    with pytest.raises(KeyError), books.database.connection() as connection:  # noqa: PT012
        connection.execute("SELECT 1")
        with psycopg.connect(books.owner_url) as owner:
            owner.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
        raise KeyError
    with books.database.connection() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
