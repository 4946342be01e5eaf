"""Periodic refresh: what is known of a customer is looked at again within 1 year at high risk, 5 otherwise.

Source: Regulation (EU) 2024/1624 art. 26(2); the periods are in `data/kyc/risk_rating.yaml`. Each person has
a date; a rating moves it at once, a review begins the next period. Reminders are events (`person.review_due`)
on the days before it that the policy names; a date that a new rating puts into the past is told of at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from emoney.kyc.errors import UnknownPerson
from emoney.kyc.evidence import risk_rating
from emoney.kyc.evidence.risk_rating import Rated, Refresh, RiskPolicy
from emoney.kyc.evidence.tables import ReviewDoneRow
from emoney.ledger import outbox
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.postgres.binary_arrays import Uuids, packing
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.limits.windows import months_later

LISTED_MAX = 10_000
REMINDED_AT_ONCE = 1000
UNRATED = "unrated"

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Due:
    """A person whose review is due."""

    person_id: UUID
    external_ref: str
    rating: str
    reviewed_at: datetime
    due_on: date


def due_on(policy: Refresh, rating: str, reviewed_at: datetime) -> date:
    """The last day of a period that began with this review; a day that a month lacks is its last one."""
    day = reviewed_at.astimezone(UTC).date()
    return months_later(day, policy.months(rating))


def next_reminder(policy: Refresh, due: date, after: date) -> date | None:
    """The next day after `after` on which a review due on `due` is reminded of; None when there is none."""
    days = (due - timedelta(days=before) for before in policy.remind_days_before)
    return min((day for day in days if day > after), default=None)


@all_or_nothing
def begin(connection: Connection, persons: Iterable[UUID], policy: Refresh, at: datetime) -> None:
    """Give new persons the date of their first review, as the unrated have it."""
    due = due_on(policy, UNRATED, at)
    remind = next_reminder(policy, due, at.astimezone(UTC).date())
    packing(connection).execute(
        _queries.begin.sql,
        {"persons": Uuids.of(persons), "rating": UNRATED, "at": at, "due_on": due, "remind_on": remind},
    )


@all_or_nothing
def rate(
    connection: Connection,
    person_id: UUID,
    factors: Iterable[str],
    policy: RiskPolicy,
    *,
    actor: str,
    reason: str,
    at: datetime,
) -> Rated:
    """Rate a person from declared factors: kept with its reasons, and the next review moves to its date.

    Raises UnknownPerson, UnknownFactor.
    """
    rated = risk_rating.rate(policy, factors)
    _, reviewed_at, _ = _lock(connection, person_id)
    risk_rating.record(connection, person_id, rated, actor=actor, reason=reason, at=at)
    _move(connection, person_id, policy.refresh, rated.rating, reviewed_at, at)
    return rated


@all_or_nothing
def review(
    connection: Connection, person_id: UUID, policy: Refresh, *, actor: str, reason: str, at: datetime
) -> date:
    """Record that a person was reviewed; gives the day the next review is due. Raises UnknownPerson."""
    rating, _, was_due = _lock(connection, person_id)
    due = _move(connection, person_id, policy, rating, at, at)
    add(
        connection,
        ReviewDoneRow(
            id=new_id(),
            person_id=person_id,
            was_due_on=was_due,
            next_due_on=due,
            reviewed_by=Actor(actor),
            reason=Reason(reason),
            reviewed_at=at,
        ),
    )
    return due


@reads_tuples
def due(connection: Connection, until: date, *, most: int = LISTED_MAX) -> list[Due]:
    """The persons whose review is due on or before a day, the longest overdue first."""
    return [Due(*row) for row in connection.execute(_queries.due.sql, {"until": until, "most": most})]


@all_or_nothing
def remind(connection: Connection, policy: Refresh, at: datetime, *, most: int = REMINDED_AT_ONCE) -> int:
    """Record at most `most` of the reminders due as events; returns how many. Call until none is left."""
    today = at.astimezone(UTC).date()
    rows = connection.execute(_queries.to_remind.sql, {"today": today, "most": most}).fetchall()
    for person_id, rating, day in rows:
        payload = {"rating": rating, "due_on": day.isoformat(), "days_left": (day - today).days}
        outbox.append(connection, "person.review_due", person_id, payload, at=at)
        about = {"person": person_id, "next": next_reminder(policy, day, today)}
        connection.execute(_queries.reminded.sql, about)
    return len(rows)


def _lock(connection: Connection, person_id: UUID) -> tuple[str, datetime, date]:
    row = connection.execute(_queries.lock.sql, {"person": person_id}).fetchone()
    if row is None:
        raise UnknownPerson(f"there is no person {person_id}")
    return row[0], row[1], row[2]


def _move(
    connection: Connection, person_id: UUID, policy: Refresh, rating: str, reviewed_at: datetime, at: datetime
) -> date:
    due = due_on(policy, rating, reviewed_at)
    remind_on = next_reminder(policy, due, at.astimezone(UTC).date() - timedelta(days=1))
    about = {"person": person_id, "rating": rating, "reviewed_at": reviewed_at}
    # a date that a new rating has put into the past is told of at the next run
    overdue = remind_on is None and due < at.astimezone(UTC).date()
    last = at.astimezone(UTC).date() if overdue else remind_on
    connection.execute(_queries.move.sql, about | {"due_on": due, "remind_on": last})
    return due
