"""What persons ask for (GDPR art. 15 to 21), what was decided of it, restrictions, and legal holds.

| a request to   | ends as                                                                              |
|----------------|--------------------------------------------------------------------------------------|
| have access    | fulfilled, or refused with its ground                                                 |
| rectify        | fulfilled, or refused                                                                 |
| restrict       | fulfilled: fields open for the purposes that are left, and for no other               |
| object         | fulfilled: restricted so; refused where the law demands the processing                |
| erase          | erased; until then kept, with the duty's ground and, where known, its last day        |

and any of them as withdrawn. All of it is append-only and part of the proof log. A request is answered within
a month (art. 12(3)). A restriction is enforced by the database, on the log of openings, whoever opens.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import psycopg
from sqlalchemy import and_, func
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from emoney.ledger import two_persons
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor, checked_name
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing, attempt
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.limits.windows import months_later
from emoney.ledger.two_persons import NotApproved, SamePerson
from emoney.privacy.errors import InvalidDataRequest, ProcessingRestricted, UnknownDataRequest
from emoney.privacy.rights.tables import DataRequestRow, DataRequestStepRow, LegalHoldRow
from emoney.privacy.vault.purposes import Purpose, known

RELEASE = "lifting_hold"
"""The action by which two persons release a legal hold."""
LISTED_MAX = 10_000
GROUND_LENGTH_MAX = 500
REFERENCE_LENGTH_MAX = 200

DUTY_PURPOSES = (Purpose.SUSPICION_REPORT, Purpose.AUTHORITY_REQUEST, Purpose.DATA_SUBJECT_REQUEST)
"""What fields are still opened for while only a retention duty keeps them: reporting, authorities, and the
person's own requests."""

_step_of = aliased(DataRequestStepRow)
_STANDING = select(DataRequestRow, DataRequestStepRow).join(
    DataRequestStepRow,
    and_(
        col(DataRequestStepRow.request_id) == DataRequestRow.id,
        col(DataRequestStepRow.number)
        == select(func.max(_step_of.number))
        .where(_step_of.request_id == DataRequestRow.id)
        .correlate(DataRequestRow)
        .scalar_subquery(),
    ),
)
"""Requests, each with its newest step."""

_queries = queries_beside(__file__)


class Kind(StrEnum):
    """What a person may ask for."""

    ACCESS = "access"
    RECTIFICATION = "rectification"
    RESTRICTION = "restriction"
    OBJECTION = "objection"
    ERASURE = "erasure"


class RequestState(StrEnum):
    """Where a request stands."""

    RECEIVED = "received"
    FULFILLED = "fulfilled"
    REFUSED = "refused"
    KEPT = "kept"
    ERASED = "erased"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class DataRequest:
    """A request and its newest step. `subject`: the record that stands for the person, of all `subjects`.

    `due_on`: the last day of the answer. `keep_until`: of an erasure put off, the last day of the duty.
    """

    id: UUID
    subject: UUID
    subjects: tuple[UUID, ...]
    kind: Kind
    received_at: datetime
    due_on: date
    state: RequestState
    ground: str
    source: str | None
    keep_until: date | None
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Restricted:
    """What a subject's fields may still be opened for, and why."""

    subject: UUID
    purposes: tuple[str, ...]
    ground: str
    request_id: UUID | None
    since: datetime


@dataclass(frozen=True, slots=True)
class LegalHold:
    """An order to keep what is held of a subject."""

    id: UUID
    subject: UUID
    reference: str
    placed_by: str
    placed_at: datetime


@all_or_nothing
def receive(
    connection: Connection, kind: Kind, subject: UUID, subjects: Sequence[UUID], *, actor: str, at: datetime
) -> DataRequest:
    """Record what a person asked for; it is due a month later. `actor`: who recorded it.

    Raises InvalidDataRequest when the same is asked for already and not decided, InvalidRequest.
    """
    who = checked_name(actor)
    connection.execute(_queries.lock_request.sql, {"id": subject})  # the second of two sees the first
    for known_ in of_subject(connection, subject):
        if known_.kind is kind and known_.state in (RequestState.RECEIVED, RequestState.KEPT):
            raise InvalidDataRequest(f"Request {known_.id} to the same is open already: {known_.state}.")
    request = new_id()
    row = DataRequestRow(
        id=request,
        subject=subject,
        subjects=sorted(set(subjects)),
        kind=kind.value,
        received_at=at,
        due_on=months_later(at.date(), 1),  # Regulation 1182/71 art. 3
        recorded_by=who,
    )
    add(connection, row)
    _step(connection, request, RequestState.RECEIVED, "recorded", actor=who, at=at)
    return find(connection, request)


