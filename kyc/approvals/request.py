"""Four eyes: what one person asks for is done when another approves it, in the same transaction.

`request` records what is wanted; `approve` records the second person's word and does it; `reject` records a
no. The database enforces that the two differ, that a request is decided once and before it expires, and that
nothing recorded is changed; what rests on an approval refers to it by a foreign key, with its action and its
subject. Of two who decide at once, the second is told that the request is closed.

What an action does is in `kyc.approved_actions`; here it is a word.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg.errors import CheckViolation, UniqueViolation
from psycopg.types.json import Jsonb

from emoney.kyc.approvals.actors import checked_actor, checked_reason, same_actor
from emoney.kyc.errors import InvalidRequest, RequestClosed, SamePerson
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing

OPEN_FOR = timedelta(days=7)
OPEN_FOR_MAX = timedelta(days=90)
LISTED_MAX = 1000

_queries = queries_beside(__file__)


class Action(StrEnum):
    """What takes a second person."""

    TIER_OVERRIDE = "tier_override"
    """A wallet at a tier that the evidence does not reach, for a time."""
    EVIDENCE_ACCEPTANCE = "evidence_acceptance"
    """Captured evidence taken as verified."""
    PACK_ACCEPTANCE = "pack_acceptance"
    """A policy pack with numbers that were not read in the legal text, for production use."""
    UNFREEZING = "unfreezing"
    """A frozen wallet let go."""
    LINKING_PERSONS = "linking_persons"
    """Two records that are of one person: their wallets share the limits of the person."""
    SEPARATING_PERSONS = "separating_persons"
    """A link that was a mistake."""
    RECTIFICATION = "rectification"
    """Details of a person of whom something is verified, corrected."""
    ESTATE_RELEASE = "estate_release"
    """The e-money of a holder who died, paid to the estate."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A request and, once there is one, the decision on it. `details`: JSON values, no personal data."""

    id: UUID
    action: Action
    subject: UUID
    details: dict[str, Any]
    reason: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    outcome: str | None
    decided_by: str | None
    decided_because: str | None
    decided_at: datetime | None


Apply = Callable[[Connection, Approval], None]
"""Does what was approved, in the transaction of the approval."""


@all_or_nothing
def request(
    connection: Connection,
    action: Action,
    subject: UUID,
    details: dict[str, Any],
    *,
    actor: str,
    reason: str,
    at: datetime,
    open_for: timedelta = OPEN_FOR,
) -> UUID:
    """Ask for `action` on `subject`; returns the request's id. Nothing is done until another one approves.

    Raises InvalidRequest.
    """
    if not timedelta(minutes=1) <= open_for <= OPEN_FOR_MAX:
        raise InvalidRequest(f"a request stays open from a minute to {OPEN_FOR_MAX.days} days")
    if at.tzinfo is None:
        raise InvalidRequest("the moment of a request needs a time zone")
    request_id = new_id()
    about = {"id": request_id, "action": action.value, "subject": subject, "details": Jsonb(details)}
    said = {
        "reason": checked_reason(reason),
        "actor": checked_actor(actor),
        "at": at,
        "expires_at": at + open_for,
    }
    connection.execute(_queries.request.sql, about | said)
    return request_id


@all_or_nothing
def approve(
    connection: Connection, request_id: UUID, *, actor: str, reason: str, at: datetime, apply: Apply
) -> Approval:
    """Approve, and do with `apply` what was asked for: both are committed, or neither.

    Raises InvalidRequest, SamePerson, RequestClosed, and what `apply` raises.
    """
    approval = _decide(connection, request_id, "approved", actor, reason, at)
    apply(connection, approval)
    return approval


@all_or_nothing
def reject(connection: Connection, request_id: UUID, *, actor: str, reason: str, at: datetime) -> Approval:
    """Refuse what was asked for; raises as `approve`. Whoever asked cannot reject, but may let it expire."""
    return _decide(connection, request_id, "rejected", actor, reason, at)


def _decide(
    connection: Connection, request_id: UUID, outcome: str, actor: str, reason: str, at: datetime
) -> Approval:
    wanted = find(connection, request_id)
    if same_actor(checked_actor(actor), wanted.requested_by):
        raise SamePerson(
            f"{actor} asked for {wanted.action} and cannot decide on it: it takes a second person"
        )
    if wanted.outcome is not None:
        raise RequestClosed(f"request {request_id} was {wanted.outcome} by {wanted.decided_by} already")
    if at >= wanted.expires_at:
        raise RequestClosed(f"request {request_id} expired at {wanted.expires_at}: ask anew")
    about = {"id": request_id, "outcome": outcome, "actor": actor, "reason": checked_reason(reason), "at": at}
    try:
        with connection.transaction():
            connection.execute(_queries.decide.sql, about)
    except UniqueViolation:
        raise RequestClosed(f"request {request_id} was decided at the same moment by another one") from None
    except CheckViolation:
        raise RequestClosed(
            f"request {request_id} is of {wanted.requested_at}, which {at} is before"
        ) from None
    return find(connection, request_id)


def find(connection: Connection, request_id: UUID) -> Approval:
    """The request of this id. Raises InvalidRequest."""
    row = connection.execute(_queries.find.sql, {"id": request_id}).fetchone()
    if row is None:
        raise InvalidRequest(f"there is no request {request_id}")
    return _approval(row)


def waiting(connection: Connection, at: datetime, *, most: int = LISTED_MAX) -> list[Approval]:
    """The requests that wait for a decision, the oldest first."""
    return [_approval(row) for row in connection.execute(_queries.waiting.sql, {"at": at, "most": most})]


def every(connection: Connection, *, most: int = LISTED_MAX) -> list[Approval]:
    """All requests and what became of them, the newest first."""
    return [_approval(row) for row in connection.execute(_queries.every.sql, {"most": most})]


def standing(connection: Connection, action: Action, subject: UUID, details: dict[str, Any]) -> UUID | None:
    """The id of an approval of exactly this, whenever it was given, or None."""
    about = {"action": action.value, "subject": subject, "details": Jsonb(details)}
    row = connection.execute(_queries.standing.sql, about).fetchone()
    return None if row is None else row[0]


def _approval(row: tuple[Any, ...]) -> Approval:
    return Approval(row[0], Action(row[1]), *row[2:])
