"""Arrays of rows in PostgreSQL's binary form, for functions that take what they write as one array.

In a row each value has its type's number and its length before it. The numbers of the row types themselves
are each database's own, and asked for once a connection.
"""

from collections.abc import Sequence
from datetime import datetime
from struct import Struct
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types import TypeInfo

from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.postgres.binary_arrays import Binary, array, encode_time

DECIDED = "ledger.decided_row"
LENGTH = 4
"""How many bytes of a row in an array say how long it is."""

_UUID, _BIGINT, _TEXT, _TIME = (
    psycopg.adapters.types[name].oid for name in ("uuid", "int8", "text", "timestamptz")
)
_HEAD = Struct(">Ii").pack
_NO_TEXT, _NO_UUID, _NO_TIME = (_HEAD(of, -1) for of in (_TEXT, _UUID, _TIME))
_A_UUID, _A_TIME = _HEAD(_UUID, 16), Struct(">I").pack(_TIME)

# the length and the number of columns first
_DECIDED_START = Struct(">iiIi16sIi16sIi16sIiqIiqIiq").pack
_DECIDED_FIXED = Struct(">iIi16sIi16sIi16sIiqIiqIiq").size
_CREDIT, _NO_CREDIT = Struct(">IiqIiq").pack, 2 * _HEAD(_BIGINT, -1)


class Rows:
    """Rows of one type, encoded."""

    __slots__ = ("_rows", "_type")

    def __init__(self, row_type: str, rows: Sequence[bytes]) -> None:
        self._type, self._rows = row_type, rows

    def __bool__(self) -> bool:
        return bool(self._rows)

    def array(self, connection: psycopg.Connection[Any]) -> Binary:
        """The array, as this connection's database takes it.

        Raises ConfigurationError where it has no such type: it is older than this library.
        """
        types = connection.adapters.types
        if types.get(self._type) is None:
            found = TypeInfo.fetch(connection, self._type)
            if found is None:
                raise ConfigurationError(
                    "The database is older than this library: run `emoney init` with an owner's URL first."
                )
            found.register(connection)
        return Binary(array(types[self._type].oid, self._rows))


def text(value: str | None) -> bytes:
    """A text as a column of a row."""
    if value is None:
        return _NO_TEXT
    encoded = value.encode()
    return _HEAD(_TEXT, len(encoded)) + encoded


def decided_row(
    id: UUID,
    debit_account: UUID,
    credit_account: UUID,
    amount: int,
    debit_version: int,
    debit_balance: int,
    credit_version: int | None,
    credit_balance: int,
    words: bytes,
    group_id: UUID | None,
    effective_at: datetime | None,
) -> bytes:
    """A row of DECIDED. `words`: the columns of the currency, the operation and the reference, by `text`.

    `credit_version`: None leaves it and `credit_balance` to the database.
    """
    group = _NO_UUID if group_id is None else _A_UUID + group_id.bytes
    effective = _NO_TIME if effective_at is None else _A_TIME + encode_time(effective_at)
    credit = (
        _NO_CREDIT
        if credit_version is None
        else _CREDIT(_BIGINT, 8, credit_version, _BIGINT, 8, credit_balance)
    )
    # fmt: off
    start = _DECIDED_START(
        _DECIDED_FIXED + len(credit) + len(words) + len(group) + len(effective), 13,
        _UUID, 16, id.bytes, _UUID, 16, debit_account.bytes, _UUID, 16, credit_account.bytes,
        _BIGINT, 8, amount, _BIGINT, 8, debit_version, _BIGINT, 8, debit_balance,
    )
    # fmt: on
    return b"".join((start, credit, words, group, effective))