@all_or_nothing
def decide(
    connection: Connection,
    request: UUID,
    state: RequestState,
    *,
    ground: str,
    actor: str,
    at: datetime,
    source: str | None = None,
    keep_until: date | None = None,
) -> DataRequest:
    """Add where the request stands from now on. `ground`: why; `source`: the law that it rests on.

    Raises UnknownDataRequest, InvalidDataRequest where the state does not follow from the one before.
    """
    connection.execute(_queries.lock_request.sql, {"id": request})
    before = find(connection, request)
    try:
        with attempt(connection):
            _step(
                connection, request, state, ground, actor=actor, at=at, source=source, keep_until=keep_until
            )
    except psycopg.errors.IntegrityConstraintViolation:
        raise InvalidDataRequest(
            f"A request to {before.kind} that is {before.state} does not become {state}."
        ) from None
    return find(connection, request)


def find(connection: Connection, request: UUID) -> DataRequest:
    """A request as it stands. Raises UnknownDataRequest."""
    found = read(connection, _STANDING.where(DataRequestRow.id == request))
    if not found:
        raise UnknownDataRequest(f"There is no request {request}: `emoney privacy rights`.")
    return _request(*found[0])


def of_subject(connection: Connection, subject: UUID) -> list[DataRequest]:
    """All requests of a person, the newest first."""
    of = _STANDING.where(col(DataRequestRow.subjects).contains([subject]))
    newest_first = of.order_by(col(DataRequestRow.received_at).desc(), col(DataRequestRow.id).desc())
    return [_request(*found) for found in read(connection, newest_first)]


def waiting(connection: Connection) -> list[DataRequest]:
    """Requests without an answer, the first due first, then the erasures that are put off. At most 10,000."""
    state, due_on = col(DataRequestStepRow.state), col(DataRequestRow.due_on)
    open_ = _STANDING.where(state.in_([RequestState.RECEIVED.value, RequestState.KEPT.value])).order_by(
        state == RequestState.KEPT.value,
        func.coalesce(DataRequestStepRow.keep_until, due_on),
        col(DataRequestRow.id),
    )
    return [_request(*found) for found in read(connection, open_.limit(LISTED_MAX))]


@all_or_nothing
def restrict(
    connection: Connection,
    subjects: Collection[UUID],
    purposes: Collection[str],
    *,
    ground: str,
    actor: str,
    at: datetime,
    request: UUID | None = None,
) -> None:
    """From now on, open the fields of these subjects for `purposes` only. Raises UnknownPurpose,
    InvalidDataRequest, InvalidRequest."""
    allowed = sorted({known(purpose).value for purpose in purposes})
    _restriction(connection, subjects, allowed, ground, actor, at, request)


@all_or_nothing
def lift(
    connection: Connection,
    subjects: Collection[UUID],
    *,
    ground: str,
    actor: str,
    at: datetime,
    request: UUID | None = None,
) -> None:
    """Take a restriction back; the person is told before (art. 18(3)). Raises as `restrict` does."""
    _restriction(connection, subjects, None, ground, actor, at, request)


@reads_tuples
def restricted(connection: Connection, subjects: Collection[UUID]) -> list[Restricted]:
    """Those of the subjects whose processing is restricted now."""
    rows = connection.execute(_queries.restrictions.sql, {"subjects": list(subjects)})
    return [Restricted(row[0], tuple(row[1]), *row[2:]) for row in rows]


def shut_out(connection: Connection, subjects: Collection[UUID], purposes: Collection[str]) -> set[UUID]:
    """Those of the subjects whose restriction does not leave every one of these purposes. One query."""
    wanted = set(purposes)
    return {each.subject for each in restricted(connection, subjects) if not wanted <= set(each.purposes)}


def demand_open_for(connection: Connection, subjects: Collection[UUID], purpose: Purpose) -> None:
    """Raises ProcessingRestricted, with the ground, where fields of a subject do not open for a purpose."""
    for each in restricted(connection, subjects):
        if purpose.value not in each.purposes:
            allowed = ", ".join(each.purposes) or "nothing"
            raise ProcessingRestricted(f"Fields are opened for {allowed} only. {each.ground}")


@all_or_nothing
def place_hold(connection: Connection, subject: UUID, *, reference: str, actor: str, at: datetime) -> UUID:
    """Keep what is held of a subject whatever expires, until it is released; returns the hold's id.

    `reference`: of the order, such as a court's file number; no personal data.
    """
    hold = new_id()
    row = LegalHoldRow(
        id=new_id(),
        hold_id=hold,
        number=1,
        subject=subject,
        reference=_text(reference, "reference", REFERENCE_LENGTH_MAX),
        actor=Actor(actor),
        at=at,
    )
    add(connection, row)
    return hold


@all_or_nothing
def ask_release(connection: Connection, hold: UUID, *, actor: str, reason: str, at: datetime) -> UUID:
    """Ask that a hold be released, which another person does (`release_hold`); returns the request's id.

    Raises InvalidRequest, InvalidDataRequest as `release_hold` does.
    """
    _standing(connection, hold)
    return two_persons.ask(connection, RELEASE, str(hold), {}, actor=actor, reason=reason, at=at)


