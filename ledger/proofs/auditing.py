"""Auditing the database against its log: every row, every leaf, every node, every checkpoint.

The rows are read again in the log's order and hashed anew; the leaves that are stored are compared with them
one by one, so that what differs has a name; the tree is built anew over the leaves and must lead through
every stored node to the root of every checkpoint, of which each must be signed. One pass, a page of rows in
memory.

What it can name: a row that was altered, removed, added or put in another order. Someone who rewrites a
row, its leaf and the nodes above cannot rewrite the checkpoint; then it names the leaves among which the
change lies. Someone who has the signing key as well can sign another history: a checkpoint kept elsewhere
tells (`kept`).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from uuid import UUID

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.base.progress import Progress, silent
from emoney.ledger.proofs import checkpoints, coverage, leaves, log
from emoney.ledger.proofs.leaves import START, Place, Row, Rows, RowsInOrder
from emoney.ledger.proofs.tree import Frontier
from emoney.ledger.proofs.verifying import ProofInvalid, PublicKey, leaf_hash, open_checkpoint

PAGE_BLOCKS = 64
NAMED_MAX = 1_000

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something not as it was. `what`: altered, removed, added, reordered, entries, log or checkpoint."""

    what: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}: {self.detail}"


@dataclass(slots=True)
class Audit:
    """What an audit saw.

    `kinds`: leaves by what they are of; `unsealed`: rows after the log's end; `uncovered`: tables that record
    acts or decisions and are no leaves, and of what; `unnamed`: findings beyond NAMED_MAX.
    """

    size: int = 0
    rows: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    checkpoints: int = 0
    signed: int = 0
    unsealed: int = 0
    uncovered: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    unnamed: int = 0

    @property
    def sound(self) -> bool:
        """Whether all is as it was sealed."""
        return not self.findings

    def add(self, what: str, subject: str, detail: str) -> None:
        """Note a finding."""
        if len(self.findings) < NAMED_MAX:
            self.findings.append(Finding(what, subject, detail))
        else:
            self.unnamed += 1


_Key = tuple[int, bytes]


@dataclass(slots=True)
class _Walk:
    """A pass over the log: what was seen so far, and what is yet unexplained."""

    connection: Connection
    rows: Rows
    audit: Audit
    wanted: dict[int, list[tuple[str, bytes]]]
    """Roots that the log must lead to, by size, and whose they are."""
    frontier: Frontier = field(default_factory=Frontier)
    place: Place = START
    whole: bool = True
    good: int = 0
    """The largest size at which a checkpoint's root was met."""
    nodes: int = 0
    kinds: Counter[int] = field(default_factory=Counter)
    orphans: dict[_Key, tuple[int, bytes]] = field(default_factory=dict)
    """Leaves without their row where it should be: index and hash."""
    strays: dict[_Key, bytes] = field(default_factory=dict)
    """Rows without their leaf where it should be: the hash they have."""
    without: set[UUID] = field(default_factory=set)
    """Transfers without their entries."""
    entries_of: int = -1
    """The last transaction whose entries were looked at."""


@reads_tuples
def audit(
    connection: Connection,
    key: PublicKey,
    *,
    kept: Sequence[str] = (),
    progress: Progress = silent,
) -> Audit:
    """Hold every sealed row against the log, and the log against its checkpoints and those `kept` elsewhere.

    `key`: what must have signed; `kept`: signed notes; `progress` is told the leaves done, and of how many.
    Finds what is wrong rather than raising. Safe while others post and seal: rows after the log's end are
    only counted.
    """
    found = Audit()
    walk = _Walk(connection, Rows(connection), found, _checkpoints(connection, key, kept, found))
    end = log.tail(connection)
    leaves.plan_for_ranges(connection)
    connection.execute(_queries.probe_entries.sql)
    with closing(RowsInOrder(walk.rows)) as rows:
        for page in log.blocks(connection, page=PAGE_BLOCKS):
            inside = [block for block in page if block.next <= end.size]
            if not inside:
                break
            high = max(block.last.xact for block in inside)
            for block in inside:
                _hold(walk, block, rows.up_to(block.last, high))
            _entries(walk, high)
            walk.place = max(walk.place, *(block.last for block in inside))
            progress("verifying", found.size, end.size)
    _explain(walk)
    _amiss(walk)
    _end(walk)
    return found


