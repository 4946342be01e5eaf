"""Legal entities and their beneficial owners: the natural persons who own or control them in the end.

An entity's owners are stated as a whole: every named share and what is dispersed add up to 100 %. Owners are
enrolled persons, natural or entities that have stated their own; shares multiply along the way and add up
over the ways. Who owns the share that the law names, or controls by other means, is a beneficial owner; where
there is no one, the senior managers stand for them (FATF R.10, note 5.b; Regulation (EU) 2024/1624 ch. IV).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from uuid import UUID

from emoney.kyc.errors import InvalidOwnership
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import EvidenceState, NewEvidence
from emoney.kyc.parties.tables import OwnershipStatementRow
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add
from emoney.ledger.base.postgres.tuples import reads_tuples

WHOLE_BP = 10_000
OWNERS_MAX = 200
LAYERS_MAX = 20
MAJORITY_BP = 5_000
EVIDENCE = "beneficial_owners"

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner as stated. `share_bp`: basis points; `control`: by other means than the share."""

    person_id: UUID
    share_bp: int = 0
    control: bool = False
    senior_manager: bool = False


@dataclass(frozen=True, slots=True)
class BeneficialOwner:
    """A natural person behind an entity. `share`: of the whole, 0 to 1; `grounds`: share, control, role."""

    person_id: UUID
    share: Fraction
    grounds: tuple[str, ...]


@all_or_nothing
def state(
    connection: Connection,
    entity_id: UUID,
    owners: Sequence[Owner],
    *,
    dispersed_bp: int = 0,
    threshold_bp: int,
    actor: str,
    reason: str,
    at: datetime,
) -> list[BeneficialOwner]:
    """State who owns an entity, in place of what was stated before; gives its beneficial owners.

    `dispersed_bp`: held by owners too small to name. When every beneficial owner shows an identity document,
    that is recorded as evidence of the entity (`beneficial_owners`, captured). Raises InvalidOwnership.
    """
    _demand_whole(owners, dispersed_bp)
    connection.execute(_queries.lock.sql)  # two statements at once could close a circle together
    ids = [entity_id, *(owner.person_id for owner in owners)]
    kinds: dict[UUID, str] = dict(connection.execute(_queries.kinds.sql, {"persons": ids}).fetchall())
    if missing := [person for person in ids if person not in kinds]:
        raise InvalidOwnership(f"{missing[0]} is not enrolled; {len(missing)} of the persons are not")
    if kinds[entity_id] != "legal_entity":
        raise InvalidOwnership(f"{entity_id} is a natural person, whom nobody owns")
    for owner in owners:
        if owner.person_id == entity_id or (
            kinds[owner.person_id] == "legal_entity"
            and entity_id in _entities_under(connection, owner.person_id)
        ):
            raise InvalidOwnership(f"{owner.person_id} is owned by {entity_id}: ownership goes in a circle")
    statement = new_id()
    add(
        connection,
        OwnershipStatementRow(
            id=statement,
            entity_id=entity_id,
            named_bp=WHOLE_BP - dispersed_bp,
            dispersed_bp=dispersed_bp,
            recorded_by=Actor(actor),
            reason=Reason(reason),
            recorded_at=at,
        ),
    )
    if owners:
        columns = {
            "owners": [owner.person_id for owner in owners],
            "shares": [owner.share_bp for owner in owners],
            "controls": [owner.control for owner in owners],
            "managers": [owner.senior_manager for owner in owners],
        }
        connection.execute(_queries.name_owners.sql, columns | {"statement": statement})
    found = beneficial_owners(connection, entity_id, threshold_bp)
    _note_identified(connection, entity_id, found, actor, at)
    return found


@reads_tuples
def beneficial_owners(connection: Connection, entity_id: UUID, threshold_bp: int) -> list[BeneficialOwner]:
    """The natural persons behind an entity, by the newest statements, in id order.

    Raises InvalidOwnership for more than LAYERS_MAX layers of entities.
    """
    shares: dict[UUID, Fraction] = defaultdict(Fraction)
    controlling: set[UUID] = set()
    managers: set[UUID] = set()
    waiting = [(entity_id, Fraction(1), True, 0)]
    while waiting:
        entity, part, controlled, layer = waiting.pop()
        if layer > LAYERS_MAX:
            raise InvalidOwnership(f"{entity_id} stands under more than {LAYERS_MAX} layers of entities")
        for owner, kind, share_bp, control, manager in connection.execute(
            _queries.owners_of.sql, {"entity": entity}
        ).fetchall():
            share = part * Fraction(share_bp, WHOLE_BP)
            controls = controlled and (control or share_bp > MAJORITY_BP)
            if kind == "legal_entity":
                waiting.append((owner, share, controls, layer + 1))
                continue
            shares[owner] += share
            if controls:
                controlling.add(owner)
            if manager and entity == entity_id:
                managers.add(owner)
    threshold = Fraction(threshold_bp, WHOLE_BP)
    owning = {owner for owner, share in shares.items() if share >= threshold}
    found = owning | controlling or managers
    return [
        BeneficialOwner(
            person,
            shares[person],
            tuple(
                ground for ground, those in (("share", owning), ("control", controlling)) if person in those
            )
            or ("senior manager",),
        )
        for person in sorted(found)
    ]


def _entities_under(connection: Connection, entity_id: UUID) -> set[UUID]:
    """The entities that own an entity, directly or through others."""
    seen: set[UUID] = set()
    waiting = [entity_id]
    while waiting:
        for owner, kind, *_ in connection.execute(
            _queries.owners_of.sql, {"entity": waiting.pop()}
        ).fetchall():
            if kind == "legal_entity" and owner not in seen:
                seen.add(owner)
                waiting.append(owner)
    return seen


def _demand_whole(owners: Sequence[Owner], dispersed_bp: int) -> None:
    if len(owners) > OWNERS_MAX:
        raise InvalidOwnership(f"{len(owners)} owners; {OWNERS_MAX} are the most that are named")
    if len({owner.person_id for owner in owners}) < len(owners):
        raise InvalidOwnership("an owner stands twice in the statement; add the shares up")
    for owner in owners:
        if not 0 <= owner.share_bp <= WHOLE_BP or not (
            owner.share_bp or owner.control or owner.senior_manager
        ):
            raise InvalidOwnership(
                f"owner {owner.person_id}: a share is 1 to {WHOLE_BP} basis points, else control or a role"
            )
    total = sum(owner.share_bp for owner in owners) + dispersed_bp
    if dispersed_bp < 0 or total != WHOLE_BP:
        raise InvalidOwnership(
            f"the shares and what is dispersed add up to {total / 100:.2f} %; they are to be 100 %"
        )


def _note_identified(
    connection: Connection, entity_id: UUID, found: list[BeneficialOwner], actor: str, at: datetime
) -> None:
    """What was known of earlier owners counts no more; the present ones count when all are identified."""
    for known in evidence_records.of_person(connection, entity_id):
        if known.kind == EVIDENCE and known.counts(at.date()):
            evidence_records.reject(connection, known.id, actor=actor, reason="owners stated anew", at=at)
    evidence = evidence_records.of_persons(connection, [owner.person_id for owner in found])
    identified = all(
        "id_document" in evidence_records.shown(evidence.get(owner.person_id, []), at.date())
        for owner in found
    )
    if found and identified:
        new = NewEvidence(entity_id, EVIDENCE, EvidenceState.CAPTURED, "ownership statement")
        evidence_records.record(connection, [new], actor=actor, reason="every owner is identified", at=at)
