"""Leaves: what the log commits to, read from the rows themselves.

Each posted transfer and each refusal is a leaf that holds every column of its row. The order of the log is
(xact, id, kind): the transaction that wrote the row, then the row's id. Another kind of leaf is another
entry in KINDS, a query in `leaves.sql` and a layout in `verifying`.

Operators' references are in the leaf as they are: they are the operator's own names for its transactions, not
personal data, and the leaf's hash hides them behind random ids. Holders are UUIDs.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from ledger.database import Connection
from ledger.proofs.errors import LogDamaged
from ledger.proofs.verifying import EPOCH, LAYOUTS, domain
from ledger.queries import queries_beside

_queries = queries_beside(__file__)

KINDS = {1: ("transfer", 1), 2: ("refusal", 1)}
"""The stored code of each kind of leaf: its name and its version."""

PER_REFERENCE_MAX = 1_000

_LENGTH, _EMPTY = 4, b"\xff\xff\xff\xff"


class Place(NamedTuple):
    """Where a row stands in the log's order. `id` as its 16 bytes."""

    xact: int
    id: bytes
    kind: int


START = Place(-1, bytes(16), 0)
"""Before every row."""


class Row(NamedTuple):
    """A row that is, or will be, a leaf. `id` as its 16 bytes, `leaf`: the leaf's bytes."""

    xact: int
    id: bytes
    kind: int
    leaf: bytes

    @property
    def place(self) -> Place:
        """Where the row stands in the log's order."""
        return Place(self.xact, self.id, self.kind)


_ROWS = f"{_queries.transfers.sql} UNION ALL {_queries.refusals.sql}"
_LEAF = "coalesce(leaf, ''::bytea)"  # a field that must not be empty was emptied: no leaf is so
_RANGE = (
    f"SELECT xact, uuid_send(id), kind, {_LEAF} FROM ({_ROWS}) AS r "  # noqa: S608  our own text, not input
    "WHERE xact >= %(low)s AND xact <= %(high)s "
    "AND (xact, id, kind) > (%(after_xact)s, %(after_id)s, %(after_kind)s) "
    "AND (xact, id, kind) <= (%(last_xact)s, %(last_id)s, %(last_kind)s) "
)
_READ = _RANGE + "ORDER BY xact, id, kind LIMIT %(rows)s"
_NAMED = f"SELECT xact, uuid_send(id), kind, {_LEAF} FROM ({_ROWS}) AS r WHERE id = ANY(%(ids)s)"  # noqa: S608
_COUNT = f"SELECT count(*) FROM ({_ROWS}) AS r WHERE xact >= %s AND (xact, id, kind) > (%s, %s, %s)"  # noqa: S608
_XACT_MAX = (1 << 63) - 1
_LAST = (b"\xff" * 16, 32_767)


def read(
    connection: Connection, after: Place, *, low: int, high: int, rows: int, last: Place | None = None
) -> list[Row]:
    """Up to `rows` rows after `after` and not after `last`, of transactions `low` to `high`, in order."""
    until = last or Place(high, *_LAST)
    cursor = connection.cursor(binary=True)
    cursor.execute(
        _READ,
        {
            "low": low,
            "high": high,
            "after_xact": after.xact,
            "after_id": UUID(bytes=after.id),
            "after_kind": after.kind,
            "last_xact": until.xact,
            "last_id": UUID(bytes=until.id),
            "last_kind": until.kind,
            "rows": rows,
        },
    )
    return list(map(Row._make, cursor.fetchall()))


def plan_for_ranges(connection: Connection) -> None:
    """Have the rest of this transaction read ranges of rows as it should."""
    connection.execute(_queries.plan_for_ranges.sql)


def rows_of(connection: Connection, ids: Sequence[UUID]) -> list[Row]:
    """The rows of these ids, in no order; ids without a row are left out."""
    cursor = connection.cursor(binary=True)
    cursor.execute(_NAMED, {"ids": list(ids)})
    return list(map(Row._make, cursor.fetchall()))


def count_after(connection: Connection, after: Place) -> int:
    """How many rows come after `after`."""
    place = (after.xact, UUID(bytes=after.id), after.kind)
    row = connection.execute(_COUNT, (after.xact, *place)).fetchone()
    assert row is not None
    return int(row[0])


def ahead_of(connection: Connection, xact: int, rows: int) -> list[Row]:
    """Up to `rows` rows that say a transaction from `xact` on wrote them."""
    return read(connection, Place(xact - 1, *_LAST), low=xact, high=_XACT_MAX, rows=rows)


def ids_of_reference(connection: Connection, reference: str) -> list[UUID]:
    """The ids of the transfers and refusals of this reference: none, one, or at most PER_REFERENCE_MAX."""
    found = connection.execute(
        _queries.ids_of_reference.sql, {"reference": reference, "rows": PER_REFERENCE_MAX}
    )
    return [row_id for (row_id,) in found]


def name(kind: int, row_id: bytes) -> str:
    """How a leaf is called in messages."""
    return f"{KINDS[kind][0] if kind in KINDS else f'kind {kind}'} {UUID(bytes=row_id)}"


def decode(kind: int, leaf: bytes) -> dict[str, Any]:
    """The content of a leaf by field, as `verifying.encode_leaf` takes it."""
    label, version = KINDS[kind]
    fields = list(_fields(leaf))
    layout = LAYOUTS[label, version]
    if len(fields) != len(layout) + 1 or fields[0] != domain(label, version):
        raise LogDamaged(f"the database encodes a {label} in another way than this version")
    return {
        field: None if raw is None else _value(form, raw)
        for (field, form), raw in zip(layout, fields[1:], strict=True)
    }


def _fields(leaf: bytes) -> Iterator[bytes | None]:
    at = 0
    while at < len(leaf):
        prefix = leaf[at : at + _LENGTH]
        at += _LENGTH
        if prefix == _EMPTY:
            yield None
            continue
        length = int.from_bytes(prefix, "big")
        yield leaf[at : at + length]
        at += length


def _value(form: str, raw: bytes) -> Any:
    if form == "uuid":
        return str(UUID(bytes=raw))
    if form == "text":
        return raw.decode()
    number = int.from_bytes(raw, "big", signed=True)
    if form == "time":
        return (EPOCH + timedelta(microseconds=number)).isoformat()
    return number
