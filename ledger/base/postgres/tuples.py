"""Rows as tuples, whatever the owner of a connection reads them as (psycopg's `row_factory`).

What is written over a caller's connection reads so within its savepoint (`ledger.base.postgres.savepoints`);
what only reads is `reads_tuples`.
"""

import inspect
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import psycopg
from psycopg.rows import tuple_row

from emoney.ledger.base.postgres.database import Connection

Given = ParamSpec("Given")
Result = TypeVar("Result")


def place_of_connection(function: Callable[..., object]) -> int:
    """Where among its positional parameters a function takes `connection`."""
    return list(inspect.signature(function).parameters).index("connection")


def _is_plain(cursor_factory: type[Any]) -> bool:
    """Whether its cursors send parameters as psycopg's own do; a subclass that only looks on does."""
    return issubclass(cursor_factory, psycopg.Cursor) and not issubclass(
        cursor_factory, psycopg.ClientCursor | psycopg.RawCursor
    )


@contextmanager
def tuples(connection: Connection) -> Iterator[None]:
    """Within it cursors of the connection send and give as psycopg's plain ones do; then as before."""
    row_factory, cursor_factory = connection.row_factory, connection.cursor_factory
    connection.row_factory = tuple_row
    if not _is_plain(cursor_factory):
        connection.cursor_factory = psycopg.Cursor
    try:
        yield
    finally:
        connection.row_factory, connection.cursor_factory = row_factory, cursor_factory


def reads_tuples(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """For a function, or a generator, that reads over its parameter `connection` as if rows were tuples."""
    place = place_of_connection(function)

    def given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Connection:
        return cast(Connection, kwargs["connection"] if "connection" in kwargs else args[place])

    @wraps(function)
    def reading(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        connection = given(args, kwargs)
        if connection.row_factory is tuple_row and _is_plain(connection.cursor_factory):
            return function(*args, **kwargs)
        with tuples(connection):
            return function(*args, **kwargs)

    @wraps(function)
    def one_by_one(*args: Given.args, **kwargs: Given.kwargs) -> Iterator[Any]:
        connection = given(args, kwargs)
        found = cast("Generator[Any, None, None]", function(*args, **kwargs))
        try:
            while True:
                with tuples(connection):  # not while the caller has a row, and may ask something itself
                    row = next(found, _NONE)
                if row is _NONE:
                    return
                yield row
        finally:
            found.close()

    return cast("Callable[Given, Result]", one_by_one if inspect.isgeneratorfunction(function) else reading)


_NONE = object()