@all_or_nothing
def release_hold(connection: Connection, hold: UUID, *, actor: str, at: datetime) -> UUID:
    """End a hold, which another person asked for, and another placed; returns its subject.

    Raises SamePerson, NotApproved when nobody asked for it, InvalidRequest, InvalidDataRequest when there is
    no such hold, or it was released.
    """
    who, row = Actor(actor), _standing(connection, hold)
    asked = two_persons.pending(connection, RELEASE, str(hold), {}, at)
    if asked is None:
        raise NotApproved("To release a legal hold takes two: nobody has asked for it.")
    if asked.outcome is None:
        two_persons.approve(connection, asked.id, [RELEASE], actor=who, reason="agreed", at=at)
    else:
        two_persons.agreed(connection, asked.id, RELEASE, at=at)
    released = LegalHoldRow(
        id=new_id(),
        hold_id=hold,
        number=2,
        subject=row.subject,
        reference=row.reference,
        request_id=asked.id,
        actor=who,
        at=at,
    )
    try:
        with attempt(connection):
            add(connection, released)
    except psycopg.errors.UniqueViolation:
        raise InvalidDataRequest("That hold was released already.") from None
    except psycopg.errors.IntegrityConstraintViolation:
        raise SamePerson("A legal hold is released by another person than placed it.") from None
    two_persons.done(connection, asked.id, at=at)
    return row.subject


def _standing(connection: Connection, hold: UUID) -> LegalHoldRow:
    rows = read(
        connection,
        select(LegalHoldRow).where(LegalHoldRow.hold_id == hold).order_by(col(LegalHoldRow.number)),
    )
    if not rows:
        raise InvalidDataRequest("There is no legal hold of that id.")
    if len(rows) > 1:
        raise InvalidDataRequest("That hold was released already.")
    return rows[0]


def holds(connection: Connection) -> list[LegalHold]:
    """The holds that stand, the oldest first."""
    released = aliased(LegalHoldRow)
    is_released = select(released.id).where(released.hold_id == LegalHoldRow.hold_id, released.number == 2)
    standing = select(LegalHoldRow).where(LegalHoldRow.number == 1, ~is_released.exists())
    return [
        LegalHold(row.hold_id, row.subject, row.reference, row.actor, row.at)
        for row in read(connection, standing.order_by(col(LegalHoldRow.at), col(LegalHoldRow.hold_id)))
    ]


@reads_tuples
def held(connection: Connection, subjects: Collection[UUID]) -> set[UUID]:
    """Those of the subjects that are under a legal hold."""
    return {row[0] for row in connection.execute(_queries.held.sql, {"subjects": list(subjects)})}


def _step(
    connection: Connection,
    request: UUID,
    state: RequestState,
    ground: str,
    *,
    actor: str,
    at: datetime,
    source: str | None = None,
    keep_until: date | None = None,
) -> None:
    if state is RequestState.REFUSED and source is None:
        raise InvalidDataRequest("A refusal names its source: the article that it rests on.")
    row = {
        "id": new_id(),
        "request": request,
        "state": state.value,
        "ground": _text(ground, "ground", GROUND_LENGTH_MAX),
        "source": source,
        "keep_until": keep_until,
        "actor": checked_name(actor),
        "at": at,
    }
    connection.execute(_queries.insert_step.sql, row)


def _restriction(
    connection: Connection,
    subjects: Collection[UUID],
    purposes: list[str] | None,
    ground: str,
    actor: str,
    at: datetime,
    request: UUID | None,
) -> None:
    why, who = _text(ground, "ground", GROUND_LENGTH_MAX), checked_name(actor)
    for subject in sorted(set(subjects)):
        connection.execute(_queries.lock_restriction.sql, {"subject": subject})
        row = {
            "id": new_id(),
            "subject": subject,
            "purposes": purposes,
            "ground": why,
            "request": request,
            "actor": who,
            "at": at,
        }
        connection.execute(_queries.insert_restriction.sql, row)


def _text(given: str, name: str, longest: int) -> str:
    if not 1 <= len(given) <= longest or not given.isprintable() or not given.strip():
        raise InvalidDataRequest(f"{name}: 1 to {longest} printable characters, without personal data")
    return given


def _request(asked: DataRequestRow, newest: DataRequestStepRow) -> DataRequest:
    return DataRequest(
        asked.id,
        asked.subject,
        tuple(asked.subjects),
        Kind(asked.kind),
        asked.received_at,
        asked.due_on,
        RequestState(newest.state),
        newest.ground,
        newest.source,
        newest.keep_until,
        newest.actor,
        newest.at,
    )