def _checkpoints(
    connection: Connection, key: PublicKey, kept: Sequence[str], found: Audit
) -> dict[int, list[tuple[str, bytes]]]:
    """The roots that must be met; what is wrong with a checkpoint by itself is found here."""
    wanted: dict[int, list[tuple[str, bytes]]] = {}
    for stored in checkpoints.every(connection):
        called = f"checkpoint of {stored.size} leaves"
        found.checkpoints += 1
        found.signed = stored.size
        try:
            signed = open_checkpoint(stored.note, key)
        except ProofInvalid as error:
            found.add("checkpoint", called, str(error))
            continue
        if (signed.size, signed.root) != (stored.size, stored.root):
            found.add("checkpoint", called, f"its signed note says another root, or {signed.size} leaves")
        wanted.setdefault(signed.size, []).append((called, signed.root))
    for note in kept:
        try:
            signed = open_checkpoint(note, key)
        except ProofInvalid as error:
            found.add("checkpoint", "checkpoint kept elsewhere", str(error))
            continue
        called = f"checkpoint of {signed.size} leaves, kept elsewhere"
        wanted.setdefault(signed.size, []).append((called, signed.root))
    return wanted


def _hold(walk: _Walk, block: log.Block, rows: list[Row]) -> None:
    """Hold a block's leaves against the rows that belong there, and grow the tree by them."""
    found, stored = walk.audit, block.leaves()
    called = f"leaves {block.first} to {block.next - 1}"
    if block.first != found.size:
        walk.whole = False
        lost = f"{found.size} to {block.first - 1}" if block.first > found.size else f"from {block.first}"
        found.add("log", f"leaves {lost}", "missing, or stored twice: the log is not dense")
    if len(stored) != block.next - block.first:
        walk.whole = False
        found.add("log", called, f"the block holds {len(stored)} leaves")
    hashes = [leaf_hash(row.leaf) for row in rows]
    expected = [(row.kind, row.id, hashed) for row, hashed in zip(rows, hashes, strict=True)]
    if expected != stored:
        _compare(walk, block.first, expected, stored)
    if rows and rows[-1].place != block.last and stored and stored[-1][1] == rows[-1].id:
        found.add("log", called, "the block says another transaction for its last row")
    walk.kinds.update(block.kinds)
    found.rows += len(rows)
    found.size = block.next
    if walk.whole:
        _grow(walk, block.first, [hashed for _, _, hashed in stored])


def _entries(walk: _Walk, high: int) -> None:
    """Look for transfers without their entries, which follow from them and are no leaves, up to `high`."""
    if high <= walk.entries_of:
        return
    asked, walk.entries_of = {"low": walk.entries_of + 1, "high": high}, high
    found = walk.connection.execute(_queries.transfers_without_their_entries.sql, asked)
    walk.without.update(row[0] for row in found.fetchmany(NAMED_MAX))


def _amiss(walk: _Walk) -> None:
    """Name the transfers and entries that do not belong together, where the transfer is not named already."""
    named = {finding.subject for finding in walk.audit.findings}
    for transfer in sorted(walk.without):
        if (called := f"transfer {transfer}") not in named:
            walk.audit.add("entries", called, "its two entries are not those that follow from it")
            named.add(called)
    row = walk.connection.execute(_queries.surplus_entries.sql).fetchone()
    if walk.without or (row is not None and row[0]):
        found = walk.connection.execute(_queries.entries_without_transfer.sql, {"rows": NAMED_MAX})
        for account, version, transfer in found:
            if f"transfer {transfer}" not in named:
                walk.audit.add("entries", f"entry {version} of account {account}", "no transfer has it")


def _compare(
    walk: _Walk, first: int, expected: list[tuple[int, bytes, bytes]], stored: list[tuple[int, bytes, bytes]]
) -> None:
    rows: dict[_Key, bytes] = {}
    for kind, row_id, hashed in expected:
        if (kind, row_id) in rows:
            walk.audit.add("added", walk.rows.name(kind, row_id), "there are several rows of this id")
        rows.setdefault((kind, row_id), hashed)
    sealed: dict[_Key, tuple[int, bytes]] = {}
    for n, (kind, row_id, hashed) in enumerate(stored):
        called = walk.rows.name(kind, row_id)
        if (kind, row_id) in sealed:
            walk.audit.add("log", called, f"leaf {first + n} repeats it")
            continue
        sealed[kind, row_id] = first + n, hashed
        if (kind, row_id) not in rows:
            if len(walk.orphans) < NAMED_MAX:
                walk.orphans[kind, row_id] = first + n, hashed
            else:
                walk.audit.unnamed += 1
        elif rows[kind, row_id] != hashed:
            walk.audit.add("altered", called, f"its content is not what leaf {first + n} was made of")
    for key, hashed in rows.items():
        if key not in sealed:
            if len(walk.strays) < NAMED_MAX:
                walk.strays[key] = hashed
            else:
                walk.audit.unnamed += 1
    rank = {key: n for n, key in enumerate(rows)}
    kept = [key for key, (_, hashed) in sealed.items() if rows.get(key) == hashed]
    for n in _out_of_order([rank[key] for key in kept]):
        index = sealed[kept[n]][0]
        walk.audit.add(
            "reordered", walk.rows.name(*kept[n]), f"leaf {index} stands where another row's belongs"
        )


