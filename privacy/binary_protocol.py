"""Queries over thousands of rows, in PostgreSQL's binary form: arrays of ciphertexts go as they are, not as
quoted hexadecimal."""

import re
from typing import Any

from ledger.database import Connection

_ARRAY = re.compile(r"%\((\w+)\)s(?=::\w+\[\])")


def in_binary(query: str) -> str:
    """The query with its array parameters, such as `:ids::uuid[]`, sent in binary form."""
    return _ARRAY.sub(r"%(\1)b", query)


def fetched(connection: Connection, query: Any, about: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a query that `in_binary` made, themselves sent in binary form. Arrays must not be empty."""
    return connection.cursor(binary=True).execute(query, about).fetchall()
