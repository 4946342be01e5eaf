"""Cursors that a connection keeps for the statements of the hot path.

A new cursor finds out anew how to send each value and how to read each column. For a single transfer that
costs as much as to decide it.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from emoney.ledger.base import forks
from emoney.ledger.base.postgres.binary_arrays import packing

Row = tuple[Any, ...]

CACHED_BYTES_MAX = 1024
"""A cursor holds what was sent and answered last; one that is asked for more than a few is not kept."""


class CachingConnection(psycopg.Connection[Row]):
    """A connection that keeps its cursors, and that belongs to the process which made it.

    To a forked process it is one that its server has closed: what is sent reaches nobody, and the parent's
    session goes on.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._cursors: dict[str, psycopg.Cursor[Row]] = {}
        forks.watch(self)

    def in_child(self) -> None:
        """See `forks.Forked`. No farewell: the server would end the parent's session.

        Its number stays taken, so that nothing else of the child gets what is meant for the server.
        """
        _of_parents.append(self)
        with suppress(psycopg.OperationalError):  # closed already
            number = self.pgconn.socket
            ended, other = socket.socketpair()
            with ended, other:
                os.dup2(ended.fileno(), number, inheritable=False)

    def cursor_for(self, query: str) -> psycopg.Cursor[Row]:
        """The cursor that this query had before."""
        cursor = self._cursors.get(query)
        if cursor is None:
            cursor = self._cursors[query] = self.cursor(binary=True)
        return cursor


_of_parents: list[CachingConnection] = []
"""Connections of a parent process, held so that nobody closes them here."""


def rows(
    connection: psycopg.Connection[Row], query: str, parameters: Mapping[str, bytes | None]
) -> list[Row]:
    """The rows of a query whose text never changes, read in binary."""
    few = all(value is None or len(value) <= CACHED_BYTES_MAX for value in parameters.values())
    if few and isinstance(connection, CachingConnection):
        cursor = connection.cursor_for(query)
    else:
        cursor = packing(connection).cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(query, parameters).fetchall()
