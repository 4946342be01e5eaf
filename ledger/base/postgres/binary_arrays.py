"""Arrays in PostgreSQL's binary form: several times quicker to make, and to read, than the driver's own.

At thousands of values a batch, the driver's general dumpers cost more than the statement they are for.
`sized`, `encode_time` and SIXTEEN are how single values begin, in arrays and COPY.
`ledger.base.postgres.binary_rows`: arrays of rows.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from struct import Struct
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import psycopg
from psycopg.adapt import AdaptersMap, Dumper, PyFormat
from psycopg.pq import Format

# dimensions, whether there may be nulls, type of the elements, how many, first index
_HEAD = Struct(">iiIii")
_EMPTY = Struct(">iiI")
_NULL = b"\xff\xff\xff\xff"
_LENGTH = Struct(">i").pack
_BIGINT = Struct(">iq").pack
SIXTEEN = _LENGTH(16)
"""What comes before a UUID."""
EPOCH, _EPOCH_DAY = datetime(2000, 1, 1, tzinfo=UTC), date(2000, 1, 1)
"""From where PostgreSQL counts time."""
_MICROSECOND = timedelta(microseconds=1)


def sized(value: bytes) -> bytes:
    """A value with its length before it."""
    return _LENGTH(len(value)) + value


def encode_time(at: datetime) -> bytes:
    """A moment with its length before it."""
    return _BIGINT(8, (at - EPOCH) // _MICROSECOND)


def array(element_type: int, elements: Sequence[bytes]) -> bytes:
    """An array of elements, each with its length before it. `element_type`: the type's number."""
    if not elements:
        return _EMPTY.pack(0, 0, element_type)
    return _HEAD.pack(1, 1, element_type, len(elements), 1) + b"".join(elements)


class Packed(bytes):
    """An array in binary form. `element`: the PostgreSQL type's name."""

    element: ClassVar[str]
    _type: ClassVar[int]

    def __init_subclass__(cls) -> None:
        cls._type = psycopg.adapters.types[cls.element].oid

    @classmethod
    def _of(cls, elements: list[bytes]) -> "Packed":
        """From elements, each with its length before it."""
        return cls(array(cls._type, elements))


class Uuids(Packed):
    """UUIDs, or None."""

    element = "uuid"

    @classmethod
    def of(cls, values: Iterable[UUID | None]) -> Packed:
        return cls._of([_NULL if value is None else SIXTEEN + value.bytes for value in values])


class Bigints(Packed):
    element = "int8"

    @classmethod
    def of(cls, values: Iterable[int]) -> Packed:
        return cls._of([_BIGINT(8, value) for value in values])


class Xids(Packed):
    """Transaction numbers."""

    element = "xid"

    @classmethod
    def of(cls, values: Iterable[int]) -> Packed:
        pack = Struct(">iI").pack
        return cls._of([pack(4, value) for value in values])


class Bytes(Packed):
    """Bytes, or None."""

    element = "bytea"

    @classmethod
    def of(cls, values: Iterable[bytes | None]) -> Packed:
        return cls._of([_NULL if value is None else sized(value) for value in values])


class Texts(Packed):
    """Texts, or None."""

    element = "text"

    @classmethod
    def of(cls, values: Iterable[str | None]) -> Packed:
        known: dict[str, bytes] = {}
        elements = []
        for value in values:
            element = _NULL if value is None else known.get(value)
            if value is not None and element is None:
                element = known[value] = sized(value.encode())
            elements.append(element or _NULL)
        return cls._of(elements)


class Dates(Packed):
    element = "date"

    @classmethod
    def of(cls, values: Iterable[date]) -> Packed:
        known: dict[date, bytes] = {}
        elements = []
        for value in values:
            element = known.get(value)
            if element is None:
                element = known[value] = _LENGTH(4) + _LENGTH((value - _EPOCH_DAY).days)
            elements.append(element)
        return cls._of(elements)


class Times(Packed):
    """Moments, or None."""

    element = "timestamptz"

    @classmethod
    def of(cls, values: Iterable[datetime | None]) -> Packed:
        return cls._of([_NULL if value is None else encode_time(value) for value in values])


class Binary(bytes):
    """A value in binary form, of whatever type the statement takes there."""


class _AsItIs(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> Any:
        return obj


_DUMPERS: dict[type, type[Dumper]] = {
    packed: type(f"_{packed.__name__}", (_AsItIs,), {"oid": psycopg.adapters.types[packed.element].array_oid})
    for packed in (Uuids, Bigints, Xids, Bytes, Texts, Dates, Times)
}
_DUMPERS[Binary] = _AsItIs

ADAPTERS = AdaptersMap(psycopg.adapters)
"""What connections of the library's own begin with: the driver's, and how these values are sent."""

for _kind, _dumper in _DUMPERS.items():
    ADAPTERS.register_dumper(_kind, _dumper)

_Connection = TypeVar("_Connection", bound=psycopg.Connection[Any])


def packing(connection: _Connection) -> _Connection:
    """The same connection, which can send these values now: a caller's own learns it here.

    Not all connections of the process, which are other libraries', too.
    """
    adapters = connection.adapters
    if adapters.get_dumper(Binary, PyFormat.BINARY) is not _AsItIs:
        for kind, dumper in _DUMPERS.items():
            adapters.register_dumper(kind, dumper)
    return connection
