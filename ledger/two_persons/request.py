"""Requests: what one person asks for is done when another approves it.

`ask` records what is wanted, `approve` and `reject` the second person's word. Some acts are done in the
transaction of the approval (`apply`), others later, by whoever runs them (`agreed`, then `done`). The
database enforces that the two differ, that a request is decided once and before it expires, that it is done
once, and that nothing recorded is changed; what rests on an approval refers to it by a foreign key. Of two
who decide at once, the second is told that the request is closed.

What an action does is its package's matter; here it is a word that the package registers in
`ledger.request_action`. Every caller says which actions it knows, and finds no request for another.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.errors import CheckViolation, ForeignKeyViolation, UniqueViolation
from psycopg.types.json import Jsonb

from emoney.ledger import officers
from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing, attempt
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.officers.signing import decision_bytes, is_signed, request_bytes, signed
from emoney.ledger.two_persons.errors import NotApproved, RequestClosed, SamePerson, WrongSignature

OPEN_FOR = timedelta(days=7)
OPEN_FOR_MIN = timedelta(minutes=1)
TARGET_MAX = 200
LISTED_MAX = 1000
APPROVED, REJECTED = "approved", "rejected"

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Request:
    """What one person asked for and, once there is one, the decision on it and when it was done.

    `about`: the id of what it is about, or its name where it has no UUID. `details`: JSON values, no personal
    data.
    """

    id: UUID
    action: str
    about: UUID | str
    details: dict[str, Any]
    reason: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    outcome: str | None
    decided_by: str | None
    decision_reason: str | None
    decided_at: datetime | None
    done_at: datetime | None

    @property
    def subject(self) -> UUID:
        """What the request is about, where that has a UUID."""
        assert isinstance(self.about, UUID)
        return self.about


Apply = Callable[[Connection, Request], None]
"""Does what was approved, in the transaction of the approval."""


@all_or_nothing
def ask(
    connection: Connection,
    action: str,
    about: UUID | str,
    details: dict[str, Any],
    *,
    actor: str,
    reason: str,
    at: datetime,
    open_for: timedelta = OPEN_FOR,
) -> UUID:
    """Ask for `action` on `about`; returns the request's id. Nothing is done until another one approves.

    `open_for`: a minute to what the action allows, which is 7 days unless it says otherwise. Raises
    InvalidRequest.
    """
    _demand_zone(at)
    if open_for < OPEN_FOR_MIN:
        raise InvalidRequest("a request stays open for a minute or longer")
    if isinstance(about, str) and not (0 < len(about) <= TARGET_MAX and about.isprintable()):
        raise InvalidRequest(f"what a request is about is named in 1 to {TARGET_MAX} printable characters")
    request_id = new_id()
    who, why, expires_at = Actor(actor), Reason(reason), at + open_for
    message = request_bytes(request_id, str(action), about, details, who, why, at, expires_at)
    row = {
        "id": request_id,
        "action": str(action),
        "subject": about if isinstance(about, UUID) else None,
        "target": None if isinstance(about, UUID) else about,
        "details": Jsonb(details),
        "reason": why,
        "actor": who,
        "at": at,
        "expires_at": expires_at,
        "signature": _signature(connection, request_id, who, message),
    }
    try:
        connection.execute(_queries.ask.sql, row)
    except ForeignKeyViolation:
        raise InvalidRequest(f"there is no action {action} that takes two persons") from None
    except CheckViolation as error:
        if error.diag.constraint_name != "request_clock":
            raise
        raise InvalidRequest(f"a request for {action} does not stay open for {open_for}") from None
    return request_id


@all_or_nothing
def approve(
    connection: Connection,
    request_id: UUID,
    actions: Iterable[str],
    *,
    actor: str,
    reason: str,
    at: datetime,
    apply: Apply | None = None,
) -> Request:
    """Approve a request for one of `actions`, and with `apply` do it: both are committed, or neither.

    Raises InvalidRequest, SamePerson, RequestClosed, and what `apply` raises.
    """
    approval = _decide(connection, request_id, actions, APPROVED, actor, reason, at)
    if apply is None:
        return approval
    apply(connection, approval)
    done(connection, request_id, at=at)
    return find(connection, request_id, [approval.action])


@all_or_nothing
def reject(
    connection: Connection, request_id: UUID, actions: Iterable[str], *, actor: str, reason: str, at: datetime
) -> Request:
    """Refuse what was asked for; raises as `approve`. Whoever asked cannot reject, but may let it expire."""
    return _decide(connection, request_id, actions, REJECTED, actor, reason, at)


@reads_tuples
def agreed(connection: Connection, request_id: UUID, action: str, *, at: datetime) -> Request:
    """An approved request that is not done, for whoever does it now; others who would, wait.

    An approval ages: it holds as long as the action lets a request wait. Raises InvalidRequest, NotApproved,
    RequestClosed when it was done before or its approval is too old.
    """
    _demand_zone(at)
    connection.execute(_queries.serialise.sql, {"id": request_id})
    found = find(connection, request_id, [action])
    if found.outcome != APPROVED:
        raise NotApproved(f"nobody else has approved request {request_id} to {_words(action)}")
    if found.done_at is not None:
        raise RequestClosed(f"request {request_id} was carried out already, at {found.done_at}")
    row = connection.execute(_queries.lapses.sql, {"id": request_id}).fetchone()
    assert row is not None
    if at >= row[0]:
        raise RequestClosed(f"the approval of request {request_id} was to be used before {row[0]}: ask anew")
    demand_signatures(connection, found)
    return found


@all_or_nothing
def done(connection: Connection, request_id: UUID, *, at: datetime) -> None:
    """Record that an approved request is carried out. Raises RequestClosed when it was before."""
    _demand_zone(at)
    try:
        written = connection.execute(_queries.done.sql, {"id": request_id, "at": at})
    except UniqueViolation:
        raise RequestClosed(f"request {request_id} was carried out already") from None
    if not written.rowcount:
        raise NotApproved(f"nobody else has approved request {request_id}")


@reads_tuples
def find(connection: Connection, request_id: UUID, actions: Iterable[str]) -> Request:
    """The request of this id, when it is for one of `actions`. Raises InvalidRequest."""
    about = {"id": request_id, "actions": list(map(str, actions))}
    row = connection.execute(_queries.find.sql, about).fetchone()
    if row is None:
        raise InvalidRequest(f"there is no request {request_id}")
    return _request(row)


@reads_tuples
def waiting(
    connection: Connection, at: datetime, actions: Iterable[str], *, most: int = LISTED_MAX
) -> list[Request]:
    """The requests that wait for a decision, and those approved that may still be done; oldest first."""
    about = {"at": at, "actions": list(map(str, actions)), "most": most}
    return [_request(row) for row in connection.execute(_queries.waiting.sql, about)]


@reads_tuples
def every(connection: Connection, actions: Iterable[str], *, most: int = LISTED_MAX) -> list[Request]:
    """All requests and what became of them, the newest first."""
    about = {"actions": list(map(str, actions)), "most": most}
    return [_request(row) for row in connection.execute(_queries.every.sql, about)]


@reads_tuples
def pending(
    connection: Connection, action: str, about: UUID | str, details: dict[str, Any], at: datetime
) -> Request | None:
    """What of `waiting` asks for exactly this, an approved one first; None: it is to be asked for."""
    row = connection.execute(_queries.pending.sql, _exactly(action, about, details) | {"at": at}).fetchone()
    return None if row is None else _request(row)


@reads_tuples
def standing(connection: Connection, action: str, about: UUID | str, details: dict[str, Any]) -> UUID | None:
    """The id of an approval of exactly this, whenever it was given, or None."""
    row = connection.execute(_queries.standing.sql, _exactly(action, about, details)).fetchone()
    return None if row is None else row[0]


def _decide(
    connection: Connection,
    request_id: UUID,
    actions: Iterable[str],
    outcome: str,
    actor: str,
    reason: str,
    at: datetime,
) -> Request:
    who, why = Actor(actor), Reason(reason)
    _demand_zone(at)
    wanted = find(connection, request_id, actions)
    what = _words(wanted.action)
    if who.is_same_person(wanted.requested_by):
        raise SamePerson(f"{actor} asked for {what} and cannot decide on it: it takes a second person")
    if wanted.outcome is not None:
        raise RequestClosed(f"request {request_id} was {wanted.outcome} by {wanted.decided_by} already")
    if at >= wanted.expires_at:
        raise RequestClosed(f"request {request_id} expired at {wanted.expires_at}: ask anew")
    demand_signatures(connection, wanted)
    message = decision_bytes(_asked_bytes(wanted), outcome, who, why, at)
    row = {
        "id": request_id,
        "outcome": outcome,
        "actor": who,
        "reason": why,
        "at": at,
        "signature": _signature(connection, request_id, who, message),
    }
    try:
        with attempt(connection):
            connection.execute(_queries.decide.sql, row)
    except UniqueViolation:
        raise RequestClosed(f"request {request_id} was decided at the same moment by another one") from None
    except CheckViolation as error:
        if error.diag.constraint_name != "in_time":
            raise
        raise RequestClosed(
            f"request {request_id} is of {wanted.requested_at}, which {at} is before"
        ) from None
    return find(connection, request_id, [wanted.action])


@reads_tuples
def demand_signatures(connection: Connection, request: Request) -> None:
    """Raises WrongSignature unless what stands beside a request and its decision are those officers' own
    signatures over them, with a key that they had. What was not signed passes: the database says who had to.
    """
    row = connection.execute(_queries.signatures.sql, {"id": request.id}).fetchone()
    assert row is not None
    asked, decided = row
    if asked is not None:
        known = officers.keys(connection, request.requested_by)
        _demand_signature(request.id, request.requested_by, _asked_bytes(request), asked, known)
    if decided is not None:
        assert request.decided_by is not None
        known = officers.keys(connection, request.decided_by)
        _demand_signature(request.id, request.decided_by, _decided_bytes(request), decided, known)


def _signature(connection: Connection, request_id: UUID, officer: str, message: bytes) -> bytes | None:
    """The officer's over `message`, with the key that it has now; None where nobody signs here."""
    signature = signed(message)
    if signature is not None:
        _demand_signature(request_id, officer, message, signature, officers.keys(connection, officer)[:1])
    return signature