def _out_of_order(ranks: list[int]) -> list[int]:
    """The fewest positions without which `ranks` only rises: all but a longest rising subsequence."""
    ends: list[int] = []  # the smallest last rank of a rising run of each length
    at: list[int] = []
    for rank in ranks:
        length = bisect_left(ends, rank)
        ends[length : length + 1] = [rank]
        at.append(length)
    longest, out = len(ends) - 1, []
    for n in range(len(ranks) - 1, -1, -1):
        if at[n] == longest:
            longest -= 1
        else:
            out.append(n)
    return out[::-1]


def _grow(walk: _Walk, first: int, hashes: list[bytes]) -> None:
    """Add leaves to the tree; meet the stored nodes and the checkpoints on the way."""
    sizes = sorted(size for size in walk.wanted if first < size <= first + len(hashes))
    complete = []
    for begin, stop in zip([first, *sizes], [*sizes, first + len(hashes)], strict=True):
        complete += walk.frontier.append(hashes[begin - first : stop - first])
        if stop in walk.wanted and stop == walk.frontier.size and begin < stop:
            _meet(walk, stop)
    for height, position, hashed in complete:
        walk.nodes += 1
        stored = log.nodes(walk.connection, height, position, position + 1).get(position)
        if stored != hashed:
            begin = position << height
            walk.audit.add(
                "log",
                f"leaves {begin} to {begin + (1 << height) - 1}",
                "the tree's node above them is missing"
                if stored is None
                else "not those the tree was built of",
            )


def _meet(walk: _Walk, size: int) -> None:
    root = walk.frontier.root()
    for called, wanted in walk.wanted[size]:
        if root != wanted:
            walk.audit.add(
                "checkpoint",
                called,
                f"the log does not lead to it: among leaves {walk.good} to {size - 1} one was rewritten, "
                "added, removed or moved",
            )
        else:
            walk.good = size


def _explain(walk: _Walk) -> None:
    """Say of each leaf without its row, and of each row without its leaf, what happened."""
    found = walk.audit
    lost = [UUID(bytes=row_id) for _, row_id in walk.orphans]
    present = {(row.kind, row.id): row for row in walk.rows.of(lost)}
    for key, (index, hashed) in walk.orphans.items():
        row = present.get(key)
        called = walk.rows.name(*key)
        if row is None:
            found.add("removed", called, f"the row that leaf {index} was made of is gone")
        elif leaf_hash(row.leaf) != hashed:
            found.add(
                "altered", called, f"its content, and its transaction, are not what leaf {index} was made of"
            )
        else:
            found.add("reordered", called, f"leaf {index} is not where the row belongs")
    for key in walk.strays.keys() - walk.orphans.keys():
        found.add("added", walk.rows.name(*key), "the row lies below the log's end and was never sealed")


def _end(walk: _Walk) -> None:
    """What is missing at the end: checkpoints that were not reached, nodes too many, rows out of time."""
    found = walk.audit
    known = walk.rows.kinds
    found.kinds = {known[kind][0]: walk.kinds[kind] for kind in sorted(walk.kinds) if kind in known}
    for kind in walk.kinds.keys() - known.keys():
        found.add("log", f"{walk.kinds[kind]} leaves", f"are of kind {kind}, which nothing declares")
    sizes = sorted(walk.wanted)
    for size in sizes[bisect_left(sizes, found.size + 1) :]:
        for called, _ in walk.wanted[size]:
            found.add("checkpoint", called, f"the log has only {found.size} leaves: its end was cut off")
    if walk.whole:
        stored = log.count_nodes(walk.connection, found.size)
        if stored > walk.nodes:
            found.add("log", "the tree", f"{stored} nodes are stored where {walk.nodes} belong")
    found.unsealed = walk.rows.count_after(walk.place)
    found.uncovered = coverage.uncovered(walk.connection)
    _, suspect_from = log.horizon(walk.connection)
    suspects = walk.rows.ahead_of(suspect_from, NAMED_MAX)
    _, unborn = log.horizon(walk.connection)
    for row in suspects:
        if row.xact >= unborn:
            found.add(
                "added",
                walk.rows.name(row.kind, row.id),
                f"says that transaction {row.xact} wrote it, which has not begun",
            )
