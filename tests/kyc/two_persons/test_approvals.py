"""Four eyes: the second person differs, by the code and by the database; decided once, in time, together."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from shipped import PACKS

from emoney.kyc import Enrolment, approved_actions
from emoney.kyc.approvals import ACTIONS, Action
from emoney.kyc.errors import InvalidEvidence
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import EvidenceState
from emoney.kyc.wallets import freezing, overrides
from emoney.kyc.wallets.retiering import end_overrides
from emoney.ledger import Database, two_persons
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.two_persons import RequestClosed, SamePerson

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
SOON = NOW + timedelta(hours=1)


@pytest.fixture
def enrolled(desk: Enrolment, ama: dict[str, Any]) -> Any:
    return desk.enrol(ama)


def asked(database: Database, account: UUID, tier: str = "enhanced", days: int = 30) -> UUID:
    with database.connection() as connection:
        until = NOW + timedelta(days=days)
        return overrides.request(
            connection, account, tier, packs=PACKS, until=until, actor="clerk-1", reason="papers seen", at=NOW
        )


def approve(database: Database, request: UUID, actor: str = "clerk-2", at: datetime = SOON) -> Any:
    with database.connection() as connection:
        return approved_actions.approve(
            connection, request, packs=PACKS, actor=actor, reason="seen too", at=at
        )


def tier(database: Database, account: UUID) -> str:
    with database.connection() as connection:
        row = connection.execute("SELECT tier FROM kyc.wallet WHERE account_id = %s", (account,)).fetchone()
        assert row is not None
        return str(row[0])


def test_what_one_asks_another_approves_and_it_is_done(database: Database, enrolled: Any) -> None:
    request = asked(database, enrolled.account_id)
    assert tier(database, enrolled.account_id) == "medium"
    with database.connection() as connection:
        assert [each.id for each in two_persons.waiting(connection, NOW, ACTIONS)] == [request]
    done = approve(database, request)
    assert (done.outcome, done.decided_by, done.requested_by) == ("approved", "clerk-2", "clerk-1")
    assert tier(database, enrolled.account_id) == "enhanced"
    with database.connection() as connection:
        assert two_persons.waiting(connection, NOW, ACTIONS) == []
        assert [each.outcome for each in two_persons.every(connection, ACTIONS)] == ["approved"]


@pytest.mark.parametrize("actor", ["clerk-1", "CLERK-1", "Clerk-1"])
def test_the_one_who_asked_cannot_decide(database: Database, enrolled: Any, actor: str) -> None:
    request = asked(database, enrolled.account_id)
    with pytest.raises(SamePerson, match="second person"):
        approve(database, request, actor)
    with database.connection() as connection, pytest.raises(SamePerson):
        two_persons.reject(connection, request, ACTIONS, actor=actor, reason="no", at=SOON)
    assert tier(database, enrolled.account_id) == "medium"


@pytest.mark.parametrize("actor", ["clerk-1 ", "", "clerk one", "\u0441lerk-1", "x" * 101, "clerk\n1"])
def test_no_name_that_only_looks_like_another(database: Database, enrolled: Any, actor: str) -> None:
    with pytest.raises(InvalidRequest):
        approve(database, asked(database, enrolled.account_id), actor)


@pytest.mark.parametrize("column", ["asked_by", "expires_at", "action", "subject", "no subject"])
def test_the_database_refuses_a_decision_that_does_not_fit_its_request(
    database: Database, enrolled: Any, column: str
) -> None:
    """Whatever code writes it: neither the same person, nor one that hides who asked, nor one too late."""
    request = asked(database, enrolled.account_id)
    insert = (
        "INSERT INTO ledger.request_decision (request_id, action, subject, asked_by, requested_at,"
        " expires_at, kept, outcome, actor, reason, decided_at)"
        " SELECT id, {action}, {subject}, {asked_by}, requested_at, {expires_at}, kept, 'approved',"
        " 'clerk-1', 'x', %s FROM ledger.request WHERE id = %s"
    )
    forged = {
        "asked_by": "'clerk-9'",
        "expires_at": "expires_at + interval '1 year'",
        "action": "'unfreezing'",
        "subject": "gen_random_uuid()",
    }
    plain = {name: name for name in forged} | {"asked_by": "actor"}
    with (
        database.connection() as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="second_person"),
    ):
        connection.execute(insert.format(**plain), (SOON, request))
    if column == "no subject":
        column, forged["subject"] = "subject", "NULL"
    altered = insert.replace("'clerk-1'", "'clerk-2'").format(**(plain | {column: forged[column]}))
    with database.connection() as connection, pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute(altered, (SOON, request))


def test_the_database_refuses_a_decision_after_its_time(database: Database, enrolled: Any) -> None:
    request = asked(database, enrolled.account_id)
    insert = (
        "INSERT INTO ledger.request_decision (request_id, action, subject, asked_by, requested_at,"
        " expires_at, kept, outcome, actor, reason, decided_at)"
        " SELECT id, action, subject, actor, requested_at, expires_at, kept, 'approved', 'clerk-2', 'x',"
        " expires_at FROM ledger.request WHERE id = %s"
    )
    with database.connection() as connection, pytest.raises(psycopg.errors.CheckViolation, match="in_time"):
        connection.execute(insert, (request,))


def test_the_database_takes_no_override_without_its_own_approval(database: Database, enrolled: Any) -> None:
    request = asked(database, enrolled.account_id)
    with database.connection() as connection:
        freezing.freeze(connection, enrolled.account_id, actor="clerk-1", reason="court order", at=NOW)
        other = freezing.request_unfreezing(
            connection, enrolled.account_id, actor="clerk-1", reason="order lifted", at=NOW
        )
        approved_actions.approve(connection, other, packs=PACKS, actor="clerk-2", reason="seen", at=SOON)
        rejected = two_persons.reject(connection, request, ACTIONS, actor="clerk-2", reason="no", at=SOON)
    assert rejected.outcome == "rejected"
    insert = (
        "INSERT INTO kyc.tier_override (id, account_id, pack_id, tier, made_at, until, approval_id)"
        " VALUES (%s, %s, 'p', 't', now(), now() + interval '1 day', %s)"
    )
    for approval in (new_id(), request, other):
        with database.connection() as connection, pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute(insert, (new_id(), enrolled.account_id, approval))


def test_decided_once(database: Database, enrolled: Any) -> None:
    request = asked(database, enrolled.account_id)
    approve(database, request)
    with pytest.raises(RequestClosed, match="was approved by clerk-2 already"):
        approve(database, request, "clerk-3")


def test_an_expired_request_is_not_approved(database: Database, enrolled: Any) -> None:
    request = asked(database, enrolled.account_id)
    with pytest.raises(RequestClosed, match="expired"):
        approve(database, request, at=NOW + timedelta(days=7))
    with database.connection() as connection:
        assert two_persons.waiting(connection, NOW + timedelta(days=7), ACTIONS) == []
    assert tier(database, enrolled.account_id) == "medium"


def test_what_fails_leaves_the_request_open(database: Database, enrolled: Any) -> None:
    request = asked(database, enrolled.account_id, days=1)
    with pytest.raises(InvalidRequest, match="has passed"):
        approve(database, request, at=NOW + timedelta(days=2))
    with database.connection() as connection:
        assert two_persons.find(connection, request, ACTIONS).outcome is None


def test_of_two_who_approve_at_once_one_does(
    database: Database, enrolled: Any, until_waiting: Any, count: Any
) -> None:
    request, told = asked(database, enrolled.account_id), []

    def decide(actor: str) -> None:
        try:
            approve(database, request, actor)
            told.append("approved")
        except RequestClosed:
            told.append("closed")

    threads = [threading.Thread(target=decide, args=(actor,)) for actor in ("clerk-2", "clerk-3")]
    with database.connection() as connection:
        connection.execute(
            "SELECT FROM kyc.wallet FOR UPDATE"
        )  # the first one waits with its decision written
        for thread in threads:
            thread.start()
        until_waiting(2)
    for thread in threads:
        thread.join()
    assert sorted(told) == ["approved", "closed"]
    assert count("ledger.request_decision") == count("kyc.tier_override") == 1


def test_requests_and_decisions_are_never_changed(owner_url: str, database: Database, enrolled: Any) -> None:
    approve(database, asked(database, enrolled.account_id))
    for table in ("ledger.request", "ledger.request_decision", "ledger.request_done", "kyc.tier_override"):
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with (
                psycopg.connect(owner_url) as connection,
                pytest.raises(psycopg.Error, match=r"append-only|only when a person"),
            ):
                connection.execute(statement)  # type: ignore[arg-type]


def test_an_override_ends_on_its_date(database: Database, enrolled: Any) -> None:
    approve(database, asked(database, enrolled.account_id, days=2))
    assert end_overrides(database, NOW + timedelta(days=1), packs=PACKS) == []
    [moved] = end_overrides(database, NOW + timedelta(days=2), packs=PACKS)
    assert (moved.before, moved.tier) == ("enhanced", "medium")
    assert end_overrides(database, NOW + timedelta(days=3), packs=PACKS) == []


def test_frozen_by_one_let_go_by_two(database: Database, enrolled: Any) -> None:
    account = enrolled.account_id
    with database.connection() as connection:
        freezing.freeze(connection, account, credit=False, actor="clerk-1", reason="complaint", at=NOW)
        held = accounts.get(connection, account)
        assert (held.frozen_debit, held.frozen_credit) == (True, False)
        freezing.freeze(connection, account, debit=False, actor="clerk-1", reason="more", at=NOW)
        held = accounts.get(connection, account)
        assert (held.frozen_debit, held.frozen_credit) == (True, True)
        request = freezing.request_unfreezing(connection, account, actor="clerk-1", reason="settled", at=SOON)
        approved_actions.approve(connection, request, packs=PACKS, actor="clerk-2", reason="settled", at=SOON)
        held = accounts.get(connection, account)
        assert (held.frozen_debit, held.frozen_credit) == (False, False)
    with database.connection() as connection, pytest.raises(psycopg.errors.CheckViolation, match="takes two"):
        connection.execute(
            "INSERT INTO ledger.account_change (account_id, number, kind, frozen_debit, frozen_credit,"
            " freeze_kind, freeze_debit, freeze_credit, actor, reason, at)"
            " SELECT account_id, max(number) + 1, 'unfreeze', false, false, 'compliance', false, false,"
            " 'clerk-1', 'x', now() FROM ledger.account_change WHERE account_id = %s GROUP BY account_id",
            (account,),
        )


def test_evidence_is_verified_by_two_and_not_by_one(database: Database, enrolled: Any) -> None:
    with database.connection() as connection:
        [document] = [
            each
            for each in evidence_records.of_person(connection, enrolled.person_id)
            if each.kind == "id_document"
        ]
        with pytest.raises(InvalidEvidence, match="two persons"):
            evidence_records.change(
                connection, document.id, EvidenceState.VERIFIED, actor="clerk-1", reason="I say so", at=SOON
            )
        request = approved_actions.request_acceptance(
            connection, document.id, method="seen in person", actor="clerk-1", reason="original shown", at=NOW
        )
        approved_actions.approve(
            connection, request, packs=PACKS, actor="clerk-2", reason="copy compared", at=SOON
        )
        now = evidence_records.of_person(connection, enrolled.person_id)
        assert {(each.kind, each.state) for each in now} >= {("id_document", EvidenceState.VERIFIED)}
        states = [(row["state"], row["method"]) for row in evidence_records.history(connection, document.id)]
        assert states == [("captured", "enrolment"), ("verified", "seen in person")]
        with pytest.raises(InvalidEvidence, match="does not become verified"):
            approved_actions.request_acceptance(
                connection, document.id, method="again", actor="clerk-1", reason="x", at=SOON
            )


def test_evidence_that_changed_since_it_was_asked_for_is_not_verified(
    database: Database, enrolled: Any
) -> None:
    new = evidence_records.NewEvidence(enrolled.person_id, "selfie", EvidenceState.DECLARED)
    said: dict[str, Any] = {"actor": "clerk-1", "reason": "told"}
    with database.connection() as connection:
        [selfie] = evidence_records.record(connection, [new], **said, at=NOW)
        request = approved_actions.request_acceptance(connection, selfie, method="seen", **said, at=NOW)
        details = two_persons.find(connection, request, ACTIONS).details
        evidence_records.change(
            connection,
            selfie,
            EvidenceState.CAPTURED,
            **said,
            at=NOW,
            assurance=evidence_records.Assurance.HIGH,
        )
    assert details == {
        "method": "seen",
        "number": 1,
        "kind": "selfie",
        "state": "declared",
        "assurance": "low",
    }
    with pytest.raises(InvalidRequest, match="changed since"):
        approve(database, request)
    with database.connection() as connection:
        states = [each["state"] for each in evidence_records.history(connection, selfie)]
        assert states == ["declared", "captured"]
        request = approved_actions.request_acceptance(connection, selfie, method="seen", **said, at=NOW)
    assert approve(database, request).done_at is not None


def test_a_request_says_what_by_whom_and_why(database: Database, enrolled: Any) -> None:
    with database.connection() as connection:
        for wrong in (
            {"reason": " "},
            {"reason": "x" * 501},
            {"actor": "a b"},
            {"open_for": timedelta(days=91)},
        ):
            said: dict[str, Any] = {"actor": "clerk-1", "reason": "why", "at": NOW} | wrong
            with pytest.raises(InvalidRequest):
                two_persons.ask(connection, Action.PACK_ACCEPTANCE, new_id(), {}, **said)
        with pytest.raises(InvalidRequest, match="there is no request"):
            two_persons.find(connection, new_id(), ACTIONS)