def _demand_signature(
    request_id: UUID, officer: str, message: bytes, signature: bytes, known: list[bytes]
) -> None:
    if not is_signed(message, signature, known):
        raise WrongSignature(
            f"what stands beside request {request_id} is no signature of {officer} over it: "
            "it was changed, or signed with another key than the registered one"
        )


def _asked_bytes(request: Request) -> bytes:
    return request_bytes(
        request.id,
        request.action,
        request.about,
        request.details,
        request.requested_by,
        request.reason,
        request.requested_at,
        request.expires_at,
    )


def _decided_bytes(request: Request) -> bytes:
    assert request.outcome is not None
    assert request.decided_by is not None
    assert request.decision_reason is not None
    assert request.decided_at is not None
    return decision_bytes(
        _asked_bytes(request),
        request.outcome,
        request.decided_by,
        request.decision_reason,
        request.decided_at,
    )


def _demand_zone(at: datetime) -> None:
    if at.tzinfo is None:
        raise InvalidRequest(
            "a moment without its time zone: give when it was asked, decided or done with one"
        )


def _words(action: str) -> str:
    return action.replace("_", " ")


def _exactly(action: str, about: UUID | str, details: dict[str, Any]) -> dict[str, Any]:
    subject, target = (about, None) if isinstance(about, UUID) else (None, about)
    return {"action": str(action), "subject": subject, "target": target, "details": Jsonb(details)}


def _request(row: tuple[Any, ...]) -> Request:
    request_id, action, subject, target, *rest = row
    return Request(request_id, action, target if subject is None else subject, *rest)
