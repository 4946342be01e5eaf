"""Sealing: rows of finished transactions become leaves, batch by batch, and the log is signed.

A batch takes rows in the order (xact, id, kind) from where the log ends, and only of transactions below the
oldest one still running: what a transaction writes is then all there or never, so nothing is skipped and
nothing comes later than its place. The log itself says where it ends: a sealer that was killed leaves whole
batches, and the next one continues, within a transaction too.

Locks: one advisory lock, held for a batch at a time; posting never waits. Memory: one batch of rows.
Reading: a range of transactions per step, by the block-range index on xact, each once, by a cursor on a
connection of its own: a transaction of many batches is sorted once, and not for each of them.
"""

import time
from contextlib import closing
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice

from emoney.ledger.base import turns
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.progress import Progress, silent
from emoney.ledger.proofs import checkpoints, leaves, log
from emoney.ledger.proofs.errors import LogDamaged
from emoney.ledger.proofs.leaves import Place, Row
from emoney.ledger.proofs.signing import SigningKey
from emoney.ledger.proofs.tree import Frontier

BATCH_ROWS = 16_384
SPAN_FIRST = 4
PATIENCE_S = 5.0
"""How long a transaction may go on that holds up sealing, before it is told: postings take milliseconds."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a run did. `added`: leaves; `size`: of the log; `checkpoint`: its signed note, None when empty;
    `behind`: what it could not seal, as a rule nothing.
    """

    added: int
    size: int
    checkpoint: str | None
    behind: "Behind | None" = None


@dataclass(frozen=True, slots=True)
class Behind:
    """Rows that are not sealed because a transaction older than theirs goes on: any login's, a reader's too.

    `login`, `process`: whose it is, and its server process; None where it waits for a second phase.
    """

    rows: int
    login: str | None
    process: int | None

    @property
    def told(self) -> str:
        """A line for who can end it."""
        return (
            f"{self.rows} rows are not sealed: a transaction of the login {self.login} (server process "
            f"{self.process}) goes on before them. Have an administrator end it."
        )


def seal(
    database: Database,
    key: SigningKey,
    *,
    clock: Clock = system_clock,
    batch_rows: int = BATCH_ROWS,
    progress: Progress = silent,
) -> Sealed:
    """Add what was written since the last run to the log, and sign where it stands.

    Each batch is committed on its own; `progress` is told the leaves added so far, and of how many. Takes two
    connections. Raises LockHeld, and LogDamaged when the log does not lead to its last checkpoint, or the
    server's transactions lie below it: nothing is added to such a log.
    """
    if batch_rows < 1:
        raise InvalidInput(f"a batch has at least one row, not {batch_rows}")
    with database.connection() as connection:
        log.lock(connection)
        end = log.tail(connection)
        until, _ = log.horizon(connection)
        frontier = _checked_frontier(connection, end)
        leaves.plan_for_ranges(connection)
        waiting = leaves.Rows(connection).count_after(end.place) if progress is not silent else 0
    if until < end.place.xact:
        raise LogDamaged(
            f"This server's transactions ({until}) lie below the log's end ({end.place.xact}): the database "
            "was restored from a dump. What is posted now would not be sealed; see docs/proofs.md."
        )
    run = _Run(database, clock, batch_rows, progress, waiting, end.place, frontier)
    at, span = end.place.xact, SPAN_FIRST
    while at < until:
        high = min(at + span, until) - 1
        found = run.take(at, high)
        if found is None:
            at = max(at, run.place.xact)
            continue
        at = high + 1
        if found > batch_rows // 2:  # what is read at once is to be sorted in memory: stay well below
            span = max(1, span // 2)
        elif found <= batch_rows // 4:  # even of batches of one row: transactions may have none
            span *= 2
    return replace(_sign(database, key, run.added, clock), behind=_behind(database, until))


@dataclass(slots=True)
class _Run:
    """One run of sealing: where the log ended when it last looked, and what it added."""

    database: Database
    clock: Clock
    batch_rows: int
    progress: Progress
    waiting: int
    place: Place
    frontier: Frontier
    added: int = 0

    def take(self, low: int, high: int) -> int | None:
        """Seal the rows of the transactions `low` to `high`; how many, or None when another sealer cut in."""
        found = 0
        with self.database.connection() as reading:
            leaves.plan_for_ranges(reading)
            last = Place(high, *leaves.LAST)
            with closing(
                leaves.Rows(reading).stream(self.place, last, low=low, page=self.batch_rows)
            ) as rows:
                while batch := list(islice(rows, self.batch_rows)):
                    if not self._append(batch):
                        return None
                    found += len(batch)
                    self.added += len(batch)
                    self.progress("sealing", self.added, max(self.added, self.waiting))
        return found

    def _append(self, rows: list[Row]) -> bool:
        """Commit a batch, if the log still ends where it is to begin; else look where it ends now."""
        with self.database.connection() as connection:
            log.lock(connection)
            end = log.tail(connection)
            if end.place != self.place:
                self.place, self.frontier = end.place, log.Tiles(connection, end.size).frontier()
                return False
            hashes = [sha256(b"\x00" + row.leaf).digest() for row in rows]
            log.append(connection, end.size, rows, hashes, self.clock())
            log.append_nodes(connection, self.frontier.append(hashes))
        self.place = rows[-1].place
        return True


def _checked_frontier(connection: Connection, end: log.Tail) -> Frontier:
    """The log's right edge, once its leaves are known to lead to its last checkpoint."""
    last = checkpoints.latest(connection)
    if last is not None and (last.size > end.size or log.Tiles(connection, last.size).root() != last.root):
        raise LogDamaged(
            f"The log does not lead to its checkpoint of {last.size} leaves: it was changed. Nothing is "
            "added to it; `emoney proof verify` says what."
        )
    return log.Tiles(connection, end.size).frontier()


def _behind(database: Database, until: int) -> Behind | None:
    """What waits for the transaction `until`, when it goes on beyond what is told of."""
    end = time.monotonic() + PATIENCE_S
    while True:
        with database.connection() as connection:
            oldest, next_ = log.horizon(connection)
            if oldest > until or next_ == until:
                return None
            if time.monotonic() >= end:
                rows = leaves.Rows(connection).count_after(log.tail(connection).place)
                holder = turns.holder_of(connection, until)
                login, process = holder or (None, None)
                return Behind(rows, login, process) if rows else None
        time.sleep(turns.PAUSE_S)


def _sign(database: Database, key: SigningKey, added: int, clock: Clock) -> Sealed:
    with database.connection() as connection:
        log.lock(connection)
        end = log.tail(connection)
        last = checkpoints.latest(connection)
        if end.size and (last is None or last.size < end.size):
            root = log.Tiles(connection, end.size).root()
            last = checkpoints.sign(connection, key, end.size, root, clock())
    return Sealed(added, end.size, None if last is None else last.note)
