"""The register of breaches, and the clock of each: 72 hours from noticing it to notifying the authority.

GDPR art. 33: (1) the authority is notified within 72 hours of becoming aware, later only with the reasons for
the delay, and not at all where a risk to persons is unlikely; (4) information may follow in phases; (5) every
breach is documented. Here a breach is a chain of rows: what becomes known later is a further row, and none is
changed. No text here may name a person; `what` and `measures` go no further than the register's table.
"""

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from emoney import data
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.declarations import Category
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import checked_name
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.outbox import append
from emoney.privacy.breaches.tables import BreachRow
from emoney.privacy.errors import InvalidBreach, UnknownBreach

TEXT_LENGTH_MAX = 2000
SUBJECTS_MAX = 10_000_000_000
OLDEST = timedelta(days=3660)

_queries = queries_beside(__file__)


class BreachStanding(StrEnum):
    """Where a breach stands with the supervisory authority."""

    RUNNING = "running"
    OVERDUE = "overdue"
    NOTIFIED = "notified"
    NOTIFIED_LATE = "notified late"
    NO_RISK = "no notification due"


@cache
def time_to_notify() -> timedelta:
    """How long the authority may wait, from `data/breaches.yaml`."""
    return timedelta(hours=data.read_yaml("breaches.yaml")["notification_hours"])


@dataclass(frozen=True, slots=True)
class Breach:
    """What is known of a breach. `subjects`: how many persons, as far as known; `number`: of this row."""

    breach_id: UUID
    number: int
    noticed_at: datetime
    what: str
    categories: tuple[Category, ...]
    subjects: int
    measures: str
    notified_at: datetime | None
    late_reason: str | None
    no_risk_reason: str | None
    recorded_by: str
    recorded_at: datetime

    @property
    def due_at(self) -> datetime:
        """When the authority must have been notified."""
        return self.noticed_at + time_to_notify()

    def standing(self, now: datetime) -> BreachStanding:
        """Where it stands at `now`."""
        if self.notified_at is not None:
            return (
                BreachStanding.NOTIFIED if self.notified_at <= self.due_at else BreachStanding.NOTIFIED_LATE
            )
        if self.no_risk_reason is not None:
            return BreachStanding.NO_RISK
        return BreachStanding.RUNNING if now <= self.due_at else BreachStanding.OVERDUE

    def hours_left(self, now: datetime) -> float | None:
        """Hours until the authority must be notified, below zero when overdue; None once nothing is due."""
        if self.standing(now) not in (BreachStanding.RUNNING, BreachStanding.OVERDUE):
            return None
        return (self.due_at - now) / timedelta(hours=1)


_FIELDS = tuple(field.name for field in fields(Breach))


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachChange:
    """What has become known since; what is None stays as it was.

    `risk_found`: a risk is likely after all, so that the authority is to be notified.
    """

    what: str | None = None
    categories: tuple[str, ...] | None = None
    subjects: int | None = None
    measures: str | None = None
    notified_at: datetime | None = None
    late_reason: str | None = None
    no_risk_reason: str | None = None
    risk_found: bool = False


@all_or_nothing
def register(
    connection: Connection,
    *,
    noticed_at: datetime,
    what: str,
    categories: tuple[str, ...],
    subjects: int,
    measures: str,
    actor: str,
    notified_at: datetime | None = None,
    late_reason: str | None = None,
    no_risk_reason: str | None = None,
    clock: Clock = system_clock,
    breach_id: UUID | None = None,
) -> Breach:
    """Enter a breach in the register; its clock runs from `noticed_at`.

    `no_risk_because`: why a risk to persons is unlikely, so that nobody need be notified (art. 33(1)).
    `late_because` is needed when `notified_at` is past the due time. Raises InvalidBreach, InvalidRequest.
    """
    breach = Breach(
        breach_id=breach_id or new_id(),
        number=1,
        noticed_at=noticed_at,
        what=what,
        categories=_categories(categories),
        subjects=subjects,
        measures=measures,
        notified_at=notified_at,
        late_reason=late_reason,
        no_risk_reason=no_risk_reason,
        recorded_by=checked_name(actor),
        recorded_at=clock(),
    )
    return _add(connection, breach, "breach.registered")


