"""Parties: entities with owners, minors with guardians, agents, merchants, bearer instruments."""

from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shipped import PACKS

from emoney.kyc import Enrolment
from emoney.kyc.errors import (
    InvalidGuardian,
    InvalidOwnership,
    InvalidPerson,
    NotIdentified,
    NoTier,
    ReferenceTaken,
    UnfitAccount,
)
from emoney.kyc.evidence import person as persons
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import EvidenceState, NewEvidence
from emoney.kyc.parties import businesses, guardians, ownership
from emoney.kyc.parties.businesses import Role
from emoney.kyc.parties.ownership import Owner
from emoney.kyc.parties.settings import parties
from emoney.kyc.wallets import bearer
from emoney.ledger import Database
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.transfers.chart import AccountKind
from emoney.privacy import Vault

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
CHILD = {"external_ref": "M-1", "currency": "GHS", "phone": "+233244771903", "birth_date": "2010-06-11"}


@pytest.fixture
def guardian(desk: Enrolment, database: Database, ama: dict[str, Any]) -> Any:
    enrolled = desk.enrol(ama)
    verify(database, enrolled.person_id)
    return enrolled


def verify(database: Database, person: UUID) -> None:
    with database.connection() as connection:
        new = NewEvidence(person, "id_document", EvidenceState.REGISTRY_VERIFIED, "register")
        evidence_records.record(connection, [new], actor="desk", reason="asked", at=NOW, provider="registry")


def test_a_minor_has_a_verified_adult_who_answers(desk: Enrolment, database: Database, guardian: Any) -> None:
    minor = desk.enrol(CHILD | {"guardian": "P-1"})
    with database.connection() as connection:
        [row] = guardians.of_minor(connection, minor.person_id)
        assert (row["guardian"], row["ended_at"]) == (guardian.person_id, None)
        year = connection.execute("SELECT until_year FROM kyc.guardianship").fetchone()
        assert year == (2028,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "a minor needs one"),
        ({"guardian": "P-9"}, "nobody is enrolled under this reference"),
        ({"guardian": "P-1", "birth_date": "2008-06-10"}, "is for minors, and birth_date is of an adult"),
        ({"guardian": "P-1", "birth_date": None}, "give the birth_date"),
        ({"guardian": "P-2"}, "is not verified yet"),
        ({"guardian": "M-0"}, "is not of age"),
        ({"guardian": "A-1"}, "must be a natural person whose birth date is on record"),
        ({"guardian": "E-1"}, "must be a natural person"),
        ({"guardian": "Ama Serwaa"}, "guardian: must be the external_ref"),
    ],
)
def test_who_may_not_answer(
    desk: Enrolment,
    database: Database,
    ama: dict[str, Any],
    guardian: Any,
    change: dict[str, Any],
    said: str,
    count: Any,
) -> None:
    desk.enrol(ama | {"external_ref": "P-2"})
    desk.enrol({"external_ref": "A-1", "currency": "EUR"})
    desk.enrol(
        CHILD | {"external_ref": "M-0", "guardian": "P-1", "id_kind": "passport", "id_number": "G1234567"}
    )
    desk.enrol(entity("E-1"))
    before = count("kyc.person")
    with pytest.raises(InvalidPerson, match=said):
        desk.enrol(CHILD | change)
    assert count("kyc.person") == before


def test_the_day_of_majority_is_local_and_exact(desk: Enrolment, guardian: Any) -> None:
    settled = parties()
    assert settled.of_age_on(date(2008, 2, 29), "x") == date(2026, 3, 1)
    assert settled.of_age_on(date(2008, 6, 10), "x") == date(2026, 6, 10)
    desk.enrol(CHILD | {"birth_date": "2008-06-10"})  # of age today
    with pytest.raises(InvalidGuardian):
        desk.enrol(CHILD | {"external_ref": "M-2", "birth_date": "2008-06-11"})


def test_one_who_comes_of_age_needs_no_guardian_any_more(
    desk: Enrolment, database: Database, vault: Vault, guardian: Any
) -> None:
    minor = desk.enrol(CHILD | {"guardian": "P-1"})
    desk.enrol(CHILD | {"external_ref": "M-2", "birth_date": "2015-01-01", "guardian": "P-1"})

    def grown(at: datetime) -> list[UUID]:
        with database.connection() as connection:
            found, _ = guardians.come_of_age(connection, vault, parties=parties(), at=at)
            return found

    assert grown(datetime(2027, 12, 31, tzinfo=UTC)) == []
    assert grown(datetime(2028, 6, 10, tzinfo=UTC)) == []
    assert grown(datetime(2028, 6, 11, tzinfo=UTC)) == [minor.person_id]
    assert grown(datetime(2028, 6, 12, tzinfo=UTC)) == []
    with database.connection() as connection:
        [row] = guardians.of_minor(connection, minor.person_id)
        assert row["ended_reason"] == "came of age"
        assert connection.execute("SELECT kind FROM ledger.event").fetchall() == [("person.came_of_age",)]


