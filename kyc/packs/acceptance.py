"""The operator's signed word for a policy pack whose numbers were not all read in the legal text.

In production (the setting `environment`) no wallet is put under such a pack before one person has asked for
its acceptance, as it is, and a second has approved: a changed number, or a new rate of an index unit, needs
another. That the two differ, and that the approval is of this very content, the database enforces. The record
names both, is signed with the installation's key, as the proof log's checkpoints are, and is never edited.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from sqlmodel import col, select

from emoney.kyc.approvals import ACTIONS, Action
from emoney.kyc.errors import InvalidDecision, PackNotAccepted
from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.packs.schema import Pack
from emoney.kyc.packs.tables import PackAcceptanceRow
from emoney.ledger import two_persons
from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.proofs import PublicKey, SigningKey
from emoney.ledger.proofs.verifying import ProofInvalid, open_note
from emoney.ledger.two_persons import Request
from emoney.ledger.two_persons.tables import RequestDecisionRow

KIND = "emoney/kyc/pack-acceptance/v1"
"""The first line of the signed note, so that no other note can stand for one of these."""
KIND_OF_TWO = "emoney/kyc/pack-acceptance/v2"
"""The same of a note that names the second person too."""
NAME_MAX = 100
LISTED_MAX = 10_000

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepted which content of a pack, and when. `note`: the same, signed.

    `approval`: the request that a second person, `approved_by`, approved; None when it rests on one word.
    """

    id: UUID
    pack_id: str
    content_hash: str
    accepted_by: str
    accepted_at: datetime
    note: str
    approval: UUID | None = None
    approved_by: str | None = None

    @property
    def text(self) -> str:
        """What is signed: a line each for kind, id, pack, content, moment and who accepted it.

        Where two did, also for the approval and who gave it.
        """
        at = self.accepted_at.astimezone(UTC).isoformat()
        lines = [self.id, self.pack_id, self.content_hash, at, self.accepted_by]
        lines += [] if self.approval is None else [self.approval, self.approved_by]
        kind = KIND if self.approval is None else KIND_OF_TWO
        return "".join(f"{line}\n" for line in (kind, *lines))

    def demand_signed(self, key: PublicKey) -> None:
        """Raises ProofInvalid unless the record says what `key` signed."""
        if open_note(self.note, key) != self.text:
            raise ProofInvalid(f"acceptance {self.id} does not say what was signed")


def needed_for(pack: Pack) -> list[Pack]:
    """`pack` and those that follow it, as far as they need to be accepted."""
    return [each for each in pack.chain if not each.all_primary]


def content_hash(pack: Pack) -> str:
    """SHA-256, in hexadecimal, of a pack and the rates of its index units."""
    units = [pack.unit(unit).model_dump_json(by_alias=True) for unit in sorted(pack.units)]
    return hashlib.sha256("\n".join([pack.content_hash, *units]).encode()).hexdigest()


@all_or_nothing
def request(connection: Connection, pack: Pack, *, actor: str, reason: str, at: datetime) -> UUID:
    """Ask that `pack` be accepted as it is; returns the id of the request for a second person.

    Raises InvalidRequest.
    """
    content = content_hash(pack)
    about = {"pack": pack.id, "content": content}
    return two_persons.ask(
        connection, Action.PACK_ACCEPTANCE, _subject(content), about, actor=actor, reason=reason, at=at
    )


@all_or_nothing
def apply(connection: Connection, approval: Request, key: SigningKey, *, packs: PackLibrary) -> Acceptance:
    """Record what was approved: whoever asked answers for the pack, and another one agreed.

    Raises InvalidRequest when the pack or its rates are no longer what was asked for, UnknownPack.
    """
    assert approval.decided_at is not None
    pack = packs.pack(approval.details["pack"])
    if content_hash(pack) != approval.details["content"]:
        raise InvalidRequest(f"policy pack {pack.id} or a rate it needs was changed since: ask anew")
    return accept(
        connection, pack, key, actor=approval.requested_by, at=approval.decided_at, approval=approval.id
    )


def _subject(content: str) -> UUID:
    """What a request names a content by: the database derives the same from the hash."""
    return UUID(content[:32])


@all_or_nothing
def accept(
    connection: Connection,
    pack: Pack,
    key: SigningKey,
    *,
    actor: str,
    at: datetime,
    approval: UUID | None = None,
) -> Acceptance:
    """Record that `actor` answers for `pack` as it is; in production it counts only with an `approval`.

    Raises InvalidDecision for a name that is none.
    """
    name = actor.strip()
    if not 0 < len(name) <= NAME_MAX or not name.isprintable():
        raise InvalidDecision(f"who accepts a pack is named in 1 to {NAME_MAX} printable characters")
    approved_by = None if approval is None else two_persons.find(connection, approval, ACTIONS).decided_by
    unsigned = Acceptance(new_id(), pack.id, content_hash(pack), name, at, "", approval, approved_by)
    accepted = replace(unsigned, note=key.sign_note(unsigned.text))
    row = PackAcceptanceRow(
        id=accepted.id,
        pack_id=accepted.pack_id,
        content_hash=accepted.content_hash,
        accepted_by=accepted.accepted_by,
        accepted_at=accepted.accepted_at,
        note=accepted.note,
        approval_id=accepted.approval,
    )
    add(connection, row)
    return accepted


def every(connection: Connection) -> Iterator[Acceptance]:
    """The acceptances on record, the oldest first; at most LISTED_MAX."""
    with_second = select(PackAcceptanceRow, RequestDecisionRow).join(
        RequestDecisionRow,
        col(RequestDecisionRow.request_id) == col(PackAcceptanceRow.approval_id),
        isouter=True,
    )
    oldest_first = with_second.order_by(col(PackAcceptanceRow.accepted_at), col(PackAcceptanceRow.id))
    decision: RequestDecisionRow | None
    for row, decision in read(connection, oldest_first.limit(LISTED_MAX)):
        yield Acceptance(
            row.id,
            row.pack_id,
            row.content_hash,
            row.accepted_by,
            row.accepted_at,
            row.note,
            row.approval_id,
            None if decision is None else decision.actor,
        )


@reads_tuples
def missing(connection: Connection, pack: Pack) -> list[str]:
    """The ids of `pack` and of those that follow it which still need an acceptance: by two in production."""
    hashes = {content_hash(each): each.id for each in needed_for(pack)}
    if not hashes:
        return []
    about = {"packs": list(hashes.values()), "hashes": list(hashes), "by_two": pack.in_production}
    found = connection.execute(_queries.accepted.sql, about)
    accepted = {row[0] for row in found}
    return [pack_id for hashed, pack_id in hashes.items() if hashed not in accepted]


def demand(connection: Connection, pack: Pack) -> None:
    """In production, raises PackNotAccepted unless `pack` and what follows it are accepted or need not be."""
    if not pack.in_production:
        return
    for pack_id in missing(connection, pack):
        raise PackNotAccepted(
            f"policy pack {pack_id} has numbers that were not read in the legal text, and no two have "
            f"accepted it as it is: verify them, then `emoney kyc pack accept {pack_id} --actor NAME`, and "
            "a second person approves with `emoney kyc approvals approve`"
        )
