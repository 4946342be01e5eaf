"""Details are corrected: by two where something is verified, what they were is kept, and all follows."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from shipped import PACKS

from emoney.kyc import Enrolment, approved_actions
from emoney.kyc.errors import InvalidPerson
from emoney.kyc.evidence import person as persons
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import EvidenceState, NewEvidence
from emoney.kyc.parties import guardians
from emoney.kyc.parties.settings import parties
from emoney.kyc.persons import duplicates
from emoney.kyc.persons.rectification import Asked, Rectification, versions
from emoney.kyc.wallets.restrictions import downgrades
from emoney.ledger import Database
from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.two_persons import Request, SamePerson
from emoney.privacy import Place, Sealed, SealedField, Vault
from emoney.privacy.errors import CannotOpen

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
SAID: dict[str, Any] = {"actor": "clerk-1", "reason": "the holder wrote", "at": NOW}


class Office:
    """Rectifies, and looks at what is stored."""

    def __init__(self, desk: Enrolment, database: Database, vault: Vault) -> None:
        self.desk, self.database, self.vault = desk, database, vault
        self.rectification = Rectification(vault, PACKS, downgrades(), parties())

    def ask(self, ref: str, changes: Any, **said: Any) -> Asked:
        with self.database.connection() as connection:
            person = persons.find(connection, ref)
            return self.rectification.ask(connection, person, changes, **(SAID | said))

    def approve(self, asked: Asked, actor: str = "clerk-2") -> Request:
        assert asked.request is not None
        with self.database.connection() as connection:
            return approved_actions.approve(
                connection,
                asked.request,
                packs=PACKS,
                actor=actor,
                reason="seen too",
                at=NOW,
                rectification=self.rectification,
            )

    def opened(self, table: str, row: UUID, person: UUID, column: str) -> str | None:
        with self.database.connection() as connection:
            [value] = connection.execute(
                f"SELECT {column} FROM {table} WHERE id = %s", (row,)
            ).fetchone() or ("",)
            if value is None:
                return None
            item = SealedField(person, Place(table, column, row), Sealed(value))
            return self.vault.open(connection, [item], purpose="customer due diligence", actor="test")[0]

    def now(self, person: UUID, column: str) -> str | None:
        return self.opened("kyc.person", person, person, column)

    def states(self, person: UUID) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        with self.database.connection() as connection:
            for each in evidence_records.of_person(connection, person):
                found.setdefault(each.kind, []).append(each.state)
        return found

    def tier(self, person: UUID) -> str:
        with self.database.connection() as connection:
            row = connection.execute("SELECT tier FROM kyc.wallet WHERE person_id = %s", (person,)).fetchone()
        assert row is not None
        return str(row[0])

    def verify(self, person: UUID, kind: str = "id_document") -> None:
        with self.database.connection() as connection:
            new = NewEvidence(
                person, kind, EvidenceState.REGISTRY_VERIFIED, "register", expires_on=date(2030, 1, 1)
            )
            evidence_records.record(connection, [new], provider="registry", **SAID)


@pytest.fixture
def office(desk: Enrolment, database: Database, vault: Vault) -> Office:
    return Office(desk, database, vault)


def test_an_unverified_detail_is_corrected_by_one_and_what_it_was_is_kept(
    office: Office, desk: Enrolment, database: Database, ama: dict[str, Any]
) -> None:
    person = desk.enrol(ama).person_id
    done = office.ask("P-1", {"address": " 2 Castle Road, Cape Coast", "phone": "+233 24 477 1999"})
    assert (done.fields, done.request) == (("phone", "address"), None)
    assert office.now(person, "address") == "2 Castle Road, Cape Coast"
    assert office.now(person, "phone") == "+233244771999"
    assert office.now(person, "name") == ama["name"]
    with database.connection() as connection:
        [told] = versions(connection, person)
        [kept] = connection.execute("SELECT id FROM kyc.person_version").fetchone() or (None,)
        events = connection.execute("SELECT kind, subject, payload FROM ledger.event").fetchall()
    assert (told.number, told.fields, told.actor, told.approval) == (1, ("phone", "address"), "clerk-1", None)
    assert office.opened("kyc.person_version", kept, person, "address") == ama["address"]
    assert office.opened("kyc.person_version", kept, person, "phone") == "+233244771902"
    assert office.opened("kyc.person_version", kept, person, "id_number") == ama["id_number"]
    assert events == [("person.rectified", person, {"fields": ["phone", "address"], "version": 2})]
    # only what rests on the phone was ended, and is captured again
    assert office.states(person)["phone"] == ["rejected", "captured"]
    assert office.states(person)["id_document"] == ["captured"]
    assert office.tier(person) == "medium"


def test_where_something_is_verified_it_takes_two(
    office: Office, desk: Enrolment, database: Database, ama: dict[str, Any]
) -> None:
    person = desk.enrol(ama).person_id
    office.verify(person)
    asked = office.ask("P-1", {"name": "Ama Serwaa Quartey-Mensah"})
    assert office.now(person, "name") == ama["name"]
    assert office.opened("kyc.rectification", asked.id, person, "name") == "Ama Serwaa Quartey-Mensah"
    with pytest.raises(SamePerson):
        office.approve(asked, actor="Clerk-1")
    office.approve(asked)
    assert office.now(person, "name") == "Ama Serwaa Quartey-Mensah"
    # the document bears another name now: it is to be verified again
    assert office.states(person)["id_document"] == ["rejected", "rejected", "captured"]
    assert office.states(person)["phone"] == ["captured"]
    with database.connection() as connection:
        [told] = versions(connection, person)
        last = [
            each for each in evidence_records.of_person(connection, person) if each.kind == "id_document"
        ][-1]
    assert (told.actor, told.approval, told.fields) == ("clerk-2", asked.request, ("name",))
    assert (last.kind, last.expires_on) == ("id_document", date(2030, 1, 1))  # the same document


def test_the_database_itself_wants_two_and_the_version_before(
    office: Office, desk: Enrolment, database: Database, ama: dict[str, Any], owner_url: str
) -> None:
    person = desk.enrol(ama).person_id
    office.ask("P-1", {"phone": "+233 24 477 1999"})
    office.verify(person)
    for statement, said in (
        ("UPDATE kyc.person SET details_version = 3", "was not kept"),
        (
            "INSERT INTO kyc.person_version (id, person_id, number, rectification_id, needs_two, fields,"
            " replaced_by, reason, replaced_at) SELECT gen_random_uuid(), person_id, 2, rectification_id,"
            " false, fields, replaced_by, reason, replaced_at FROM kyc.person_version",
            "takes two",
        ),
    ):
        with (
            pytest.raises(psycopg.errors.IntegrityConstraintViolation, match=said),
            database.connection() as connection,
        ):
            connection.execute(statement)
    with psycopg.connect(owner_url, autocommit=True) as owner:
        for change, said in (
            ("UPDATE kyc.person_version SET reason = 'x'", "append-only"),
            ("DELETE FROM kyc.person_version", "only when a person they are about is erased"),
            ("DELETE FROM kyc.rectification", "only when a person they are about is erased"),
            ("UPDATE kyc.rectification SET needs_two = false", "append-only"),
            ("TRUNCATE kyc.rectification CASCADE", "append-only"),
        ):
            with pytest.raises(psycopg.Error, match=said):
                owner.execute(change)


def test_what_was_asked_of_older_details_is_not_done(
    office: Office, desk: Enrolment, ama: dict[str, Any]
) -> None:
    person = desk.enrol(ama).person_id
    office.verify(person)
    first, second = office.ask("P-1", {"name": "Ama Quartey"}), office.ask("P-1", {"address": "Accra"})
    office.approve(first)
    with pytest.raises(InvalidRequest, match="have changed since this was asked for"):
        office.approve(second)
    assert office.now(person, "address") == ama["address"]


def test_an_address_that_is_corrected_loses_its_proof_and_the_tier(
    office: Office, desk: Enrolment, ama: dict[str, Any]
) -> None:
    person = desk.enrol(ama | {"evidence": ["address_proof"]}).person_id
    assert office.tier(person) == "enhanced"
    office.ask("P-1", {"address": "2 Castle Road"})
    assert office.states(person)["address_proof"] == ["rejected"]
    assert office.tier(person) == "medium"


def test_a_document_that_is_removed_or_replaced(office: Office, desk: Enrolment, ama: dict[str, Any]) -> None:
    person = desk.enrol(ama | {"id_expires_on": "2027-01-01"}).person_id
    office.ask("P-1", {"id_kind": "passport", "id_number": "G1234567", "id_expires_on": "2031-05-01"})
    with office.database.connection() as connection:
        new = evidence_records.of_person(connection, person)[-1]
    assert (new.kind, new.state, new.expires_on) == ("id_document", "captured", date(2031, 5, 1))
    office.ask("P-1", {"id_kind": None, "id_number": None})
    assert office.now(person, "id_number") is None
    assert office.tier(person) == "minimum"


def test_duplicates_are_found_by_what_is_true_now(
    office: Office, desk: Enrolment, database: Database, ama: dict[str, Any]
) -> None:
    other = {"external_ref": "P-2", "currency": "GHS", "phone": "+233201234567", "name": "Kofi Boateng"}
    desk.enrol(ama)
    desk.enrol(other)
    with database.connection() as connection:
        assert duplicates.open_pairs(connection, NOW) == []
    office.ask("P-2", {"phone": ama["phone"]})
    with database.connection() as connection:
        [pair] = duplicates.open_pairs(connection, NOW)
        assert pair.grounds == ("phone",)
    # the old number is nobody's any more
    desk.enrol(other | {"external_ref": "P-3", "name": "Esi Ansah"})
    with database.connection() as connection:
        assert len(duplicates.open_pairs(connection, NOW)) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "one JSON object with the fields that change"),
        ([], "one JSON object"),
        ({"external_ref": "P-9"}, "a field that cannot be rectified; those that can: name, birth_date"),
        ({"Ama Serwaa": 1}, "a field that cannot be rectified"),
        ({"phone": "024 477 1902"}, "phone: must be an international number"),
        ({"id_number": None}, "id_kind and id_number: give both or neither"),
        ({"birth_date": "2030-01-01"}, "birth_date: lies in the future"),
        ({"id_expires_on": "2026-06-09"}, "id_expires_on: the document has expired"),
        ({"birth_date": "2015-01-01"}, "is of a minor, for whom nobody answers"),
    ],
)
def test_what_cannot_be(
    office: Office, desk: Enrolment, ama: dict[str, Any], changes: Any, said: str, count: Any
) -> None:
    desk.enrol(ama)
    with pytest.raises(InvalidPerson, match=said) as refused:
        office.ask("P-1", changes)
    assert ama["name"] not in str(refused.value)
    assert count("kyc.rectification") == count("kyc.person_version") == 0


def test_nothing_to_change_is_said(office: Office, desk: Enrolment, ama: dict[str, Any]) -> None:
    desk.enrol(ama)
    with pytest.raises(InvalidRequest, match="nothing would change"):
        office.ask("P-1", {"phone": "+233-24-477-1902"})


def test_a_minor_whose_birth_date_is_corrected(
    office: Office, desk: Enrolment, database: Database, ama: dict[str, Any]
) -> None:
    guardian = desk.enrol(ama).person_id
    office.verify(guardian)
    child = {"external_ref": "M-1", "currency": "GHS", "phone": "+233244771903", "birth_date": "2010-06-11"}
    minor = desk.enrol(child | {"guardian": "P-1"}).person_id

    def years() -> list[tuple[int, bool]]:
        with database.connection() as connection:
            return connection.execute(
                "SELECT until_year, ended_at IS NULL FROM kyc.guardianship ORDER BY recorded_at, id"
            ).fetchall()

    office.ask("M-1", {"birth_date": "2011-06-11"}, at=NOW + timedelta(hours=1))
    assert years() == [(2028, False), (2029, True)]
    office.ask("M-1", {"birth_date": "2001-06-11"}, at=NOW + timedelta(hours=2))
    assert years() == [(2028, False), (2029, False)]
    with database.connection() as connection:
        assert guardians.guardian_of(connection, minor) is None


def test_an_old_value_is_bound_to_its_own_place(
    office: Office, desk: Enrolment, database: Database, ama: dict[str, Any]
) -> None:
    """What a person was called cannot be put back as what the person is called."""
    person = desk.enrol(ama).person_id
    office.ask("P-1", {"name": "Ama Quartey"})
    with database.connection() as connection:
        connection.execute("UPDATE kyc.person SET name = (SELECT name FROM kyc.person_version)")
    with pytest.raises(CannotOpen):
        office.now(person, "name")
