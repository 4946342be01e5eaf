"""Evidence as it is recorded: what was shown, how, how surely, until when, and who stands behind it.

| state             | who stands behind it                                                              |
|-------------------|-----------------------------------------------------------------------------------|
| declared          | the person's word                                                                 |
| captured          | a document or a value that was taken in and looks right                           |
| verified          | two persons of the operator (`ledger.two_persons`), or a registered provider      |
| registry_verified | the register that issued it, asked by a registered provider                       |
| rejected, expired | nobody any more; both are final, and new evidence is a new record                 |

States only ever rise or end. The database keeps each of them in `kyc.evidence_state` by itself and refuses
any other course, and any provider that is not registered for it (`kyc.evidence.providers`). Evidence counts
through the last day it is valid on, whether or not the job that expires it has run.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg.errors import CheckViolation, ForeignKeyViolation
from sqlmodel import col, select

from emoney.kyc.errors import InvalidEvidence, UnknownEvidence, UnknownPerson, UnregisteredProvider
from emoney.kyc.evidence.tables import EvidenceStateRow
from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import read
from emoney.ledger.base.postgres.tuples import reads_tuples

METHOD_MAX = 100

_queries = queries_beside(__file__)


class EvidenceState(StrEnum):
    """How well a piece of evidence is shown."""

    DECLARED = "declared"
    CAPTURED = "captured"
    VERIFIED = "verified"
    REGISTRY_VERIFIED = "registry_verified"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Assurance(StrEnum):
    """How sure the method makes it (the levels of Regulation (EU) 910/2014 art. 8)."""

    LOW = "low"
    SUBSTANTIAL = "substantial"
    HIGH = "high"


ENDED = frozenset({EvidenceState.REJECTED, EvidenceState.EXPIRED})
VERIFIED = frozenset({EvidenceState.VERIFIED, EvidenceState.REGISTRY_VERIFIED})
_RANKS = {
    EvidenceState.DECLARED: 0,
    EvidenceState.CAPTURED: 1,
    EvidenceState.VERIFIED: 2,
    EvidenceState.REGISTRY_VERIFIED: 3,
}

BY_WORD = frozenset(
    {"name", "dob", "birth_date", "address", "phone_otp", "self_declared_name", "id_number_unverified"}
)
"""Kinds that a tier asks to be told, and no more: the person's word shows them."""


