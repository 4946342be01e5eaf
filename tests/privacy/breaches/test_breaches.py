"""The register of breaches: what is entered stays, and the clock of 72 hours cannot be moved."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.errors import CheckViolation, InsufficientPrivilege, ObjectNotInPrerequisiteState

from emoney.ledger.base.declarations import Category
from emoney.ledger.base.errors import InvalidInput, InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.outbox import find
from emoney.privacy.breaches import register as breaches
from emoney.privacy.breaches.register import Breach, BreachChange, BreachStanding
from emoney.privacy.errors import InvalidBreach, UnknownBreach

NOTICED = datetime(2026, 3, 10, 12, tzinfo=UTC)
ENTRY: dict[str, Any] = {
    "noticed_at": NOTICED,
    "what": "a laptop was lost",
    "categories": ("identity", "contact"),
    "subjects": 12,
    "measures": "wiped from afar",
    "actor": "dpo-1",
}


def at(hours: float) -> Callable[[], datetime]:
    """A clock that stands so many hours after the breach was noticed."""
    return lambda: NOTICED + timedelta(hours=hours)


def enter(database: Database, hours: float = 1, **other: Any) -> Breach:
    with database.connection() as connection:
        return breaches.register(connection, clock=at(hours), **ENTRY | other)


def amend(database: Database, breach: Breach, hours: float, **change: Any) -> Breach:
    with database.connection() as connection:
        return breaches.amend(
            connection, breach.breach_id, BreachChange(**change), actor="dpo-2", clock=at(hours)
        )


def known(database: Database) -> list[Breach]:
    with database.connection() as connection:
        return breaches.registered(connection)


def test_what_was_entered_is_in_the_register(database: Database) -> None:
    entered = enter(database)
    assert known(database) == [entered]
    assert entered.categories == (Category.IDENTITY, Category.CONTACT)
    assert entered.due_at == NOTICED + timedelta(hours=72)


@pytest.mark.parametrize(
    ("hours", "standing", "left"),
    [(1, BreachStanding.RUNNING, 71), (72, BreachStanding.RUNNING, 0), (73.5, BreachStanding.OVERDUE, -1.5)],
)
def test_the_clock_runs_from_noticing(
    database: Database, hours: float, standing: BreachStanding, left: float
) -> None:
    entered = enter(database)
    assert entered.standing(at(hours)()) is standing
    assert entered.hours_left(at(hours)()) == pytest.approx(left)


@given(st.floats(0, 1000), st.floats(0, 1000))
def test_a_breach_is_overdue_exactly_when_no_hours_are_left(noticed: float, now: float) -> None:
    breach = Breach(
        new_id(), 1, at(noticed)(), "x", (Category.IDENTITY,), 1, "x", None, None, None, "dpo", at(2000)()
    )
    left = breach.hours_left(at(now)())
    assert left is not None
    assert (left < 0) == (breach.standing(at(now)()) is BreachStanding.OVERDUE)


def test_a_notification_stops_the_clock_and_leaves_the_first_entry(database: Database) -> None:
    first = enter(database)
    second = amend(database, first, 50, notified_at=at(49)(), subjects=15)
    assert (second.number, second.subjects, second.what) == (2, 15, first.what)
    assert second.standing(at(500)()) is BreachStanding.NOTIFIED
    assert second.hours_left(at(500)()) is None
    assert known(database) == [second]
    with database.connection() as connection:
        rows = connection.execute("SELECT number, subjects FROM privacy.breach ORDER BY number").fetchall()
    assert rows == [(1, 12), (2, 15)]


def test_a_late_notification_needs_reasons_and_a_timely_one_has_none(database: Database) -> None:
    first = enter(database)
    with pytest.raises(InvalidBreach, match="reasons for the delay"):
        amend(database, first, 80, notified_at=at(79)())
    with pytest.raises(InvalidBreach, match="only a notification after"):
        amend(database, first, 80, notified_at=at(20)(), late_reason="closed")
    late = amend(database, first, 80, notified_at=at(79)(), late_reason="the office was closed")
    assert late.standing(at(80)()) is BreachStanding.NOTIFIED_LATE


def test_the_time_of_a_notification_does_not_change(database: Database) -> None:
    first = enter(database)
    amend(database, first, 50, notified_at=at(49)())
    with pytest.raises(InvalidBreach, match="notified already"):
        amend(database, first, 50, notified_at=at(48)())


def test_without_a_risk_nothing_is_due_until_one_is_found(database: Database) -> None:
    first = enter(database, no_risk_reason="the disk was encrypted")
    assert first.standing(at(100)()) is BreachStanding.NO_RISK
    assert first.hours_left(at(100)()) is None
    found = amend(database, first, 101, risk_found=True)
    assert found.standing(at(101)()) is BreachStanding.OVERDUE
    with pytest.raises(InvalidBreach, match="either likely or not"):
        amend(database, first, 102, risk_found=True, no_risk_reason="x")


@pytest.mark.parametrize(
    "bad",
    [
        {"what": ""},
        {"what": " "},
        {"what": "x" * 2001},
        {"what": "two\nlines"},
        {"measures": "nul\0"},
        {"categories": ()},
        {"categories": ("none",)},
        {"categories": ("shoe size",)},
        {"subjects": -1},
        {"subjects": 10**11},
        {"noticed_at": datetime(2026, 3, 10, 12)},  # noqa: DTZ001
        {"noticed_at": NOTICED + timedelta(hours=2)},
        {"noticed_at": NOTICED - timedelta(days=4000)},
        {"notified_at": NOTICED - timedelta(hours=1)},
        {"notified_at": NOTICED + timedelta(hours=2)},
        {"late_reason": "not late"},
        {"no_risk_reason": ""},
    ],
)
def test_a_bad_entry_is_refused_and_nothing_is_written(database: Database, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidBreach):
        enter(database, **bad)
    assert known(database) == []


def test_an_entry_names_who_made_it(database: Database) -> None:
    with pytest.raises(InvalidRequest):
        enter(database, actor="")


def test_a_breach_that_is_not_there_is_not_amended(database: Database) -> None:
    with database.connection() as connection, pytest.raises(UnknownBreach) as refused:
        breaches.amend(connection, new_id(), BreachChange(subjects=1), actor="dpo-1")
    assert isinstance(refused.value, InvalidInput)
    with pytest.raises(InvalidBreach, match="Nothing is added"):
        amend(database, enter(database), 2)


def test_every_entry_is_told_without_its_texts(database: Database) -> None:
    breach = amend(database, enter(database), 50, notified_at=at(49)())
    with database.connection() as connection:
        ids = connection.execute(
            "SELECT id, kind FROM ledger.event WHERE subject = %s ORDER BY recorded_at", (breach.breach_id,)
        ).fetchall()
        assert [kind for _, kind in ids] == ["breach.registered", "breach.amended"]
        told = find(connection, ids[1][0])
    assert told is not None
    assert breach.what not in str(told)
    assert breach.measures not in str(told)
    assert "notified" in str(told)


# What the database itself enforces.

COPY_OF_FIRST = (
    "INSERT INTO privacy.breach (breach_id, number, noticed_at, what, categories, subjects, measures,"
    " notified_at, recorded_by, recorded_at)"
    " SELECT breach_id, {number}, {noticed}, what, categories, subjects, measures, {notified}, 'x', now()"
    " FROM privacy.breach WHERE number = 1"
)


def test_the_application_changes_and_removes_nothing(database: Database, owner_url: str) -> None:
    enter(database)
    for statement in ("UPDATE privacy.breach SET noticed_at = now()", "DELETE FROM privacy.breach"):
        with database.connection() as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(statement)
        with psycopg.connect(owner_url) as owner, pytest.raises(ObjectNotInPrerequisiteState):
            owner.execute(statement)


@pytest.mark.parametrize(
    ("number", "noticed", "notified", "message"),
    [
        ("1 + 2", "noticed_at", "notified_at", "without gaps"),
        ("2", "noticed_at + interval '1 hour'", "notified_at", "does not change"),
        ("2", "noticed_at", "NULL", "does not change"),
        ("2", "noticed_at", "notified_at - interval '1 minute'", "does not change"),
    ],
)
def test_the_clock_is_not_moved_by_sql(
    database: Database, number: str, noticed: str, notified: str, message: str
) -> None:
    enter(database, 3, notified_at=at(2)())
    statement = COPY_OF_FIRST.format(number=number, noticed=noticed, notified=notified)
    with database.connection() as connection, pytest.raises(psycopg.IntegrityError, match=message):
        connection.execute(statement)


def test_a_time_in_the_future_is_refused_by_the_database_too(database: Database) -> None:
    enter(database)
    statement = COPY_OF_FIRST.format(number="2", noticed="noticed_at", notified="now() + interval '1 day'")
    with database.connection() as connection, pytest.raises(CheckViolation):
        connection.execute(statement)
