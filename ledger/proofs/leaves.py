"""Leaves: what the log commits to, read from the rows themselves.

Each posted transfer and each refusal is a leaf that holds every column of its row; each row of a declared
source (`sources`) is one that holds a commitment to it. The order of the log is (xact, id, kind): the
transaction that wrote the row, then the row's id.

Operators' references are in the leaf as they are: they are the operator's own names for its transactions, not
personal data, and the leaf's hash hides them behind random ids. Holders are UUIDs.
"""

import base64
from collections.abc import Generator, Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from itertools import starmap
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import sql
from psycopg.rows import tuple_row

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.proofs.errors import LogDamaged
from emoney.ledger.proofs.sources import Source, declared
from emoney.ledger.proofs.verifying import EPOCH, domain, layout_of

_queries = queries_beside(__file__)

OWN_KINDS = {1: ("transfer", 1), 2: ("refusal", 1)}
"""The stored code of each kind of leaf that no source declares: its name and its version."""

PER_REFERENCE_MAX = 1_000
STREAM_ROWS = 2_048

_LENGTH, _EMPTY = 4, b"\xff\xff\xff\xff"


class Place(NamedTuple):
    """Where a row stands in the log's order. `id` as its 16 bytes."""

    xact: int
    id: bytes
    kind: int


START = Place(-1, bytes(16), 0)
"""Before every row."""


class Row(NamedTuple):
    """A row that is, or will be, a leaf. `id` as its 16 bytes, `leaf`: the leaf's bytes.

    `content`: the bytes that a source's leaf commits to, where they were asked for.
    """

    xact: int
    id: bytes
    kind: int
    leaf: bytes
    content: bytes | None = None

    @property
    def place(self) -> Place:
        """Where the row stands in the log's order."""
        return Place(self.xact, self.id, self.kind)


_OWN = {
    kind: sql.SQL("SELECT kind, id, xact, leaf, NULL::bytea AS content FROM ({}) AS own").format(
        sql.SQL(query.sql)
    )
    for kind, query in ((1, _queries.transfers), (2, _queries.refusals))
}
_LEAF = "coalesce(leaf, ''::bytea)"  # a field that must not be empty was emptied: no leaf is so
_RANGE = (
    f"SELECT xact, uuid_send(id), kind, {_LEAF} FROM ({{rows}}) AS r "  # noqa: S608  our own text, not input
    "WHERE xact >= %(low)s AND xact <= %(high)s "
    "AND (xact, id, kind) > (%(after_xact)s, %(after_id)s, %(after_kind)s) "
    "AND (xact, id, kind) <= (%(last_xact)s, %(last_id)s, %(last_kind)s) "
    "ORDER BY xact, id, kind"
)
_NAMED = f"SELECT xact, uuid_send(id), kind, {_LEAF}, content FROM ({{rows}}) AS r WHERE id = ANY(%(ids)s)"  # noqa: S608
_COUNT = (
    "SELECT count(*) FROM ({rows}) AS r WHERE xact >= %(low)s AND xact <= %(high)s "
    "AND (xact, id, kind) > (%(after_xact)s, %(after_id)s, %(after_kind)s)"
)
_XACT_MAX = (1 << 63) - 1
LAST = (b"\xff" * 16, 32_767)
"""Id and kind of a place after all rows of its transaction."""


_UNION = sql.SQL(" UNION ALL ")


@lru_cache(maxsize=8)
def _statements(sources: tuple[Source, ...]) -> tuple[bytes, bytes, bytes]:
    """The statements of a range, of its count and of ids' kinds: long to write, and the same for ever."""
    in_range = _UNION.join([*_OWN.values(), *(source.rows_in_range() for source in sources)])
    holding = _UNION.join([sql.SQL(_queries.holding.sql), *(source.holding() for source in sources)])
    composed = (
        sql.SQL(_RANGE).format(rows=in_range),
        sql.SQL(_COUNT).format(rows=in_range),
        sql.SQL("SELECT DISTINCT kind FROM ({}) AS r").format(holding),
    )
    ranged, counted, kinds = (each.as_bytes(None) for each in composed)
    return ranged, counted, kinds


@lru_cache(maxsize=64)
def _of_kinds(sources: tuple[Source, ...], kinds: frozenset[int]) -> bytes:
    """The statement of named rows of these kinds: all would take longer to begin than to read."""
    rows = [
        *(own for kind, own in _OWN.items() if kind in kinds),
        *(source.rows() for source in sources if source.kind in kinds),
    ]
    return sql.SQL(_NAMED).format(rows=_UNION.join(rows)).as_bytes(None)