@dataclass(frozen=True, slots=True)
class NewEvidence:
    """Evidence to record. `expires_on`: the last day it is valid on; None where it has none."""

    person_id: UUID
    kind: str
    state: EvidenceState = EvidenceState.CAPTURED
    method: str = "enrolment"
    assurance: Assurance = Assurance.LOW
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence as it stands. `recorded_by`, `reason`: who brought it into its state, and why."""

    id: UUID
    person_id: UUID
    kind: str
    number: int
    state: EvidenceState
    method: str
    assurance: Assurance
    expires_on: date | None
    recorded_by: str
    reason: str
    provider: str | None
    recorded_at: datetime

    def counts(self, day: date) -> bool:
        """Whether it shows its kind on this day."""
        if self.state in ENDED or (self.expires_on is not None and self.expires_on < day):
            return False
        return self.state is not EvidenceState.DECLARED or self.kind in BY_WORD


def shown(evidence: Iterable[Evidence], day: date) -> frozenset[str]:
    """The kinds that evidence shows on a day: what tiers are decided by."""
    return frozenset(each.kind for each in evidence if each.counts(day))


def verified(evidence: Iterable[Evidence], day: date, kinds: AbstractSet[str]) -> bool:
    """Whether at least one of `kinds` is verified, and not by word or by a copy alone, on this day."""
    return any(each.kind in kinds and each.state in VERIFIED and each.counts(day) for each in evidence)


@all_or_nothing
def record(
    connection: Connection,
    new: Sequence[NewEvidence],
    *,
    actor: str,
    reason: str,
    at: datetime,
    provider: str | None = None,
) -> list[UUID]:
    """Record evidence; returns the ids. `provider`: who verified it, for states that take one; not `actor`.

    Tiers do not follow here: see `kyc.wallets.retiering`. Raises InvalidEvidence, UnregisteredProvider,
    InvalidRequest.
    """
    who = Actor(actor)
    for each in new:
        if each.state in ENDED:
            raise InvalidEvidence(f"evidence of {each.kind} is not recorded as {each.state} at first")
        if each.state in VERIFIED and provider is None:
            raise InvalidEvidence(f"{each.kind}: {each.state} needs a provider; else it takes an approval")
        if each.state in VERIFIED:
            _demand_other(provider, who)
        _demand_method(each.method)
        if each.expires_on is not None and each.expires_on < at.date():
            raise InvalidEvidence(f"{each.kind}: its last day has passed")
    ids = [new_id() for _ in new]
    if not new:
        return ids
    try:
        connection.execute(
            _queries.record.sql,
            {
                "ids": ids,
                "persons": [each.person_id for each in new],
                "kinds": [each.kind for each in new],
                "states": [each.state.value for each in new],
                "methods": [each.method for each in new],
                "assurances": [each.assurance.value for each in new],
                "expiries": [each.expires_on for each in new],
                "actor": who,
                "reason": Reason(reason),
                "provider": None if provider is None else Actor(provider),
                "at": at,
            },
        )
    except ForeignKeyViolation:
        raise UnknownPerson("evidence is of an enrolled person; one of these is not enrolled") from None
    except CheckViolation as error:
        raise _unregistered(error, provider) from None
    return ids


@all_or_nothing
def change(
    connection: Connection,
    evidence_id: UUID,
    state: EvidenceState,
    *,
    actor: str,
    reason: str,
    at: datetime,
    method: str | None = None,
    assurance: Assurance | None = None,
    expires_on: date | None = None,
    provider: str | None = None,
    approval: UUID | None = None,
    number: int | None = None,
) -> Evidence:
    """Bring evidence into a better state, or end it; gives what it was before.

    `verified` takes an approval or a provider, `registry_verified` a provider; that is another one than
    `actor`. What is not given stays as it was. `number`: of the state that an approval was asked for. Raises
    UnknownEvidence, InvalidEvidence, UnregisteredProvider, InvalidRequest when it has another number.
    """
    row = connection.execute(_queries.lock_one.sql, {"id": evidence_id}).fetchone()
    if row is None:
        raise UnknownEvidence(f"there is no evidence {evidence_id}")
    before = _evidence(row)
    if before.state in ENDED:
        raise InvalidEvidence(f"{before.kind} is {before.state}, which is final: record the evidence anew")
    if state not in ENDED and _RANKS[state] <= _RANKS[before.state]:
        raise InvalidEvidence(f"{before.kind} is {before.state} already and does not become {state}")
    if (state is EvidenceState.VERIFIED and approval is None and provider is None) or (
        state is EvidenceState.REGISTRY_VERIFIED and provider is None
    ):
        raise InvalidEvidence(f"{before.kind}: {state} takes a provider, or for verified two persons")
    who = Actor(actor)
    if state in VERIFIED and approval is None:
        _demand_other(provider, who)
    if at < before.recorded_at:
        raise InvalidEvidence(
            f"{before.kind} is {before.state} since {before.recorded_at}: {at} is before that"
        )
    if number is not None and number != before.number:
        raise InvalidRequest(f"evidence {before.id} has changed since this was asked for: ask anew")
    about = {"id": evidence_id, "number": before.number, "state": state.value, "at": at, "approval": approval}
    how = {
        "method": _demand_method(method or before.method),
        "assurance": (assurance or before.assurance).value,
        "expires_on": expires_on or before.expires_on,
        "provider": Actor(provider) if provider else before.provider,
        "actor": who,
        "reason": Reason(reason),
    }
    try:
        connection.execute(_queries.change.sql, about | how)
    except CheckViolation as error:
        raise _unregistered(error, provider or before.provider) from None
    return before


@all_or_nothing
def reject(connection: Connection, evidence_id: UUID, *, actor: str, reason: str, at: datetime) -> Evidence:
    """Revoke evidence: it counts no more, and never again. Raises as `change`."""
    return change(connection, evidence_id, EvidenceState.REJECTED, actor=actor, reason=reason, at=at)


@reads_tuples
def verifiable(connection: Connection, evidence_id: UUID, method: str) -> Evidence:
    """The evidence, locked; it could become verified by `method`. Raises UnknownEvidence, InvalidEvidence."""
    _demand_method(method)
    row = connection.execute(_queries.lock_one.sql, {"id": evidence_id}).fetchone()
    if row is None:
        raise UnknownEvidence(f"there is no evidence {evidence_id}")
    found = _evidence(row)
    if found.state not in (EvidenceState.DECLARED, EvidenceState.CAPTURED):
        raise InvalidEvidence(f"{found.kind} is {found.state} and does not become verified")
    return found


def of_person(connection: Connection, person_id: UUID) -> list[Evidence]:
    """All evidence of a person, the oldest first."""
    return of_persons(connection, [person_id]).get(person_id, [])


@reads_tuples
def of_persons(connection: Connection, persons: Sequence[UUID]) -> dict[UUID, list[Evidence]]:
    """All evidence of several persons; persons without any are left out."""
    found: dict[UUID, list[Evidence]] = {}
    for row in connection.execute(_queries.of_persons.sql, {"persons": list(persons)}):
        found.setdefault(row[1], []).append(_evidence(row))
    return found


def history(connection: Connection, evidence_id: UUID) -> list[dict[str, Any]]:
    """Every state the evidence was in, the first one first."""
    of = select(EvidenceStateRow).where(EvidenceStateRow.evidence_id == evidence_id)
    return [
        {
            "number": row.number,
            "state": row.state,
            "method": row.method,
            "assurance": row.assurance,
            "expires_on": row.expires_on,
            "actor": row.recorded_by,
            "reason": row.reason,
            "provider": row.provider,
            "approval": row.approval_id,
            "at": row.recorded_at,
        }
        for row in read(connection, of.order_by(col(EvidenceStateRow.number)))
    ]


@reads_tuples
def persons_due(connection: Connection, at: datetime, *, most: int) -> list[UUID]:
    """The persons with evidence past its last day that is not expired yet, in id order."""
    about = {"today": at.astimezone(UTC).date(), "most": most}
    return [row[0] for row in connection.execute(_queries.persons_due.sql, about)]


@all_or_nothing
def expire(connection: Connection, person_id: UUID, at: datetime) -> int:
    """Expire a person's evidence that is past its last day; returns how many pieces."""
    about = {"today": at.astimezone(UTC).date(), "person": person_id, "at": at}
    return connection.execute(_queries.expire.sql, about).rowcount


def _unregistered(error: CheckViolation, provider: str | None) -> Exception:
    """What a refusal by the database says, where it is about the provider."""
    if error.diag.constraint_name != "evidence_provider":
        return error
    return UnregisteredProvider(
        f"no provider {provider} is registered that gives this state by this method with this assurance "
        "under this login: the owner of the database registers one, `emoney kyc providers register`"
    )


def _demand_other(provider: str | None, actor: Actor) -> None:
    if provider is not None and actor.is_same_person(provider):
        raise InvalidEvidence(f"{actor} cannot be the provider of what {actor} records: it takes another one")


def _demand_method(method: str) -> str:
    if not 1 <= len(method) <= METHOD_MAX or not method.isprintable():
        raise InvalidEvidence(f"a method is named in 1 to {METHOD_MAX} printable characters")
    return method


def _evidence(row: tuple[Any, ...]) -> Evidence:
    made_of = (*row[:4], EvidenceState(row[4]), row[5], Assurance(row[6]), *row[7:])
    return Evidence(*made_of)
