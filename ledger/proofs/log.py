"""The stored log: blocks of leaves, and the nodes above them, a tile of 256 at a time.

A tile is what any question reads: 256 leaf hashes (or nodes of height 8, 16 ...), from which the 255 nodes
between are computed. A proof in a log of n leaves reads at most two tiles for each level of 256: O(log n).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any
from uuid import UUID

from psycopg.rows import tuple_row

from emoney.ledger.base import turns
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.proofs.errors import LogDamaged
from emoney.ledger.proofs.leaves import START, Place, Row
from emoney.ledger.proofs.tree import TILE, TILE_HEIGHT, Frontier, Node, inclusion_path, peaks, root_of
from emoney.ledger.proofs.verifying import HASH_BYTES

TILES_MAX = 1_024
BLOCK = TILE // 5
"""Leaves stored together: three blocks fill a page of the database, and five a tile."""
ID_BYTES = 16

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of the log: its size, and the place of its last leaf."""

    size: int
    place: Place


@dataclass(frozen=True, slots=True)
class Found:
    """A leaf in the log: its index and the hash it was sealed with."""

    index: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring leaves as they are stored."""

    first: int
    next: int
    kinds: bytes
    row_ids: bytes
    hashes: bytes
    last: Place

    def leaves(self) -> list[tuple[int, bytes, bytes]]:
        """Kind, row id and hash of each; as many as are whole, should the block be damaged."""
        return _leaves(self.kinds, self.row_ids, self.hashes)


@reads_tuples
def lock(connection: Connection) -> None:
    """Be the only sealer until the transaction ends; what posts never waits for it. Raises LockHeld."""
    turns.take(connection, "ledger.seal")


@reads_tuples
def horizon(connection: Connection) -> tuple[int, int]:
    """The oldest transaction that may still be running, and the first that has not begun."""
    row = connection.execute(_queries.horizon.sql).fetchone()
    assert row is not None
    return row[0], row[1]


@reads_tuples
def tail(connection: Connection) -> Tail:
    """The end of the log."""
    row = connection.cursor(binary=True).execute(_queries.tail.sql).fetchone()
    return Tail(0, START) if row is None else Tail(row[0], Place(*row[1:]))


class Tiles:
    """Reads the tree of the log's first `size` leaves, and keeps up to TILES_MAX tiles at hand."""

    def __init__(self, connection: Connection, size: int) -> None:
        self._connection = connection
        self._size = size
        self._tiles: dict[tuple[int, int], list[list[bytes]]] = {}

    def perfect(self, height: int, position: int) -> bytes:
        """The hash of a perfect subtree. Raises LogDamaged when what it takes is not stored."""
        level, number, up, within = _in_tile(height, position)
        if (level, number) not in self._tiles:
            self._read({(level, number)})
        try:
            return self._tiles[level, number][up][within]
        except IndexError:
            raise LogDamaged(
                f"the log lacks what leaves {position << height} to {((position + 1) << height) - 1} need"
            ) from None

    def path(self, index: int) -> list[bytes]:
        """The inclusion path of a leaf, by at most one question to the database."""
        wanted: set[tuple[int, int]] = set()

        def note(height: int, position: int) -> bytes:
            wanted.add(_in_tile(height, position)[:2])
            return b""

        inclusion_path(note, index, self._size)
        self._read(wanted - self._tiles.keys())
        return inclusion_path(self.perfect, index, self._size)

    def frontier(self) -> Frontier:
        """The right edge of the tree."""
        return Frontier(self._size, [self.perfect(h, p) for h, p in peaks(0, self._size)])

    def root(self) -> bytes:
        """The root of the tree."""
        return root_of(self.perfect, 0, self._size)

    def _read(self, tiles: set[tuple[int, int]]) -> None:
        """Read these tiles: height of their lowest row, and number."""
        if not tiles:
            return
        above = [
            (height, number * TILE, min((number + 1) * TILE, self._size >> height))
            for height, number in tiles
            if height
        ]
        found: dict[tuple[int, int], list[bytes]] = {tile: [] for tile in tiles}
        cursor = self._connection.cursor(binary=True, row_factory=tuple_row)
        cursor.execute(
            _queries.tiles.sql,
            {
                "leaves": [number * TILE for height, number in tiles if not height],
                "heights": [height for height, _, _ in above],
                "firsts": [first for _, first, _ in above],
                "lasts": [last for _, _, last in above],
            },
        )
        for height, first, many, raw in cursor:
            row, hashes = found[height, first // TILE], _cut(raw, HASH_BYTES)
            if first % TILE == len(row) and many == len(hashes):  # else it lacks what comes before
                row += hashes
        for (height, number), row in found.items():
            del row[max(0, (self._size >> height) - number * TILE) :]
            last = min((number + 1) * TILE, self._size >> height)
            if len(row) < last - number * TILE:
                raise LogDamaged(
                    f"the log lacks hashes of height {height} between {number * TILE} and {last - 1}"
                )
            if len(self._tiles) >= TILES_MAX:
                del self._tiles[next(iter(self._tiles))]
            self._tiles[height, number] = _rows_of(row)


def _rows_of(row: list[bytes]) -> list[list[bytes]]:
    """A tile: its lowest row, and the rows above."""
    rows = [row]
    for _ in range(TILE_HEIGHT - 1):
        below = rows[-1]
        rows.append([sha256(b"\x01" + a + b).digest() for a, b in zip(below[::2], below[1::2], strict=False)])
    return rows


def _in_tile(height: int, position: int) -> tuple[int, int, int, int]:
    """Where a perfect subtree is: its tile's height and number; how far up in it, and which there."""
    level, up = divmod(height, TILE_HEIGHT)
    within = TILE_HEIGHT - up
    return level * TILE_HEIGHT, position >> within, up, position & ((1 << within) - 1)


@reads_tuples
def find(connection: Connection, places: Sequence[Place]) -> list[Found | None]:
    """Where each of these rows is in the log; None for one that is not."""
    found: list[Found | None] = [None] * len(places)
    cursor = connection.cursor(binary=True)
    cursor.execute(
        _queries.find.sql,
        {
            "xacts": [place.xact for place in places],
            "ids": [UUID(bytes=place.id) for place in places],
            "kinds": [place.kind for place in places],
        },
    )
    for numbers, first, kinds, row_ids, hashes in cursor:
        here = {(places[n - 1].kind, places[n - 1].id): n - 1 for n in numbers}
        for n, (kind, row_id, leaf) in enumerate(_leaves(kinds, row_ids, hashes)):
            if (asked := here.get((kind, row_id))) is not None:
                found[asked] = Found(first + n, leaf)
    return found


@reads_tuples
def append(
    connection: Connection, end: int, rows: Sequence[Row], hashes: Sequence[bytes], at: datetime
) -> None:
    """Write the leaves of `rows` after the log's first `end`, in blocks that end where tiles do."""
    stop = end + len(rows)
    tiles = range(end - end % TILE, stop, TILE)
    within_tiles = [tile + n for tile in tiles for n in range(0, TILE - BLOCK + 1, BLOCK)]
    begins = [end, *(at for at in within_tiles if end < at < stop), stop]
    with connection.cursor().copy(_queries.copy_blocks.sql) as copy:
        copy.set_types(
            ["int8", "int8", "int8", "bytea", "bytea", "bytea", "int8", "uuid", "int2", "timestamptz"]
        )
        for begin, stop in pairwise(begins):
            inside = slice(begin - end, stop - end)
            within = rows[inside]
            copy.write_row(
                (
                    begin,
                    stop,
                    begin or None,
                    bytes([row.kind for row in within]),
                    b"".join([row.id for row in within]),
                    b"".join(hashes[inside]),
                    within[-1].xact,
                    UUID(bytes=within[-1].id),
                    within[-1].kind,
                    at,
                )
            )


@reads_tuples
def append_nodes(connection: Connection, nodes: Sequence[Node]) -> None:
    """Write the hashes of subtrees that are complete."""
    if not nodes:
        return
    with connection.cursor().copy(_queries.copy_nodes.sql) as copy:
        copy.set_types(["int2", "int8", "bytea"])
        for node in nodes:
            copy.write_row(node)


@reads_tuples
def blocks(connection: Connection, *, page: int) -> Iterator[list[Block]]:
    """All blocks in their order, up to `page` at a time."""
    after = -1
    while found := _page(connection, after, page):
        yield found
        after = found[-1].first


def _page(connection: Connection, after: int, page: int) -> list[Block]:
    cursor = connection.cursor(binary=True)
    cursor.execute(_queries.blocks.sql, {"after": after, "blocks": page})
    return [_block(*row) for row in cursor]


@reads_tuples
def nodes(connection: Connection, height: int, first: int, last: int) -> dict[int, bytes]:
    """The stored nodes of one height from position `first` to `last` - 1."""
    cursor = connection.cursor(binary=True)
    cursor.execute(_queries.nodes.sql, {"height": height, "first": first, "last": last})
    return dict(cursor.fetchall())


@reads_tuples
def count_nodes(connection: Connection, size: int) -> int:
    """How many nodes are stored over the first `size` leaves."""
    row: Any = connection.execute(_queries.count_nodes.sql, {"size": size}).fetchone()
    return int(row[0])


def _block(
    first: int, stop: int, kinds: bytes, row_ids: bytes, hashes: bytes, xact: int, row_id: bytes, kind: int
) -> Block:
    return Block(first, stop, kinds, row_ids, hashes, Place(xact, row_id, kind))


def _leaves(kinds: bytes, row_ids: bytes, hashes: bytes) -> list[tuple[int, bytes, bytes]]:
    return list(zip(kinds, _cut(row_ids, ID_BYTES), _cut(hashes, HASH_BYTES), strict=False))


def _cut(raw: bytes, width: int) -> list[bytes]:
    return [raw[at : at + width] for at in range(0, len(raw) - width + 1, width)]
