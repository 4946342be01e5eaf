"""Queries over thousands of rows, in PostgreSQL's binary form: arrays of ciphertexts go as they are, not as
quoted hexadecimal."""

import re
from datetime import datetime
from typing import Any

from psycopg.abc import AdaptContext, Buffer
from psycopg.rows import tuple_row
from psycopg.types.datetime import TimestamptzBinaryLoader

from emoney.ledger.base.postgres.binary_arrays import packing
from emoney.ledger.base.postgres.database import Connection

_ARRAY = re.compile(r"%\((\w+)\)s(?=::\w+\[\])")


def in_binary(query: str) -> str:
    """The query with its array parameters, such as `:ids::uuid[]`, sent in binary form."""
    return _ARRAY.sub(r"%(\1)b", query)


def fetched(connection: Connection, query: Any, about: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a query that `in_binary` made, themselves sent in binary form. Arrays must not be empty."""
    cursor = packing(connection).cursor(binary=True, row_factory=tuple_row)
    cursor.adapters.register_loader("timestamptz", _Moments)
    return cursor.execute(query, about).fetchall()


class _Moments(TimestamptzBinaryLoader):
    """Keys made together have the same moments: each is made out of its bytes once a query."""

    def __init__(self, oid: int, connection: AdaptContext | None = None) -> None:
        super().__init__(oid, connection)
        self._known: dict[bytes, datetime] = {}

    def load(self, data: Buffer) -> datetime:
        raw = bytes(data)
        found = self._known.get(raw)
        if found is None:
            found = self._known[raw] = super().load(raw)
        return found
