"""Deaths, dormancy and links by SQL: stages move with their steps, and none of them lets money go by one."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from attacks import Attacker

from emoney.kyc import Enrolment
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import NewEvidence
from emoney.kyc.life import deaths
from emoney.kyc.persons import duplicates
from emoney.kyc.wallets import freezing
from emoney.ledger import Database, two_persons
from emoney.ledger.base.ids import new_id

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
SAID: dict[str, Any] = {"actor": "clerk-1", "reason": "seen", "at": NOW}
DEATH = (
    "INSERT INTO kyc.death_step (id, person_id, stage, evidence_id, made_by, reason, made_at, approval_id)"
    " VALUES (%(id)s, %(person)s, %(stage)s, %(evidence)s, 'clerk-1', 'x', %(at)s, %(approval)s)"
)
DORMANT = (
    "INSERT INTO kyc.dormancy_step (id, account_id, stage, amount, source, reason, made_by, made_at)"
    " VALUES (%(id)s, %(account)s, %(stage)s, 0, 'x', 'x', 'clerk-1', %(at)s)"
)


@pytest.fixture
def enrolled(desk: Enrolment, ama: dict[str, Any]) -> Any:
    return desk.enrol(ama)


def step(person: Any, stage: str, **other: Any) -> tuple[str, dict[str, Any]]:
    told = {"id": new_id(), "person": person, "stage": stage, "evidence": None, "approval": None, "at": NOW}
    return DEATH, told | other


def test_no_death_is_moved_on_or_made_undone(attacker: Attacker, database: Database, enrolled: Any) -> None:
    with database.connection() as connection:
        deaths.report(connection, enrolled.person_id, **SAID)
    for statement in (
        "UPDATE kyc.death SET stage = 'withdrawn'",
        "UPDATE kyc.death SET stage = 'verified'",
        "INSERT INTO kyc.death (person_id, stage) SELECT id, 'withdrawn' FROM kyc.person",
    ):
        attacker.refused((statement, {}), kind=psycopg.errors.InsufficientPrivilege)
    for table in ("death", "death_step"):
        attacker.refused((f"DELETE FROM kyc.{table}", {}), kind=psycopg.errors.RestrictViolation)
    assert "does not go" in attacker.refused(step(enrolled.person_id, "reported"))


def test_a_death_is_verified_by_a_verified_certificate_of_that_person(
    attacker: Attacker, database: Database, enrolled: Any
) -> None:
    with database.connection() as connection:
        deaths.report(connection, enrolled.person_id, **SAID)
        new = NewEvidence(enrolled.person_id, "death_certificate")
        [captured] = evidence_records.record(connection, [new], **SAID)
        [selfie] = evidence_records.record(connection, [NewEvidence(enrolled.person_id, "selfie")], **SAID)
    for evidence in (captured, selfie):
        assert "does not go" in attacker.refused(step(enrolled.person_id, "verified", evidence=evidence))


def test_an_approval_to_unfreeze_withdraws_no_death(
    attacker: Attacker, database: Database, enrolled: Any
) -> None:
    """Nor does one of the same action on the same subject that was asked for another end."""
    with database.connection() as connection:
        deaths.report(connection, enrolled.person_id, **SAID)
        request = two_persons.ask(connection, "unfreezing", enrolled.person_id, {"of": "else"}, **SAID)
        two_persons.approve(
            connection, request, ["unfreezing"], actor="clerk-2", reason="x", at=NOW, apply=None
        )
    assert "does not go" in attacker.refused(step(enrolled.person_id, "withdrawn", approval=request))


def test_a_dormant_wallet_comes_free_with_its_step_and_for_who_is_identified(
    attacker: Attacker, database: Database, enrolled: Any
) -> None:
    account = enrolled.account_id
    begin = (
        "INSERT INTO kyc.dormancy (account_id, stage, inactive_since, next_at)"
        " VALUES (%(account)s, %(stage)s, %(at)s, %(at)s)"
    )
    go = (
        "UPDATE kyc.dormancy SET stage = %(stage)s,"
        " next_at = CASE %(stage)s WHEN 'ended' THEN NULL ELSE %(at)s::timestamptz END"
    )

    def about(stage: str) -> dict[str, Any]:
        return {"id": new_id(), "account": account, "stage": stage, "at": NOW}

    follows = "dormancy_follows_step"
    assert attacker.refused((begin, about("notified"))) == follows
    assert attacker.refused((begin, about("blocked")), (DORMANT, about("blocked"))) == follows
    for stage, statement in (("notified", begin), ("blocked", go)):
        with psycopg.connect(attacker.url) as mine:
            mine.execute(statement, about(stage))
            mine.execute(DORMANT, about(stage))
    assert attacker.refused((go, about("ended"))) == follows
    assert attacker.refused((go, about("ended")), (DORMANT, about("ended"))) == follows
    assert attacker.refused((go, about("terminated")), (DORMANT, about("terminated"))) == follows
    more = (go.replace("SET", "SET amount = 1000000,"), about("told"))
    assert attacker.refused(more, (DORMANT, about("told"))) == follows
    with psycopg.connect(attacker.url) as mine:
        mine.execute(go, about("told"))
        mine.execute(DORMANT, about("told"))
    invented = about("terminated") | {"transfer": new_id()}
    paid = (
        DORMANT.replace("amount,", "transfer_id, amount,").replace(" 0,", " %(transfer)s, 1000000,"),
        invented,
    )
    more = (go.replace("SET", "SET amount = 1000000,"), invented)
    assert attacker.refused(more, paid) == follows
    assert attacker.refused((go, invented), paid) == follows
    attacker.refused(("DELETE FROM kyc.dormancy", {}), kind=psycopg.errors.InsufficientPrivilege)
    with database.connection() as connection:
        assert freezing.held_by_others(connection, account) == (False, False)


def test_two_records_are_one_person_by_two(attacker: Attacker, desk: Enrolment, ama: dict[str, Any]) -> None:
    one, other = (desk.enrol(ama | {"external_ref": ref}).person_id for ref in ("P-1", "P-2"))
    with desk.database.connection() as connection:
        request = duplicates.request_link(connection, one, other, **SAID)
        two_persons.approve(
            connection, request, ["linking_persons"], actor="clerk-2", reason="x", at=NOW, apply=None
        )
        override = two_persons.ask(connection, "tier_override", one, {}, **SAID)
    link = (
        "INSERT INTO kyc.person_link (id, person_id, into_id, made_at, approval_id)"
        " VALUES (gen_random_uuid(), %(person)s, %(into)s, %(at)s, %(approval)s)"
    )
    about = {"person": other, "into": one, "at": NOW, "approval": request}
    for wrong in (
        {"person": one, "into": other},
        {"into": other},
        {"approval": new_id()},
        {"approval": None},
    ):
        attacker.refused((link, about | wrong), kind=psycopg.errors.IntegrityError)
    attacker.refused(
        ("UPDATE kyc.person SET holder_id = NULL", {}), kind=psycopg.errors.InsufficientPrivilege
    )
    same = (
        "INSERT INTO kyc.duplicate_decision (id, person_a, person_b, verdict, decided_by, reason, decided_at,"
        " request_id) VALUES (gen_random_uuid(), %(a)s, %(b)s, 'same', 'clerk-1', 'x', %(at)s, %(request)s)"
    )
    pair = {"a": min(one, other), "b": max(one, other), "at": NOW, "request": override}
    assert attacker.refused((same, pair)) == "duplicate_request"
    for table in (
        "duplicate_decision",
        "person_link",
        "guardianship",
        "person",
        "evidence",
        "evidence_state",
    ):
        with psycopg.connect(attacker.url) as mine:
            rows = mine.execute(f"SELECT count(*) FROM kyc.{table}").fetchone()  # type: ignore[arg-type]
        if rows != (0,):
            attacker.refused((f"DELETE FROM kyc.{table}", {}), kind=psycopg.errors.RestrictViolation)
