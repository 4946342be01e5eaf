"""All or nothing in a transaction of the caller's: a call that raises leaves nothing of itself behind.

Its caller may go on and commit: what the caller wrote before stays, and an id that the call had claimed is
free again. Where the call is the first in its transaction that costs nothing, where not a savepoint, of two
short round trips. A call within a call costs nothing either: the outer one undoes both.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from typing import ParamSpec, TypeVar
from weakref import WeakSet

import psycopg
from psycopg.pq import TransactionStatus

from emoney.ledger.base.errors import TransactionFailed
from emoney.ledger.base.postgres.database import REFUSED, Connection, raise_as_told
from emoney.ledger.base.postgres.tuples import place_of_connection, tuples

Given = ParamSpec("Given")
Result = TypeVar("Result")

_guarded: "WeakSet[Connection]" = WeakSet()


@contextmanager
def savepoint(connection: Connection, *, own: bool = False) -> Iterator[None]:
    """What is done in it is undone when it raises; the transaction around it goes on.

    On a connection in autocommit and in no transaction, it is one. Within it rows are tuples, whatever the
    connection's owner reads them as. `own`: also within another, which would undo both: for whoever goes on
    after the error. Raises TransactionFailed where a statement of the caller's has failed, ClockSkew where
    the database refuses a time.
    """
    if connection in _guarded:
        with attempt(connection) if own else nullcontext():
            yield
        return
    try:
        with _savepoint(connection):
            yield
    except REFUSED as error:
        raise_as_told(error)


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    if connection.info.transaction_status == TransactionStatus.INERROR:
        raise TransactionFailed(
            "a statement failed in this transaction: roll it back first, or to a savepoint"
        )
    _guarded.add(connection)
    try:
        with tuples(connection):
            if connection.autocommit or connection.info.transaction_status != TransactionStatus.IDLE:
                with attempt(connection):
                    yield
            else:
                try:
                    yield
                except BaseException:
                    if not connection.closed:
                        connection.rollback()  # before it, there was nothing in the transaction
                    raise
    finally:
        _guarded.discard(connection)


@contextmanager
def attempt(connection: Connection) -> Iterator[psycopg.Transaction]:
    """A part of a call that may fail and be told otherwise: what is done in it is undone when it raises.

    It commits nothing of the caller's: where no transaction has begun, psycopg's own block would be one
    of its own, so the caller's is begun first. On a connection in autocommit and in none, it is one.
    """
    if not connection.autocommit and connection.info.transaction_status == TransactionStatus.IDLE:
        connection.execute("SELECT")
    with connection.transaction() as attempted:
        yield attempted


def all_or_nothing(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """For a function that writes over its parameter `connection`: where it raises, nothing is written."""
    place = place_of_connection(function)

    @wraps(function)
    def guarded(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        connection = kwargs["connection"] if "connection" in kwargs else args[place]
        with savepoint(connection):  # type: ignore[arg-type]
            return function(*args, **kwargs)

    return guarded