def test_no_more_minors_than_the_pack_lets_one_answer_for(
    desk: Enrolment, database: Database, guardian: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Two:
        minors = type("Minors", (), {"max_per_guardian": 2})

    original = guardians._demand_room
    monkeypatch.setattr(guardians, "_demand_room", lambda c, g, _tier: original(c, g, Two()))  # type: ignore[arg-type]
    for number in (1, 2):
        desk.enrol(CHILD | {"external_ref": f"M-{number}", "guardian": "P-1"})
    with pytest.raises(InvalidGuardian, match="answers for 2 minors; the pack lets one answer for 2"):
        desk.enrol(CHILD | {"external_ref": "M-3", "guardian": "P-1"})


def entity(ref: str, **changed: Any) -> dict[str, Any]:
    details = {
        "external_ref": ref,
        "currency": "GHS",
        "kind": "legal_entity",
        "name": f"Quartey {ref} Ltd",
        "id_kind": "company_registration",
        "id_number": f"CS{abs(hash(ref)) % 10**9:09d}",
        "phone": "+233302000001",
    }
    return details | changed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"birth_date": "1990-01-01"}, "a legal entity has no birth_date"),
        ({"name": None}, "has its registered name"),
        ({"kind": "trust"}, "kind: must be natural or legal_entity"),
    ],
)
def test_an_entity_has_a_name_and_a_registration(desk: Enrolment, change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidPerson, match=said):
        desk.enrol(entity("E-1", **change))


class Register:
    """Entities and persons by name, and their owners."""

    def __init__(self, desk: Enrolment, database: Database) -> None:
        self.desk, self.database = desk, database
        self.ids: dict[str, UUID] = {}

    def __getitem__(self, name: str) -> UUID:
        if name not in self.ids:
            person = entity(name) if name.startswith("E") else {"external_ref": name, "currency": "EUR"}
            self.ids[name] = self.desk.enrol(person).person_id
        return self.ids[name]

    def state(
        self, name: str, dispersed: int = 0, **owners: Any
    ) -> list[tuple[str, Fraction, tuple[str, ...]]]:
        stated = [
            Owner(self[owner], *((share,) if isinstance(share, int) else share))
            for owner, share in owners.items()
        ]
        entity_id = self[name]
        with self.database.connection() as connection:
            ownership.state(
                connection,
                entity_id,
                stated,
                dispersed_bp=dispersed,
                threshold_bp=2500,
                actor="clerk-1",
                reason="extract of the register",
                at=NOW,
            )
        return self.behind(name)

    def behind(self, name: str) -> list[tuple[str, Fraction, tuple[str, ...]]]:
        names = {person: ref for ref, person in self.ids.items()}
        with self.database.connection() as connection:
            found = ownership.beneficial_owners(connection, self[name], 2500)
        return sorted((names[each.person_id], each.share, each.grounds) for each in found)


@pytest.fixture
def register(desk: Enrolment, database: Database) -> Register:
    return Register(desk, database)


def test_who_owns_a_quarter_or_more(register: Register) -> None:
    found = register.state("E1", A=2500, B=2499, C=5001)
    assert found == [("A", Fraction(1, 4), ("share",)), ("C", Fraction(5001, 10000), ("share", "control"))]


def test_shares_multiply_along_and_add_up_over_the_ways(register: Register) -> None:
    register.state("E2", A=6000, B=4000)
    register.state("E3", A=1000, C=9000)
    found = register.state("E1", E2=4000, E3=2000, A=100, dispersed=3900)
    # A: 60 % of 40 % and 10 % of 20 % and 1 %
    assert found == [("A", Fraction(27, 100), ("share",))]


def test_control_goes_through_majorities(register: Register) -> None:
    register.state("E2", A=5100, B=4900)
    found = register.state("E1", E2=(1000, True), C=(2000, False, True), dispersed=7000)
    assert found == [("A", Fraction(51, 1000), ("control",))]


def test_where_no_one_owns_or_controls_the_senior_managers_stand(register: Register) -> None:
    found = register.state("E1", A=(0, False, True), B=100, dispersed=9900)
    assert found == [("A", Fraction(0), ("senior manager",))]


def test_a_new_statement_replaces_the_one_before(register: Register) -> None:
    register.state("E1", A=10_000)
    assert [each[0] for each in register.state("E1", B=10_000)] == ["B"]


