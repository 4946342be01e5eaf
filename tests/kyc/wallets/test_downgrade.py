"""Downgrades: nothing confiscated, redemption open, and each stage on its date enforced by posting."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from shipped import PACKS

from emoney.kyc import Enrolment, approved_actions
from emoney.kyc.errors import InvalidSettings
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import EvidenceState, NewEvidence
from emoney.kyc.wallets import downgrade, overrides
from emoney.kyc.wallets.restrictions import Downgrades, downgrades
from emoney.kyc.wallets.retiering import end_overrides, follow
from emoney.ledger import Database, Operation
from emoney.ledger.accounts import account as accounts

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=90)


@pytest.fixture
def at(till: Any) -> Any:
    return till("GHS")


@pytest.fixture
def wallet(desk: Enrolment, database: Database, ama: dict[str, Any], at: Any) -> Any:
    """At `minimum` (cap 5,000) with 20,000 in it: its identity document was revoked."""
    enrolled = desk.enrol(ama)
    assert at.load(enrolled.account_id, "20000").posted
    revoke(database, enrolled.person_id, "id_document")
    return enrolled


def revoke(database: Database, person: UUID, kind: str) -> None:
    with database.connection() as connection:
        for each in evidence_records.of_person(connection, person):
            if each.kind == kind:
                evidence_records.reject(connection, each.id, actor="clerk-1", reason="revoked", at=NOW)
        follow(connection, person, packs=PACKS, at=NOW)


def verify(database: Database, person: UUID, kind: str = "passport") -> None:
    with database.connection() as connection:
        new = NewEvidence(person, kind, EvidenceState.REGISTRY_VERIFIED, "register")
        evidence_records.record(connection, [new], actor="desk", reason="asked", at=NOW, provider="registry")
        follow(connection, person, packs=PACKS, at=NOW)


def stage(database: Database) -> Any:
    with database.connection() as connection:
        return connection.execute("SELECT restriction, restriction_next_at FROM kyc.wallet").fetchone()


def steps(database: Database) -> list[str]:
    with database.connection() as connection:
        [listed] = downgrade.restricted_wallets(connection)
        return [each["step"] for each in listed.steps]


def test_credits_stop_first_and_nothing_is_taken(database: Database, wallet: Any, at: Any) -> None:
    assert stage(database) == ("credits_stopped", LATER)
    with database.connection() as connection:
        assert accounts.get(connection, wallet.account_id).balance == 2_000_000
    refused = at.receive(wallet.account_id, "0.01", Operation.P2P).refusal
    assert refused.rule == "gh-bog-2024/minimum/credits-stopped"
    assert "internal policy" in refused.source
    assert at.send(wallet.account_id, "1", Operation.PAY).posted
    assert at.send(wallet.account_id, "100", Operation.REDEEM_BANK).posted


def test_each_step_is_recorded_with_its_numbers_and_told(database: Database, wallet: Any, count: Any) -> None:
    downgrade.advance(database, LATER, packs=PACKS)
    with database.connection() as connection:
        [listed] = downgrade.restricted_wallets(connection)
        first, second = listed.steps
        assert (first["step"], first["balance"], first["cap"]) == ("credits_stopped", 2_000_000, 500_000)
        assert datetime.fromisoformat(first["next_at"]) == LATER
        assert (second["step"], second["next_at"]) == ("debits_stopped", None)
        kinds = connection.execute(
            "SELECT kind FROM ledger.event WHERE kind <> 'account.profile' ORDER BY position"
        ).fetchall()
    assert kinds == [("wallet.restricted",)] * 2


def test_debits_stop_on_the_date_and_redemption_takes_a_verified_holder(
    database: Database, wallet: Any, at: Any
) -> None:
    assert downgrade.advance(database, LATER - timedelta(seconds=1), packs=PACKS) == downgrade.Advanced(
        1, 0, 0
    )
    assert downgrade.advance(database, LATER, packs=PACKS) == downgrade.Advanced(1, 1, 0)
    tier = "gh-bog-2024/minimum"
    assert at.send(wallet.account_id, "1", Operation.PAY).refusal.rule == f"{tier}/debits-stopped"
    refused = at.send(wallet.account_id, "1", Operation.REDEEM_BANK).refusal
    assert (refused.rule, refused.decision) == (f"{tier}/redemption-unverified", "require_cdd")
    verify(database, wallet.person_id)
    assert at.send(wallet.account_id, "1", Operation.PAY).refusal.rule == f"{tier}/debits-stopped"
    # at par and whole, though the tier itself lets 3,000 out a day
    assert at.send(wallet.account_id, "20000", Operation.REDEEM_BANK).posted


def test_a_balance_within_the_cap_ends_it(database: Database, wallet: Any, at: Any) -> None:
    verify(database, wallet.person_id)
    assert at.send(wallet.account_id, "15000", Operation.REDEEM_BANK).posted
    assert downgrade.advance(database, NOW + timedelta(days=1), packs=PACKS) == downgrade.Advanced(1, 0, 1)
    assert stage(database) == (None, None)
    # under the tier's own limits again, and what was redeemed has been counted
    assert at.send(wallet.account_id, "100", Operation.REDEEM_CASH).refusal.used == 1_500_000
    assert at.send(wallet.account_id, "100", Operation.REDEEM_CASH, NOW + timedelta(days=60)).posted
    assert at.receive(wallet.account_id, "100", Operation.P2P).posted
    assert at.receive(wallet.account_id, "0.01", Operation.P2P).refusal.rule == "gh-bog-2024/minimum/balance"
    assert downgrade.advance(database, LATER, packs=PACKS) == downgrade.Advanced(0, 0, 0)


def test_evidence_shown_again_ends_it_at_any_stage(database: Database, wallet: Any, at: Any) -> None:
    downgrade.advance(database, LATER, packs=PACKS)
    verify(database, wallet.person_id, "id_document")
    assert stage(database) == (None, None)
    assert at.receive(wallet.account_id, "1", Operation.P2P).posted


def test_a_grace_that_runs_is_not_begun_anew(database: Database, wallet: Any, at: Any) -> None:
    later = NOW + timedelta(days=30)
    with database.connection() as connection:
        follow(connection, wallet.person_id, packs=PACKS, at=later)
    downgrade.advance(database, later, packs=PACKS)
    assert stage(database) == ("credits_stopped", LATER)
    assert steps(database) == ["credits_stopped"]


def test_a_balance_within_the_new_cap_is_not_restricted(
    desk: Enrolment, database: Database, ama: dict[str, Any], at: Any, count: Any
) -> None:
    enrolled = desk.enrol(ama)
    assert at.load(enrolled.account_id, "5000").posted
    revoke(database, enrolled.person_id, "id_document")
    assert stage(database) == (None, None)
    assert count("kyc.restriction_step") == 0


def test_what_was_used_stays_used_up_and_down(
    desk: Enrolment, database: Database, ama: dict[str, Any], at: Any
) -> None:
    enrolled = desk.enrol({key: ama[key] for key in ("external_ref", "currency", "phone")})
    assert at.load(enrolled.account_id, "5000").posted
    assert at.send(enrolled.account_id, "3000", Operation.PAY).posted
    assert at.send(enrolled.account_id, "1", Operation.PAY).refusal.used == 300_000
    verify(database, enrolled.person_id, "id_document")
    assert at.load(enrolled.account_id, "20000").posted
    refused = at.send(enrolled.account_id, "12000.01", Operation.PAY).refusal  # 15,000 a day, 3,000 used
    assert (refused.rule, refused.used) == ("gh-bog-2024/medium/flow-out-any-day", 300_000)
    assert at.send(enrolled.account_id, "12000", Operation.PAY).posted


def test_the_operator_sets_grace_and_redemption_per_pack(
    home: Path, database: Database, wallet: Any, at: Any
) -> None:
    (home / "kyc").mkdir()
    (home / "kyc" / "downgrades.yaml").write_text(
        "format: emoney-downgrades/1\n"
        "default: {grace_days: 10, verified_by: [passport], source: our policy}\n"
        "packs: {gh-bog-2024: {redemption: [cash_out], source: our policy for Ghana}}\n"
    )
    ours = downgrades(home).of("gh-bog-2024")
    assert (ours.grace_days, ours.redemption) == (10, (Operation.CASH_OUT,))
    assert downgrades(home).of("other").redemption == (
        Operation.REDEEM_BANK,
        Operation.REDEEM_OWN_BANK,
        Operation.REDEEM_CASH,
    )
    (home / "kyc" / "downgrades.yaml").write_text("format: emoney-downgrades/1\ndefault: {grace_days: -1}\n")
    with pytest.raises(InvalidSettings, match=r"kyc/downgrades\.yaml: default\.grace_days"):
        downgrades(home)


def test_the_shipped_policy_reads(home: Path) -> None:
    assert isinstance(downgrades(home), Downgrades)
    assert downgrades().default.grace_days == 90


def test_restrictions_that_cannot_be_are_refused_by_the_database(database: Database, wallet: Any) -> None:
    with database.connection() as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("UPDATE kyc.wallet SET restriction_next_at = NULL")


def test_what_two_approve_uses_the_operators_policy(database: Database, desk: Enrolment, at: Any) -> None:
    """An override that ends above the cap restricts by the policy in force, not by the shipped one."""
    ours = Downgrades.model_validate(
        {"format": "emoney-downgrades/1", "default": {"grace_days": 10, "source": "our policy"}}
    )
    person = {"external_ref": "P-1", "currency": "GHS", "phone": "+233244771902"}
    wallet = desk.enrol(person).account_id
    with database.connection() as connection:
        until = NOW + timedelta(days=2)
        request = overrides.request(
            connection, wallet, "enhanced", packs=PACKS, until=until, actor="clerk-1", reason="papers", at=NOW
        )
        approved_actions.approve(
            connection, request, packs=PACKS, actor="clerk-2", reason="papers", at=NOW, policies=ours
        )
    assert at.load(wallet, "70000").posted
    assert len(end_overrides(database, until, policies=ours, packs=PACKS)) == 1
    assert stage(database) == ("credits_stopped", until + timedelta(days=10))