class Rows:
    """The rows of a database that are, or will be, leaves."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sources = sources = declared(connection)
        self.kinds = OWN_KINDS | {source.kind: (source.relation, source.version) for source in sources}
        """Name and version of each kind of leaf."""
        self._range, self._count, self._holding = _statements(sources)

    def stream(
        self, after: Place, last: Place, *, low: int | None = None, page: int = STREAM_ROWS
    ) -> Generator[Row, None, None]:
        """The rows after `after` up to `last`, in order, read and sorted once; `page` at a time in memory.

        `low`: no row before `last` but after `after` is of an older transaction; by default that of `after`.
        """
        about = _about(after, last, after.xact if low is None else low)
        with self._connection.cursor(name="rows", binary=True, row_factory=tuple_row) as cursor:
            cursor.itersize = page
            cursor.execute(self._range, about)
            yield from starmap(Row, cursor)

    def of(self, ids: Sequence[UUID]) -> list[Row]:
        """The rows of these ids with their content, in no order; ids without a row are left out."""
        cursor = self._connection.cursor(binary=True, row_factory=tuple_row)
        asked = {"ids": list(ids)}
        kinds = frozenset(kind for (kind,) in cursor.execute(self._holding, asked))
        if not kinds:
            return []
        cursor.execute(_of_kinds(self._sources, kinds), asked)
        return list(starmap(Row, cursor.fetchall()))

    def count_after(self, after: Place) -> int:
        """How many rows come after `after`."""
        about = _about(after, Place(_XACT_MAX, *LAST), after.xact)
        row = self._connection.cursor(row_factory=tuple_row).execute(self._count, about).fetchone()
        assert row is not None
        return int(row[0])

    def ahead_of(self, xact: int, rows: int) -> list[Row]:
        """Up to `rows` rows that say a transaction from `xact` on wrote them."""
        cursor = self._connection.cursor(binary=True, row_factory=tuple_row)
        about = _about(Place(xact - 1, *LAST), Place(_XACT_MAX, *LAST), xact)
        cursor.execute(self._range + b" LIMIT %(rows)s", {**about, "rows": rows})
        return list(starmap(Row, cursor.fetchall()))

    def name(self, kind: int, row_id: bytes) -> str:
        """How a leaf is called in messages."""
        return f"{self.kinds[kind][0] if kind in self.kinds else f'kind {kind}'} {UUID(bytes=row_id)}"

    def decode(self, row: Row) -> dict[str, Any]:
        """The leaf of a row as a proof carries it: kind, version, content and, of a source's, the record."""
        kind, version = self.kinds[row.kind]
        layout = layout_of(kind, version)
        tag, *values = _fields(row.leaf) if row.leaf else [None]
        if layout is None or tag != domain(kind, version) or len(values) != len(layout):
            raise LogDamaged(f"the database encodes a {kind} in another way than this version")
        content = {
            field: None if raw is None else _value(form, raw)
            for (field, form), raw in zip(layout, values, strict=True)
        }
        found = {"kind": kind, "version": version, "content": content}
        return found if row.content is None else {**found, "record": _record(row.content)}


class RowsInOrder:
    """The rows from the first on, each read once, by ranges of whole transactions, whatever their size."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._stream: Generator[Row, None, None] | None = None
        self._next: Row | None = None
        self._end = START

    def up_to(self, last: Place, high: int) -> list[Row]:
        """The rows up to `last` that were not given yet; `high`: which transactions to read ahead."""
        given: list[Row] = []
        while True:
            while self._next is not None and self._next[:3] <= last:
                given.append(self._next)
                self._next = next(self._stream, None) if self._stream else None
            if last <= self._end or self._next is not None:
                return given
            self.close()
            begin, self._end = self._end, Place(max(high, last.xact), *LAST)
            self._stream = self._rows.stream(begin, self._end)
            self._next = next(self._stream, None)

    def close(self) -> None:
        """Give back what reading holds."""
        if self._stream is not None:
            self._stream.close()


@reads_tuples
def plan_for_ranges(connection: Connection) -> None:
    """Have the rest of this transaction read ranges of rows as it should."""
    connection.execute(_queries.plan_for_ranges.sql)


@reads_tuples
def ids_of_reference(connection: Connection, reference: str) -> list[UUID]:
    """The ids of the transfers, refusals and holds of this reference, at most PER_REFERENCE_MAX."""
    found = connection.execute(
        _queries.ids_of_reference.sql, {"reference": reference, "rows": PER_REFERENCE_MAX}
    )
    return [row_id for (row_id,) in found]


def _about(after: Place, last: Place, low: int) -> dict[str, Any]:
    return {
        "low": low,
        "high": last.xact,
        "after_xact": after.xact,
        "after_id": UUID(bytes=after.id),
        "after_kind": after.kind,
        "last_xact": last.xact,
        "last_id": UUID(bytes=last.id),
        "last_kind": last.kind,
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


def _record(content: bytes) -> list[dict[str, Any]]:
    """The fields in the bytes that a leaf commits to, after their domain."""
    _, *parts = _fields(content)
    record = []
    for header, raw in zip(parts[::2], parts[1::2], strict=True):
        assert header is not None
        name, _, form = header.decode().partition(" ")
        record.append({"field": name, "form": form, "value": None if raw is None else _value(form, raw)})
    return record


def _value(form: str, raw: bytes) -> Any:
    if form == "uuid":
        return str(UUID(bytes=raw))
    if form in ("text", "json"):
        return raw.decode()
    if form in ("bytes", "hash"):
        return base64.b64encode(raw).decode()
    number = int.from_bytes(raw, "big", signed=True)
    if form == "time":
        return (EPOCH + timedelta(microseconds=number)).isoformat()
    return number