@pytest.mark.parametrize(
    ("dispersed", "owners", "said"),
    [
        (0, {"A": 9999}, "add up to 99.99 %"),
        (1, {"A": 10_000}, "add up to 100.01 %"),
        (-1, {"A": 10_001}, "a share is 1 to 10000"),
        (0, {"A": 10_000, "B": 0}, "a share is 1 to 10000"),
        (0, {"E1": 10_000}, "goes in a circle"),
    ],
)
def test_a_statement_that_cannot_be(
    register: Register, dispersed: int, owners: dict[str, int], said: str
) -> None:
    with pytest.raises(InvalidOwnership, match=said):
        register.state("E1", dispersed, **owners)


def test_ownership_does_not_go_in_a_circle(register: Register) -> None:
    register.state("E1", E2=10_000)
    register.state("E2", E3=10_000)
    with pytest.raises(InvalidOwnership, match="circle"):
        register.state("E3", E1=10_000)


def test_the_database_adds_the_shares_up_itself(register: Register, database: Database) -> None:
    register.state("E1", A=10_000)
    with database.connection() as connection, pytest.raises(psycopg.errors.IntegrityError, match="add up"):
        connection.execute(
            "INSERT INTO kyc.ownership SELECT statement_id, %s, 5, false, false FROM kyc.ownership",
            (register["B"],),
        )


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=6))
def test_only_what_adds_up_is_whole(shares: list[int]) -> None:
    owners = [Owner(new_id(), share) for share in shares]
    try:
        ownership._demand_whole(owners, 10_000 - sum(shares))
        assert sum(shares) <= 10_000
    except InvalidOwnership:
        assert sum(shares) > 10_000


def test_an_entity_shows_its_owners_when_all_are_identified(
    register: Register, desk: Enrolment, database: Database, ama: dict[str, Any]
) -> None:
    def shown() -> frozenset[str]:
        with database.connection() as connection:
            return evidence_records.shown(evidence_records.of_person(connection, register["E1"]), NOW.date())

    register.ids["P"] = desk.enrol(ama).person_id
    register.state("E1", P=10_000)
    assert shown() == {"registration", "phone", "beneficial_owners"}
    register.state("E1", P=5000, A=5000)  # A shows nothing
    assert shown() == {"registration", "phone"}


def test_agents_and_merchants_are_identified_and_under_agents_only(
    desk: Enrolment, database: Database, ama: dict[str, Any]
) -> None:
    desk.enrol(ama)
    desk.enrol(entity("E-1"))
    desk.enrol({"external_ref": "A-1", "currency": "EUR"})

    def opened(name: str, role: Role, ref: str, under: UUID | None = None) -> UUID:
        with database.connection() as connection:
            person = persons.find(connection, name)
            return businesses.open_account(
                connection, person, role, "GHS", ref, actor="clerk-1", reason="contract", at=NOW, under=under
            )

    principal = opened("E-1", Role.AGENT, "agent-1")
    agent = opened("P-1", Role.AGENT, "agent-2", principal)
    shop = opened("P-1", Role.MERCHANT, "shop-1")
    with database.connection() as connection:
        assert accounts.get(connection, agent).kind is AccountKind.AGENT
        held = accounts.get(connection, shop)
        assert (held.kind, held.holder) == (
            AccountKind.MERCHANT,
            persons.find(connection, "P-1").id,
        )
        assert businesses.chain(connection, agent) == [principal]
    with pytest.raises(NotIdentified, match="id_document"):
        opened("A-1", Role.AGENT, "agent-3")
    with pytest.raises(UnfitAccount):
        opened("P-1", Role.AGENT, "agent-3", shop)
    with pytest.raises(UnfitAccount):
        opened("P-1", Role.MERCHANT, "shop-2", principal)
    with pytest.raises(ReferenceTaken):
        opened("P-1", Role.MERCHANT, "shop-1")


def test_a_bearer_instrument_has_no_person(database: Database, till: Any, count: Any) -> None:
    europe = PACKS.pack("eu-amld5-art12")
    with database.connection() as connection:
        card = bearer.issue(connection, europe, "anonymous_emoney", "card-1", at=NOW)
        assert accounts.get(connection, card).holder is None
        with pytest.raises(NoTier, match="is for no bearer: it asks for phone"):
            bearer.issue(connection, PACKS.pack("gh-bog-2024"), "minimum", "card-2", at=NOW)
    assert count("kyc.person") == 0
    assert till("EUR").load(card, "150.01").refusal.rule == "eu-amld5-art12/anonymous_emoney/balance"
