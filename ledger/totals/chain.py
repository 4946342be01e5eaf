"""The chain of day totals, held against the proof log: which of them a check may begin at.

Each continues the one before; each sealed one's row is what its leaf in the log was made of; the newest
sealed one's leaf leads to the log's last checkpoint, and its parts and funds to its digest. Whatever of
this fails is named, and no total is begun at.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.proofs import checkpoints, leaves, log
from emoney.ledger.proofs.errors import LogDamaged
from emoney.ledger.proofs.tree import inclusion_path
from emoney.ledger.proofs.verifying import (
    ProofInvalid,
    PublicKey,
    check_inclusion,
    leaf_hash,
    open_checkpoint,
)
from emoney.ledger.reports.tail import Start
from emoney.ledger.reports.verification import Breach

TABLE = "ledger.day_total"

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Total:
    """A day total as it is stored."""

    number: int
    id: UUID
    since_xact: int
    until_xact: int
    first_posted_at: datetime
    last_posted_at: datetime
    made_at: datetime
    digest: bytes


@dataclass(slots=True)
class Chain:
    """The totals, oldest first. `sealed`: the newest whose leaf is under the last checkpoint, if any."""

    totals: list[Total] = field(default_factory=list)
    sealed: Total | None = None
    breaches: list[Breach] = field(default_factory=list)


@reads_tuples
def read(connection: Connection, key: PublicKey | None, *, whole: bool) -> Chain:
    """Read all totals and what is wrong with them.

    `key`: what must have signed the checkpoint, where it is known.
    `whole`: ask for the digest of every total, not of the one to begin at alone.
    """
    chain = Chain([Total(*row) for row in connection.execute(_queries.totals.sql)])
    chain.breaches += _links(chain.totals)
    last = checkpoints.latest(connection)
    if chain.totals and last is not None:
        chain.breaches += _seals(connection, chain, last, key)
    for total in chain.totals if whole else [chain.sealed] if chain.sealed else []:
        (found,) = connection.execute(_queries.digest.sql, {"number": total.number}).fetchone() or (b"",)
        if found != total.digest:
            chain.breaches.append(
                _breach(total, "its parts and funds are those that were totalled", total.digest, found)
            )
    return chain


@reads_tuples
def start(connection: Connection, chain: Chain) -> Start | None:
    """Where a check may begin: after the newest sealed total, if nothing is wrong with the chain.

    None as well where the server's transactions lie below it, as after a restore from a dump.
    """
    sealed = chain.sealed
    if sealed is None or chain.breaches or log.horizon(connection)[0] < sealed.until_xact:
        return None
    about = {"xact": sealed.until_xact, "last": sealed.last_posted_at}
    (first,) = connection.execute(_queries.first_posted.sql, about).fetchone() or (sealed.last_posted_at,)
    return Start(sealed.number, sealed.made_at, sealed.last_posted_at, sealed.until_xact, first)


@reads_tuples
def recompute(connection: Connection, chain: Chain) -> Iterator[Breach]:
    """Total every day again from its transfers, and compare."""
    named = {total.number: total for total in chain.totals}
    for number, part in connection.execute(_queries.wrong_movements.sql):
        total = named.get(number)
        days = f", posted {total.first_posted_at} to {total.last_posted_at}" if total else ""
        yield Breach(
            "ledger.day_total_part",
            f"{number} part {part}{days}",
            "what accounts moved in a day is what was totalled",
            None,
            None,
        )
    if chain.totals:
        about = {"number": chain.totals[-1].number, "xact": chain.totals[-1].until_xact}
        for (part,) in connection.execute(_queries.wrong_states.sql, about):
            yield Breach(
                "ledger.day_total_part",
                f"{about['number']} part {part}",
                "what accounts came to is what they moved until then",
                None,
                None,
            )
        for (account,) in connection.execute(_queries.wrong_funds.sql, about):
            yield Breach(
                "ledger.day_total_fund",
                f"{about['number']} {account}",
                "what was received and issued until then is what was totalled",
                None,
                None,
            )


def _links(totals: Sequence[Total]) -> Iterator[Breach]:
    number, xact = 0, 0
    for total in totals:
        if (total.number, total.since_xact) != (number + 1, xact):
            yield _breach(total, "a day total begins where the one before ends", None, None)
        number, xact = total.number, total.until_xact


def _seals(
    connection: Connection, chain: Chain, last: checkpoints.Stored, key: PublicKey | None
) -> Iterator[Breach]:
    """What is wrong with the totals' leaves; sets the newest that is under the checkpoint."""
    rows = leaves.Rows(connection)
    of_kind = {
        row.id: row
        for row in rows.of([total.id for total in chain.totals])
        if rows.kinds[row.kind][0] == TABLE
    }
    here = [(total, of_kind[total.id.bytes]) for total in chain.totals if total.id.bytes in of_kind]
    end = log.tail(connection).place
    newest: tuple[Total, int, bytes] | None = None
    for (total, row), found in zip(here, log.find(connection, [row.place for _, row in here]), strict=True):
        hashed = leaf_hash(row.leaf)
        if found is None and row.place <= end:
            yield _breach(total, "a day total is a leaf of the proof log", None, None)
        elif found is not None and found.hash != hashed:
            yield _breach(total, "a day total is what was sealed", found.hash, hashed)
        elif found is not None and found.index < last.size:
            chain.sealed = total
            newest = total, found.index, hashed
    if newest is None:
        return
    total, index, hashed = newest
    try:
        root = last.root if key is None else open_checkpoint(last.note, key).root
        path = inclusion_path(log.Tiles(connection, last.size).perfect, index, last.size)
        check_inclusion(hashed, index, last.size, path, root)
    except (ProofInvalid, LogDamaged) as error:
        yield _breach(total, f"a day total is under the log's last checkpoint: {error}", None, None)


def _breach(total: Total, rule: str, expected: bytes | None, found: bytes | None) -> Breach:
    return Breach(TABLE, str(total.number), rule, _text(expected), _text(found))


def _text(hashed: bytes | None) -> str | None:
    return None if hashed is None else b64encode(hashed).decode()