@all_or_nothing
def amend(
    connection: Connection, breach_id: UUID, change: BreachChange, *, actor: str, clock: Clock = system_clock
) -> Breach:
    """Add what has become known of a breach, the notification too. Raises UnknownBreach, InvalidBreach."""
    connection.execute(_queries.lock.sql, {"breach_id": breach_id})
    of = select(BreachRow).where(BreachRow.breach_id == breach_id)
    rows = read(connection, of.order_by(col(BreachRow.number).desc()).limit(1))
    if not rows:
        raise UnknownBreach(f"There is no breach {breach_id} in the register: `emoney privacy breach list`.")
    known = _breach(rows[0])
    given: dict[str, Any] = {name: value for name, value in asdict(change).items() if value is not None}
    if given.pop("risk_found"):
        if change.no_risk_reason is not None:
            raise InvalidBreach("A risk is either likely or not: give risk_found or no_risk_because.")
        given["no_risk_reason"] = None
    if not given:
        raise InvalidBreach("Nothing is added to the breach: say what has become known.")
    if known.notified_at is not None and given.get("notified_at", known.notified_at) != known.notified_at:
        raise InvalidBreach("The authority was notified already; that time does not change.")
    if change.categories is not None:
        given["categories"] = _categories(change.categories)
    given |= {"recorded_by": checked_name(actor), "recorded_at": clock()}
    breach = replace(known, number=known.number + 1, **given)
    return _add(connection, breach, "breach.amended")


def registered(connection: Connection) -> list[Breach]:
    """All breaches as they are known now, in the order in which they were noticed."""
    other = aliased(BreachRow)
    newest = select(func.max(other.number)).where(other.breach_id == BreachRow.breach_id).correlate(BreachRow)
    known = select(BreachRow).where(BreachRow.number == newest.scalar_subquery())
    by_time = known.order_by(col(BreachRow.noticed_at), col(BreachRow.breach_id))
    return [_breach(row) for row in read(connection, by_time)]


def _add(connection: Connection, breach: Breach, kind: str) -> Breach:
    _check(breach)
    row = asdict(breach) | {"categories": [category.value for category in breach.categories]}
    add(connection, BreachRow(**row))
    told = {
        "breach": str(breach.breach_id),
        "number": breach.number,
        "noticed_at": breach.noticed_at.isoformat(),
        "due_at": breach.due_at.isoformat(),
        "notified_at": breach.notified_at.isoformat() if breach.notified_at else None,
        "categories": [category.value for category in breach.categories],
        "subjects": breach.subjects,
        "standing": breach.standing(breach.recorded_at).value,
    }
    append(connection, kind, breach.breach_id, told, at=breach.recorded_at)
    return breach


def _check(breach: Breach) -> None:
    for name in ("what", "measures", "late_reason", "no_risk_reason"):
        text = getattr(breach, name)
        if text is not None and not (
            1 <= len(text) <= TEXT_LENGTH_MAX and text.isprintable() and text.strip()
        ):
            raise InvalidBreach(f"{name}: 1 to {TEXT_LENGTH_MAX} printable characters on one line")
    for name in ("noticed_at", "notified_at"):
        moment = getattr(breach, name)
        if moment is not None and moment.tzinfo is None:
            raise InvalidBreach(f"{name}: a time with its zone, such as 2026-03-10T12:00:00+00:00")
    if not breach.recorded_at - OLDEST <= breach.noticed_at <= breach.recorded_at:
        raise InvalidBreach("noticed_at: a time in the last ten years, not in the future")
    if not 0 <= breach.subjects <= SUBJECTS_MAX:
        raise InvalidBreach(f"subjects: how many persons, 0 to {SUBJECTS_MAX}")
    late = breach.notified_at is not None and breach.notified_at > breach.due_at
    if breach.notified_at is not None and not breach.noticed_at <= breach.notified_at <= breach.recorded_at:
        raise InvalidBreach("notified_at: a time after the breach was noticed, not in the future")
    if late and breach.late_reason is None:
        raise InvalidBreach(
            f"late_because: a notification after {breach.due_at.isoformat()} needs the reasons for the delay"
        )
    if breach.late_reason is not None and not late:
        raise InvalidBreach("late_because: only a notification after the due time has reasons for a delay")


def _categories(names: tuple[str, ...]) -> tuple[Category, ...]:
    known = [category for category in Category if category is not Category.NONE]
    try:
        found = tuple(dict.fromkeys(Category(name) for name in names))
    except ValueError:
        found = ()
    if not found or Category.NONE in found:
        raise InvalidBreach(f"categories: one or more of {', '.join(known)}")
    return found


def _breach(row: BreachRow) -> Breach:
    known = {name: getattr(row, name) for name in _FIELDS}
    return Breach(**known | {"categories": tuple(Category(name) for name in row.categories)})
