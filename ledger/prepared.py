"""Statements of the hot path, prepared once a connection and sent with parameters that are bytes already.

The driver's cursors fit any statement: at each call they find out how to send each value and how to read each
column. For a single transfer that costs more than to decide it.
"""

from collections.abc import Mapping
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import adapt, generators
from psycopg.abc import Transformer
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

from ledger.database import Connection
from ledger.queries import positional

Parameters = Mapping[str, bytes | None]
"""Values in PostgreSQL's binary form, by the names that a query has for them."""

_numbers = count(1)


class Prepared:
    """A query whose parameters are bytes. Errors are the driver's."""

    def __init__(self, query: str) -> None:
        self._text, self._parameters = positional(query)
        self._formats = [Format.BINARY] * len(self._parameters)
        self._names: WeakKeyDictionary[Connection, tuple[bytes, Transformer]] = WeakKeyDictionary()

    def rows(self, connection: Connection, parameters: Parameters) -> list[tuple[Any, ...]]:
        """Its rows, over a connection of which each statement is a transaction."""
        reader = self.send(connection, parameters)
        result = _answer(connection)
        reader.set_pgresult(result, set_loaders=False)
        rows = reader.load_rows(0, result.ntuples, tuple)
        reader.set_pgresult(None, set_loaders=False)  # it may be large
        return rows

    def send(self, connection: Connection, parameters: Parameters) -> Transformer:
        """Send it only; in libpq's pipeline mode, it must be prepared before. Gives what reads the rows."""
        name, reader = self._names.get(connection) or self.prepare(connection)
        values = [parameters[each] for each in self._parameters]
        connection.pgconn.send_query_prepared(name, values, self._formats, Format.BINARY)
        return reader

    def prepare(self, connection: Connection) -> tuple[bytes, Transformer]:
        """Prepare it, unless it is."""
        if known := self._names.get(connection):
            return known
        name = b"emoney_%d" % next(
            _numbers
        )  # a new one each time: one may be left by a call that was interrupted
        connection.pgconn.send_prepare(name, self._text)
        _answer(connection)
        connection.pgconn.send_describe_prepared(name)
        columns = _answer(connection)
        reader: Transformer = adapt.Transformer(connection.adapters)
        reader.set_loader_types([columns.ftype(each) for each in range(columns.nfields)], Format.BINARY)
        self._names[connection] = name, reader
        return name, reader


def _answer(connection: Connection) -> PGresult:
    result: PGresult = connection.wait(generators.execute(connection.pgconn))[-1]
    if result.status == ExecStatus.FATAL_ERROR:
        raise psycopg.errors.error_from_result(result)
    return result
