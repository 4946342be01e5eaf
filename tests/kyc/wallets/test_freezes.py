"""Freezes: each kind stands by itself, is lifted by its own owner, and leaves the others."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from shipped import PACKS

from emoney.kyc import Enrolment, approved_actions
from emoney.kyc.approvals import ACTIONS
from emoney.kyc.life import deaths
from emoney.kyc.wallets import freezing
from emoney.kyc.wallets.freezing import FreezeKind
from emoney.ledger import Database, Ledger, account_changes, two_persons
from emoney.ledger.account_changes import FrozenOtherwise
from emoney.ledger.accounts import account as accounts
from emoney.ledger.accounts import freezes
from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.outbox import Consumer
from emoney.ledger.two_persons import RequestClosed

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
BY: dict[str, Any] = {"actor": "clerk-1", "reason": "order 7"}


@pytest.fixture
def enrolled(desk: Enrolment, ama: dict[str, Any]) -> Any:
    return desk.enrol(ama)


@pytest.fixture
def account(enrolled: Any) -> UUID:
    found: UUID = enrolled.account_id
    return found


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database, lambda: NOW)


def flags(database: Database, account: UUID) -> tuple[bool, bool]:
    with database.connection() as connection:
        held = accounts.get(connection, account)
        standing = freezes.standing(connection, account)
    assert freezes.flags(standing) == (held.frozen_debit, held.frozen_credit)
    return held.frozen_debit, held.frozen_credit


def freeze(database: Database, account: UUID, kind: FreezeKind, **sides: bool) -> None:
    with database.connection() as connection:
        freezing.freeze(connection, account, kind=kind, **sides, **BY, at=NOW)


def lift(database: Database, account: UUID, kind: FreezeKind) -> None:
    with database.connection() as connection:
        asked = freezing.request_unfreezing(connection, account, kind=kind, **BY, at=NOW)
        approved_actions.approve(connection, asked, packs=PACKS, actor="clerk-2", reason="over", at=NOW)


@pytest.mark.parametrize("kind", FreezeKind)
def test_what_two_must_lift_one_does_not(
    database: Database, ledger: Ledger, account: UUID, kind: FreezeKind
) -> None:
    freeze(database, account, kind)
    for actor in ("clerk-1", "clerk-2"):
        with pytest.raises(FrozenOtherwise, match=kind.value):
            account_changes.unfreeze(ledger, account, actor=actor, reason="please")
        with database.connection() as connection, pytest.raises(psycopg.errors.CheckViolation, match="two"):
            account_changes.set_freeze(
                connection, account, kind.value, debit=False, credit=False, **BY, at=NOW
            )
    assert flags(database, account) == (True, True)
    lift(database, account, kind)
    assert flags(database, account) == (False, False)


def test_the_operator_lifts_its_own_and_leaves_the_others(
    database: Database, ledger: Ledger, account: UUID
) -> None:
    freeze(database, account, FreezeKind.COMPLIANCE, credit=False)
    account_changes.freeze(ledger, account, **BY)
    assert flags(database, account) == (True, True)
    change = account_changes.unfreeze(ledger, account, **BY)
    assert (change.frozen_debit, change.frozen_credit) == (True, False)
    assert (change.freeze_kind, change.freeze_debit, change.freeze_credit) == ("operator", False, False)
    assert flags(database, account) == (True, False)
    lift(database, account, FreezeKind.COMPLIANCE)
    assert flags(database, account) == (False, False)


def test_each_kind_stands_alone(database: Database, account: UUID) -> None:
    kinds = list(FreezeKind)
    for kind in kinds:
        freeze(database, account, kind)
    for number, kind in enumerate(kinds, 1):
        assert flags(database, account) == (True, True)
        lift(database, account, kind)
        with database.connection() as connection:
            left = {each.kind for each in freezes.standing(connection, account)}
        assert left == {each.value for each in kinds[number:]}
    assert flags(database, account) == (False, False)


def test_an_approval_lifts_its_own_kind_once(database: Database, owner_url: str, account: UUID) -> None:
    for kind in (FreezeKind.COMPLIANCE, FreezeKind.SCREENING):
        freeze(database, account, kind)
    with database.connection() as connection:
        asked = freezing.request_unfreezing(connection, account, **BY, at=NOW)
        approved_actions.approve(connection, asked, packs=PACKS, actor="clerk-2", reason="over", at=NOW)
    again: dict[str, Any] = {"debit": False, "credit": False, **BY, "at": NOW, "approval": asked}
    with database.connection() as connection, pytest.raises(psycopg.IntegrityError):
        account_changes.set_freeze(connection, account, "screening", **again)
    freeze(database, account, FreezeKind.COMPLIANCE)
    with database.connection() as connection, pytest.raises(psycopg.IntegrityError):
        account_changes.set_freeze(connection, account, "compliance", **again)
    with database.connection() as connection, pytest.raises(InvalidRequest, match="not frozen"):
        freezing.request_unfreezing(connection, account, kind=FreezeKind.COURT_ORDER, **BY, at=NOW)


def test_an_approval_from_before_a_freeze_does_not_lift_it(database: Database, account: UUID) -> None:
    freeze(database, account, FreezeKind.COMPLIANCE)
    with database.connection() as connection:
        asked = freezing.request_unfreezing(connection, account, **BY, at=NOW)
    lift(database, account, FreezeKind.COMPLIANCE)
    later = NOW + timedelta(hours=1)
    with database.connection() as connection:
        freezing.freeze(connection, account, **BY, at=later)
    with database.connection() as connection, pytest.raises(RequestClosed, match="frozen anew"):
        approved_actions.approve(connection, asked, packs=PACKS, actor="clerk-2", reason="x", at=later)
    again: dict[str, Any] = {"debit": False, "credit": False, **BY, "at": later, "approval": asked}
    with database.connection() as connection:
        two_persons.approve(connection, asked, ACTIONS, actor="clerk-2", reason="x", at=later)
    with database.connection() as connection, pytest.raises(psycopg.errors.CheckViolation, match="two"):
        account_changes.set_freeze(connection, account, "compliance", **again)
    assert flags(database, account) == (True, True)


@pytest.mark.parametrize("earlier", [timedelta(0), timedelta(hours=-3)])
def test_a_second_order_of_a_kind_is_recorded_and_outlives_the_release_of_the_first(
    database: Database, account: UUID, earlier: timedelta
) -> None:
    kind = FreezeKind.COURT_ORDER
    freeze(database, account, kind)
    with database.connection() as connection:
        asked = freezing.request_unfreezing(connection, account, kind=kind, **BY, at=NOW)
        second: dict[str, Any] = {"kind": kind, "actor": "clerk-9", "reason": "order 8"}
        freezing.freeze(connection, account, **second, at=NOW + timedelta(hours=1))
        if earlier:  # an order that is entered late takes nothing back from what stands
            freezing.freeze(connection, account, **second, at=NOW + earlier)
    later = NOW + timedelta(hours=2)
    with pytest.raises(RequestClosed, match="frozen anew"), database.connection() as connection:
        approved_actions.approve(connection, asked, packs=PACKS, actor="clerk-2", reason="over", at=later)
    assert flags(database, account) == (True, True)
    with database.connection() as connection:
        [standing] = freezes.standing(connection, account)
        found = [each for each in account_changes.changes(connection, account) if each.freeze_kind]
        row = connection.execute(
            "SELECT count(*) FROM ledger.event WHERE kind = 'account.freeze' AND subject = %s", (account,)
        ).fetchone()
    assert (standing.actor, standing.since) == ("clerk-9", NOW + timedelta(hours=1))
    orders = [("clerk-1", "order 7"), ("clerk-9", "order 8")] + [("clerk-9", "order 8")] * bool(earlier)
    assert [(each.actor, each.reason) for each in found] == orders
    assert row == (len(orders),)
    with database.connection() as connection:
        asked = freezing.request_unfreezing(connection, account, kind=kind, **BY, at=later)
        approved_actions.approve(connection, asked, packs=PACKS, actor="clerk-2", reason="over", at=later)
    assert flags(database, account) == (False, False)


def test_a_stale_or_odd_request_to_lift_is_refused_and_says_why(database: Database, account: UUID) -> None:
    def approve(asked: UUID, at: datetime = NOW) -> None:
        with database.connection() as connection:
            approved_actions.approve(connection, asked, packs=PACKS, actor="clerk-2", reason="over", at=at)

    freeze(database, account, FreezeKind.COMPLIANCE, credit=False)
    with database.connection() as connection:
        for kind in ("operator", "death", "theft"):
            for call in (freezing.freeze, freezing.request_unfreezing):
                with pytest.raises(InvalidRequest, match="compliance, court_order"):
                    call(connection, account, kind=kind, **BY, at=NOW)  # type: ignore[arg-type]
        asked = [freezing.request_unfreezing(connection, account, **BY, at=NOW) for _ in range(2)]
        odd: list[dict[str, Any]] = [{}, {"kind": None}, {"kind": "death"}, {"kind": ["x"]}, {"of": "other"}]
        odd_ones = [
            two_persons.ask(connection, "unfreezing", account, details, **BY, at=NOW) for details in odd
        ]
    for request in odd_ones:
        with pytest.raises(InvalidRequest, match="none of them"):
            approve(request)
    for decide in (approved_actions.approve, two_persons.reject):
        naive: dict[str, Any] = {"actor": "clerk-2", "reason": "x", "at": NOW.replace(tzinfo=None)}
        more: Any = {"packs": PACKS} if decide is approved_actions.approve else {"actions": ACTIONS}
        with pytest.raises(InvalidRequest, match="time zone"), database.connection() as connection:
            decide(connection, asked[0], **more, **naive)
    approve(asked[0])
    with pytest.raises(RequestClosed, match="nothing is left"):
        approve(asked[1])
    freeze(database, account, FreezeKind.COMPLIANCE, credit=False)
    with database.connection() as connection:
        request = freezing.request_unfreezing(connection, account, **BY, at=NOW)
        freezing.freeze(connection, account, **BY, at=NOW + timedelta(hours=1))
    with pytest.raises(RequestClosed, match="frozen anew"):
        approve(request, NOW + timedelta(hours=2))
    assert flags(database, account) == (True, True)


def test_death_is_lifted_by_its_withdrawal_only(
    database: Database, ledger: Ledger, enrolled: Any, account: UUID
) -> None:
    with database.connection() as connection:
        deaths.report(connection, enrolled.person_id, **BY, at=NOW)
    assert flags(database, account) == (True, False)
    with pytest.raises(FrozenOtherwise, match="death"):
        account_changes.unfreeze(ledger, account, **BY)
    with pytest.raises(psycopg.errors.CheckViolation, match="death"), database.connection() as connection:
        account_changes.set_freeze(connection, account, "death", debit=False, credit=False, **BY, at=NOW)
    freeze(database, account, FreezeKind.INVESTIGATION)
    with database.connection() as connection:
        asked = deaths.request_withdrawal(connection, enrolled.person_id, **BY, at=NOW)
        approved_actions.approve(connection, asked, packs=PACKS, actor="clerk-2", reason="lives", at=NOW)
    assert flags(database, account) == (True, True)
    lift(database, account, FreezeKind.INVESTIGATION)
    assert flags(database, account) == (False, False)


@pytest.mark.parametrize("role", ["emoney_app", "postgres"])
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger.account_freeze",
        "UPDATE ledger.account SET frozen_debit = false",
        "INSERT INTO ledger.account_change (account_id, number, kind, frozen_debit, frozen_credit,"
        " freeze_kind, freeze_debit, freeze_credit, actor, reason, at)"
        " SELECT account_id, 2, 'unfreeze', false, false,"
        " 'operator', false, false, 'x', 'x', now() FROM ledger.account_freeze",
        "INSERT INTO ledger.account_change (account_id, number, kind, frozen_debit, frozen_credit,"
        " freeze_kind, freeze_debit, freeze_credit, actor, reason, at)"
        " SELECT account_id, 2, 'unfreeze', false, false,"
        " 'compliance', false, false, 'x', 'x', now() FROM ledger.account_freeze",
    ],
)
def test_the_database_keeps_the_flags_to_what_stands(
    database: Database, owner_url: str, account: UUID, role: str, statement: str
) -> None:
    freeze(database, account, FreezeKind.COMPLIANCE)
    with psycopg.connect(owner_url) as owner:
        owner.execute(f"SET ROLE {role}".encode())
        if role == "postgres" and not statement.startswith("INSERT"):
            return  # the owner stands above grants
        with pytest.raises(psycopg.Error):
            owner.execute(statement.encode())
    assert flags(database, account) == (True, True)


def test_a_long_reason_is_kept_whole_or_refused(database: Database, account: UUID) -> None:
    said = "because " * 62
    with database.connection() as connection:
        freezing.freeze(connection, account, actor="clerk-1", reason=said, at=NOW)
        [change] = account_changes.changes(connection, account)
        assert change.reason == said
        with pytest.raises(InvalidRequest, match="1 to 500"):
            freezing.freeze(connection, account, actor="clerk-1", reason="x" * 501, at=NOW)


def test_an_event_tells_what_a_freeze_does_and_nothing_of_a_suspicion(
    database: Database, ledger: Ledger, account: UUID
) -> None:
    consumer = Consumer(database, "test")
    for kind in (FreezeKind.INVESTIGATION, FreezeKind.SCREENING):
        freeze(database, account, kind, credit=False)
    lift(database, account, FreezeKind.INVESTIGATION)
    account_changes.freeze(ledger, account, debit=False, actor="ops-1", reason="asked by the holder")
    told = [event.data["payload"] for event in consumer.read() if event.type.startswith("account.")]
    effect = {"number", "kind", "frozen_debit", "frozen_credit", "at"}
    assert [set(each) for each in told[:3]] == [effect] * 3
    assert [each["frozen_debit"] for each in told] == [True] * 4
    assert (told[3]["freeze_kind"], told[3]["reason"]) == ("operator", "asked by the holder")
