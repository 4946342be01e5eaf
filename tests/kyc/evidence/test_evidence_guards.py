"""Evidence by SQL: nobody but two persons or a registered provider verifies it, and just as they say."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from attacks import Attacker, attacking
from shipped import PACKS

from emoney.kyc import Enrolment, approved_actions
from emoney.kyc.errors import InvalidEvidence, UnregisteredProvider
from emoney.kyc.evidence import providers
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import Assurance, EvidenceState, NewEvidence
from emoney.ledger import Database, clock_policy, two_persons
from emoney.ledger.base.errors import ClockSkew, ConfigurationError, InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.clock_policy import ClockPolicy

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
SAID: dict[str, Any] = {"actor": "clerk-1", "reason": "seen"}
OWNER: dict[str, Any] = {"actor": "owner", "reason": "contract signed"}

INSERT = (
    "INSERT INTO kyc.evidence (id, person_id, kind, state, method, recorded_at, number, assurance,"
    " expires_on, recorded_by, reason, provider, approval_id)"
    " VALUES (%(id)s, %(person)s, 'selfie', %(state)s, %(method)s, %(at)s,"
    " %(number)s, %(assurance)s, NULL, 'clerk-1', 'x', %(provider)s, %(approval)s)"
)
VERIFY = (
    "UPDATE kyc.evidence SET number = number + 1, state = %(state)s, method = %(method)s,"
    " assurance = %(assurance)s, expires_on = %(expires_on)s,"
    " recorded_by = %(by)s, provider = %(provider)s, approval_id = %(approval)s,"
    " recorded_at = %(at)s WHERE id = %(id)s"
)


@pytest.fixture
def person(desk: Enrolment, ama: dict[str, Any]) -> UUID:
    return desk.enrol(ama).person_id


@pytest.fixture
def selfie(database: Database, person: UUID) -> UUID:
    with database.connection() as connection:
        [found] = evidence_records.record(connection, [NewEvidence(person, "selfie")], at=NOW, **SAID)
    return found


def new(person: UUID, **other: Any) -> dict[str, Any]:
    told = {"id": new_id(), "person": person, "state": "captured", "method": "photo", "at": NOW, "number": 1}
    return told | {"assurance": "low", "provider": None, "approval": None} | other


def as_verified(evidence: UUID, **other: Any) -> dict[str, Any]:
    told = {"id": evidence, "state": "verified", "method": "photo", "assurance": "low", "expires_on": None}
    return told | {"by": "clerk-2", "provider": None, "approval": None, "at": NOW} | other


def asked(database: Database, evidence: UUID, *, approved: bool = True) -> UUID:
    """A request to accept evidence by photo, decided and not carried out."""
    with database.connection() as connection:
        request = approved_actions.request_acceptance(connection, evidence, method="photo", at=NOW, **SAID)
        about: dict[str, Any] = {"actor": "clerk-2", "reason": "seen too", "at": NOW}
        if approved:
            two_persons.approve(connection, request, ["evidence_acceptance"], **about, apply=None)
        else:
            two_persons.reject(connection, request, ["evidence_acceptance"], **about)
    return request


@pytest.mark.parametrize("state", ["verified", "registry_verified"])
def test_an_invented_provider_verifies_nothing(
    attacker: Attacker, person: UUID, selfie: UUID, state: str
) -> None:
    for provider in ("i-am-a-register", "Registry", "registry-2"):
        said = {"state": state, "provider": provider}
        assert attacker.refused((INSERT, new(person, **said))) == "evidence_provider"
        assert attacker.refused((VERIFY, as_verified(selfie, **said))) == "evidence_provider"
    for step in ((INSERT, new(person, state=state)), (VERIFY, as_verified(selfie, state=state))):
        assert attacker.refused(step) == "evidence_verified_by"
    assert attacker.refused((INSERT, new(person, provider="invented"))) == "evidence_provider"


def test_nobody_but_the_owner_registers_a_provider(attacker: Attacker) -> None:
    for statement in (
        "INSERT INTO kyc.provider (name, number, state, gives, assurance, actor, reason)"
        " VALUES ('mine', 1, 'active', '{verified}', 'high', 'clerk-1', 'x')",
        "UPDATE kyc.provider SET assurance = 'high'",
        "DELETE FROM kyc.provider",
    ):
        attacker.refused((statement, {}), kind=psycopg.errors.InsufficientPrivilege)
    for act in (providers.register, providers.withdraw):
        with pytest.raises(ConfigurationError, match="owner"):
            act(attacker.url, "registry", **SAID)


def test_a_provider_gives_what_it_is_registered_for_and_while_it_is(
    attacker: Attacker, owner_url: str, database: Database, person: UUID, selfie: UUID
) -> None:
    way: dict[str, Any] = {"gives": [EvidenceState.VERIFIED], "methods": ["nfc"]}
    providers.register(owner_url, "reader", assurance=Assurance.SUBSTANTIAL, **way, **OWNER)
    good = {"provider": "reader", "method": "nfc", "assurance": "substantial"}
    for other in ({"state": "registry_verified"}, {"method": "photo"}, {"assurance": "high"}):
        assert attacker.refused((VERIFY, as_verified(selfie, **(good | other)))) == "evidence_provider"
        verified = {"state": "verified"} | good | other
        assert attacker.refused((INSERT, new(person, **verified))) == "evidence_provider"
    verified = NewEvidence(person, "passport", EvidenceState.VERIFIED, "nfc", Assurance.SUBSTANTIAL)
    with database.connection() as connection:
        [passport] = evidence_records.record(connection, [verified], at=NOW, provider="reader", **SAID)
    assert not providers.withdraw(owner_url, "reader", **OWNER).active
    with database.connection() as connection:
        with pytest.raises(UnregisteredProvider, match="providers register"), connection.transaction():
            evidence_records.record(connection, [verified], at=NOW, provider="reader", **SAID)
        with pytest.raises(UnregisteredProvider), connection.transaction():
            evidence_records.change(
                connection, selfie, EvidenceState.VERIFIED, at=NOW, provider="reader", method="nfc", **SAID
            )
        evidence_records.reject(connection, passport, at=NOW, **SAID)  # what was recorded ends as any other
        listed = {each.name: each.active for each in providers.listed(connection)}
    assert listed == {"acme-id": True, "desk": True, "reader": False, "registry": True}


def test_evidence_of_a_provider_with_a_login_is_recorded_under_that_login(
    attacker: Attacker, owner_url: str, person: UUID
) -> None:
    providers.register(owner_url, "reader", login="the_readers_own", **OWNER)
    verified = new(person, state="verified", provider="reader")
    assert attacker.refused((INSERT, verified)) == "evidence_provider"
    with psycopg.connect(attacker.url) as mine:
        [login] = mine.execute("SELECT session_user").fetchone() or ("",)
    providers.register(owner_url, "reader", login=login, **OWNER)
    with psycopg.connect(attacker.url) as mine:
        assert mine.execute(INSERT, verified).rowcount == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"gives": []},
        {"gives": [EvidenceState.CAPTURED]},
        {"methods": []},
        {"methods": ["a\nb"]},
        {"login": ""},
    ],
)
def test_a_provider_that_cannot_be_is_not_registered(owner_url: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvidence):
        providers.register(owner_url, "reader", **wrong, **OWNER)
    with pytest.raises(UnregisteredProvider):
        providers.withdraw(owner_url, "reader", **OWNER)
    with pytest.raises(InvalidRequest):
        providers.register(owner_url, "two words", **OWNER)


@pytest.mark.parametrize(
    "other",
    [
        {"method": "seen in person"},
        {"assurance": "high"},
        {"expires_on": date(2036, 1, 1)},
        {"provider": "registry"},
        {"by": "clerk-3"},
        {"at": NOW - timedelta(hours=1)},
    ],
)
def test_what_two_approved_is_verified_just_so(
    attacker: Attacker, database: Database, selfie: UUID, other: dict[str, Any]
) -> None:
    request = asked(database, selfie)
    said = attacker.refused((VERIFY, as_verified(selfie, approval=request, **other)))
    assert said == "evidence_as_approved" or "does not go" in said
    with psycopg.connect(attacker.url) as mine:
        assert mine.execute(VERIFY, as_verified(selfie, approval=request)).rowcount == 1


def test_an_approval_is_of_one_piece_of_evidence_as_it_was(
    attacker: Attacker, database: Database, person: UUID, selfie: UUID
) -> None:
    request = asked(database, selfie)
    with database.connection() as connection:
        declared = NewEvidence(person, "selfie", EvidenceState.DECLARED, "photo")
        [other] = evidence_records.record(connection, [declared], at=NOW, **SAID)
    before = asked(database, other)
    with database.connection() as connection:
        evidence_records.change(connection, other, EvidenceState.CAPTURED, at=NOW, **SAID)
    rejected = asked(database, other, approved=False)
    assert attacker.refused((VERIFY, as_verified(other, approval=before))) == "evidence_as_approved"
    assert attacker.refused((VERIFY, as_verified(other, approval=request))) == "evidence_as_approved"
    for forged in (rejected, new_id()):
        assert attacker.refused((VERIFY, as_verified(other, approval=forged))) == "evidence_approved"
    capture = as_verified(selfie, state="registry_verified", approval=request, provider="registry")
    assert attacker.refused((VERIFY, capture)) in ("evidence_as_approved", "evidence_approved_state")
    of_nothing_yet = new(person, id=selfie, state="verified", approval=request)
    assert "begins" in attacker.refused((INSERT, of_nothing_yet))


@pytest.mark.parametrize(
    "change",
    [
        "state = 'verified'",
        "method = 'nfc'",
        "assurance = 'high', number = number + 1",
        "provider = 'registry', number = number + 1",
        "expires_on = '2099-01-01', number = number + 1",
        "recorded_at = recorded_at - interval '1 day'",
        "state = 'rejected', number = number + 1, method = 'nfc'",
        "state = 'expired', number = number + 1, provider = 'registry'",
        "state = 'verified', number = number + 2, provider = 'registry'",
    ],
)
def test_what_is_known_of_evidence_changes_with_its_state_alone(
    attacker: Attacker, selfie: UUID, change: str
) -> None:
    attacker.refused(
        (f"UPDATE kyc.evidence SET {change} WHERE id = %(id)s", {"id": selfie}),
        kind=psycopg.errors.IntegrityError,
    )


def test_evidence_begins_with_its_first_state(attacker: Attacker, person: UUID) -> None:
    for other in ({"number": 7}, {"state": "rejected"}, {"state": "expired"}):
        assert "begins" in attacker.refused((INSERT, new(person, **other)))


def test_times_are_the_databases(owner_url: str, person: UUID) -> None:
    clock_policy.set_policy(owner_url, ClockPolicy(), **OWNER)
    back_dated, ahead = (new(person, at=datetime.now(UTC) + days * timedelta(days=1)) for days in (-40, 1))
    with attacking(owner_url, "emoney_import") as importer:
        assert importer.refused((INSERT, ahead)) == "clock_skew"
        with psycopg.connect(importer.url) as history:  # where it belongs
            assert history.execute(INSERT, back_dated).rowcount == 1
    with attacking(owner_url) as attacker:
        for each in (back_dated | {"id": new_id()}, ahead):
            assert attacker.refused((INSERT, each)) == "clock_skew"
        with psycopg.connect(attacker.url) as mine:
            assert mine.execute(INSERT, new(person, at=datetime.now(UTC))).rowcount == 1


def test_evidence_expires_at_the_moment_at_which_the_run_began(
    attacker: Attacker, owner_url: str, person: UUID
) -> None:
    now = datetime.now(UTC)
    passed = new(person, at=now - timedelta(days=9))
    with psycopg.connect(attacker.url) as mine:
        mine.execute(INSERT, passed)
    clock_policy.set_policy(owner_url, ClockPolicy(), **OWNER)
    end = "UPDATE kyc.evidence SET number = 2, state = %(state)s, recorded_at = %(at)s WHERE id = %(id)s"
    began = {"id": passed["id"], "at": now - timedelta(hours=2)}
    assert attacker.refused((end, began | {"state": "rejected"})) == "clock_skew"
    two_days = {"state": "expired", "at": now - timedelta(days=2)}
    assert attacker.refused((end, began | two_days)) == "clock_skew"
    with psycopg.connect(attacker.url) as mine:
        assert mine.execute(end, began | {"state": "expired"}).rowcount == 1


def test_a_request_is_neither_asked_for_nor_decided_on_another_day(
    owner_url: str, database: Database, selfie: UUID
) -> None:
    clock_policy.set_policy(owner_url, ClockPolicy(), **OWNER)
    with database.connection() as connection, pytest.raises(ClockSkew):
        approved_actions.request_acceptance(connection, selfie, method="photo", at=NOW, **SAID)
    now = datetime.now(UTC)
    with database.connection() as connection:
        request = approved_actions.request_acceptance(connection, selfie, method="photo", at=now, **SAID)
    with database.connection() as connection, pytest.raises(ClockSkew):
        approved_actions.approve(
            connection,
            request,
            packs=PACKS,
            actor="clerk-2",
            reason="x",
            at=now + timedelta(hours=1),
        )
