"""Cursors that a connection keeps for the statements of the hot path.

A new cursor finds out anew how to send each value and how to read each column. For a single transfer that
costs as much as to decide it.
"""

from collections.abc import Mapping
from typing import Any

import psycopg

Row = tuple[Any, ...]

CACHED_BYTES_MAX = 1024
"""A cursor holds what was sent and answered last; one that is asked for more than a few is not kept."""


class CachingConnection(psycopg.Connection[Row]):
    """A connection that keeps its cursors."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._cursors: dict[str, psycopg.Cursor[Row]] = {}

    def cursor_for(self, query: str) -> psycopg.Cursor[Row]:
        """The cursor that this query had before."""
        cursor = self._cursors.get(query)
        if cursor is None:
            cursor = self._cursors[query] = self.cursor(binary=True)
        return cursor


def rows(
    connection: psycopg.Connection[Row], query: str, parameters: Mapping[str, bytes | None]
) -> list[Row]:
    """The rows of a query whose text never changes, read in binary."""
    few = all(value is None or len(value) <= CACHED_BYTES_MAX for value in parameters.values())
    if few and isinstance(connection, CachingConnection):
        cursor = connection.cursor_for(query)
    else:
        cursor = connection.cursor(binary=True)
    return cursor.execute(query, parameters).fetchall()
