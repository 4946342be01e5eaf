"""From the request to the certificate: kept while the law demands it, then gone in every copy."""

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from dumping import dumped
from psycopg.errors import IntegrityConstraintViolation, RestrictViolation
from shipped import PACKS

import emoney.kyc.tables  # noqa: F401  the rotation goes over their sealed columns
from emoney.kyc import Enrolment
from emoney.kyc.evidence import person as persons
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import NewEvidence
from emoney.kyc.parties.settings import parties
from emoney.kyc.persons import erasure as erasing
from emoney.kyc.persons.rectification import Rectification
from emoney.kyc.wallets.restrictions import downgrades
from emoney.ledger import Database, Ledger, account_changes
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.table import Table
from emoney.ledger.proofs import SigningKey, audit, seal
from emoney.ledger.reports.trial_balance import trial_balance
from emoney.ledger.two_persons import NotApproved, SamePerson
from emoney.privacy import Purpose, Sealed, SealedField, Vault, open_keyring
from emoney.privacy.erasure import certificates, erasure
from emoney.privacy.errors import (
    InvalidDataRequest,
    KeptByLaw,
    KeyDestroyed,
    KeyUnavailable,
    ProcessingRestricted,
)
from emoney.privacy.keys.control import DESTROY, Ended, KeyControl
from emoney.privacy.keys.events import KeyKind
from emoney.privacy.keys.subject_keys import subject_context
from emoney.privacy.pseudonyms import domains as pseudonyms
from emoney.privacy.pseudonyms.domains import Pseudonyms
from emoney.privacy.rights import requests as rights
from emoney.privacy.rights.requests import DataRequest, Kind, RequestState
from emoney.privacy.rotation.rotation import Rotation
from emoney.privacy.vault.vault import Place

START = datetime(2026, 6, 10, 12, tzinfo=UTC)
EXPIRY = date(2031, 6, 10)
AFTER = datetime(2031, 7, 2, 9, tzinfo=UTC)
MONTH = date(2031, 6, 1)
_COUNTED = {
    "kyc.rectification": 2,
    "kyc.person_version": 1,
    "ledger.request": 1,
    "privacy.pseudonym_token": 1,
}


@dataclass
class Moving:
    """A clock that the test moves."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Office:
    """An installation with a clock, and the steps that its staff takes."""

    database: Database
    vault: Vault
    desk: Enrolment
    clock: Moving
    home: Path
    people: dict[str, UUID] = field(default_factory=dict)

    def enrol(self, ref: str, **other: Any) -> UUID:
        details = {
            "external_ref": ref,
            "currency": "GHS",
            "name": f"Planted {ref}",
            "birth_date": "1987-03-14",
            "phone": f"+23324477{1000 + len(self.people)}",
        }
        enrolled = self.desk.enrol(details | other)
        self.people[ref] = enrolled.person_id
        return enrolled.account_id

    def close(self, account: UUID) -> None:
        account_changes.close(Ledger(self.database, self.clock), account, actor="clerk-1", reason="asked for")

    def ask(self, ref: str) -> DataRequest:
        with self.database.connection() as connection:
            person = persons.find(connection, ref)
            return erasing.ask_for_erasure(
                connection, self.vault, person, packs=PACKS, actor="dpo-1", at=self.clock()
            )

    def ended(self, ref: str) -> DataRequest:
        """A person whose wallet is closed, and who asked to be erased."""
        self.close(self.enrol(ref))
        return self.ask(ref)

    def agree(self, month: date = MONTH) -> None:
        with self.database.connection() as connection:
            asked = erasure.ask(connection, self.vault, month, actor="retention")
        with self.database.connection() as connection:
            for each in asked:
                if not each.approved:
                    self.vault.control.approve(connection, each.request_id, actor="dpo-2")

    def execute(self, month: date = MONTH) -> list[erasure.Erased]:
        with self.database.connection() as connection:
            return erasure.execute(connection, self.vault, month, erasing.remove, actor="retention")

    def ask_release(self, hold: UUID) -> None:
        with self.database.connection() as connection:
            rights.ask_release(connection, hold, actor="legal-0", reason="lifted", at=self.clock())

    def kill(self) -> None:
        """An erasure that ends between what the provider does and the commit."""

        class Killed(BaseException):
            pass

        def end(control: KeyControl, ended: Ended) -> bool:
            real(control, ended)
            raise Killed

        real = KeyControl.end_at_provider
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(KeyControl, "end_at_provider", end)
            with pytest.raises(Killed):
                self.execute()

    def name(self, ref: str, purpose: str) -> str:
        person = self.people[ref]
        with self.database.connection() as connection:
            row = connection.execute("SELECT name FROM kyc.person WHERE id = %s", (person,)).fetchone()
            assert row is not None
            item = SealedField(person, Place("kyc.person", "name", person), Sealed(row[0]))
            [name] = self.vault.open(connection, [item], purpose=purpose, actor="clerk-1")
        return name

    def state(self, request: DataRequest) -> RequestState:
        with self.database.connection() as connection:
            return rights.find(connection, request.id).state


@pytest.fixture
def office(database: Database, home: Path) -> Office:
    clock = Moving()
    with database.connection() as connection:
        vault = Vault(open_keyring(home, connection, clock), clock)
    return Office(database, vault, Enrolment(database, vault, clock, packs=PACKS), clock, home)


# The answer.


def test_a_customer_is_kept_and_nothing_is_restricted_yet(office: Office) -> None:
    office.enrol("P-1")
    request = office.ask("P-1")
    assert (request.kind, request.state, request.keep_until) == (Kind.ERASURE, RequestState.KEPT, None)
    assert "relationship goes on" in request.ground
    assert request.due_on == date(2026, 7, 10)
    assert office.name("P-1", Purpose.CUSTOMER_SERVICE) == "Planted P-1"
    with pytest.raises(InvalidDataRequest, match="open already"):
        office.ask("P-1")


def test_with_the_relationship_over_the_duty_is_named_and_processing_restricted_to_it(office: Office) -> None:
    request = office.ended("P-1")
    assert (request.state, request.keep_until, request.source) == (
        RequestState.KEPT,
        EXPIRY,
        "FATF Recommendation 11",
    )
    with pytest.raises(ProcessingRestricted):
        office.name("P-1", Purpose.CUSTOMER_SERVICE)
    assert office.name("P-1", Purpose.AUTHORITY_REQUEST) == "Planted P-1"
    with office.database.connection() as connection:
        [restricted] = rights.restricted(connection, request.subjects)
        logged = connection.execute("SELECT purpose FROM privacy.opening").fetchall()
    assert restricted.purposes == tuple(sorted(erasing.DUTY_PURPOSES))
    assert logged == [("authority request",)]


def test_a_relationship_that_ends_later_is_looked_at_again(office: Office) -> None:
    account = office.enrol("P-1")
    request = office.ask("P-1")
    office.clock.now += timedelta(days=10)
    with office.database.connection() as connection:
        assert (
            erasing.review_erasures(
                connection, office.vault, packs=PACKS, actor="retention", at=office.clock()
            )
            == []
        )
    office.close(account)
    with office.database.connection() as connection:
        [changed] = erasing.review_erasures(
            connection, office.vault, packs=PACKS, actor="retention", at=office.clock()
        )
    assert (changed.id, changed.keep_until) == (request.id, date(2031, 6, 20))


def test_who_never_asks_is_put_on_the_way_when_the_relationship_ends(office: Office) -> None:
    office.enrol("P-1")
    office.close(office.enrol("P-2"))
    with office.database.connection() as connection:
        [begun] = erasing.sweep(connection, office.vault, packs=PACKS, actor="retention", at=office.clock())
        assert (
            erasing.sweep(connection, office.vault, packs=PACKS, actor="retention", at=office.clock()) == []
        )
    assert (begun.subject, begun.keep_until) == (office.people["P-2"], EXPIRY)
    office.clock.now = AFTER
    office.agree()
    assert [each.request_id for each in office.execute()] == [begun.id]


def test_linked_records_end_together(office: Office) -> None:
    first, second = office.enrol("P-1"), office.enrol("P-2")
    with psycopg.connect(office.database.url) as owner:
        owner.execute(
            "UPDATE kyc.person SET holder_id = %s WHERE id = %s", (office.people["P-1"], office.people["P-2"])
        )
    office.close(first)
    assert office.ask("P-2").keep_until is None  # the other wallet is open
    office.close(second)
    with office.database.connection() as connection:
        [request] = erasing.review_erasures(
            connection, office.vault, packs=PACKS, actor="retention", at=office.clock()
        )
    assert set(request.subjects) == set(office.people.values())
    office.clock.now = AFTER
    office.agree()
    office.execute()
    with office.database.connection() as connection:
        assert connection.execute("SELECT count(*) FROM kyc.person").fetchone() == (0,)


def test_whoever_opens_an_account_again_is_not_erased(office: Office) -> None:
    request = office.ended("P-1")
    person = office.people["P-1"]
    with psycopg.connect(office.database.url) as owner:
        owner.execute(
            "UPDATE ledger.account SET holder = %s WHERE id = (SELECT account_id FROM kyc.wallet)", (person,)
        )
    account = office.enrol("P-2")
    with psycopg.connect(office.database.url) as owner:
        owner.execute("ALTER TABLE kyc.wallet DISABLE TRIGGER USER")
        owner.execute("UPDATE kyc.wallet SET person_id = %s WHERE account_id = %s", (person, account))
        owner.execute("ALTER TABLE kyc.wallet ENABLE TRIGGER USER")
    office.clock.now = AFTER
    office.agree()
    with pytest.raises(InvalidDataRequest, match="open account"):
        office.execute()
    assert office.state(request) is RequestState.KEPT


def test_a_guardian_is_kept_as_long_as_the_minors_records(office: Office) -> None:
    office.close(office.enrol("G-1"))
    with office.database.connection() as connection:
        guardian = persons.find(connection, "G-1")
    minor = office.enrol("M-1")
    with psycopg.connect(office.database.url) as owner:
        owner.execute(
            "INSERT INTO kyc.guardianship"
            " (id, minor_id, guardian_id, authority, until_year, recorded_by, recorded_at)"
            " VALUES (%s, %s, %s, 'parent', 2030, 'clerk-1', %s)",
            (new_id(), office.people["M-1"], guardian.id, START),
        )
    assert office.ask("G-1").keep_until is None
    assert minor


def test_a_request_that_is_taken_back_restricts_nothing(office: Office) -> None:
    request = office.ended("P-1")
    with office.database.connection() as connection:
        erasing.withdraw_erasure(
            connection, office.vault, request.id, ground="asked to stay", actor="dpo-1", at=office.clock()
        )
    assert office.name("P-1", Purpose.CUSTOMER_SERVICE) == "Planted P-1"
    office.clock.now = AFTER
    with pytest.raises(KeptByLaw, match="Nothing"):
        office.agree()
    assert office.state(request) is RequestState.WITHDRAWN


# The end.


def test_nothing_is_erased_before_the_month_is_over(office: Office) -> None:
    office.ended("P-1")
    office.clock.now = datetime(2031, 6, 30, 23, tzinfo=UTC)
    with pytest.raises(KeptByLaw, match="not over"):
        office.agree()


def test_two_must_agree(office: Office) -> None:
    request = office.ended("P-1")
    office.clock.now = AFTER
    with office.database.connection() as connection:
        [asked] = erasure.ask(connection, office.vault, MONTH, actor="retention")
    with pytest.raises(NotApproved):
        office.execute()
    with office.database.connection() as connection, pytest.raises(NotApproved):
        office.vault.control.approve(connection, asked.request_id, actor="Retention")
    assert office.state(request) is RequestState.KEPT
    assert office.name("P-1", Purpose.AUTHORITY_REQUEST) == "Planted P-1"


def test_at_expiry_all_rows_go_keys_end_and_the_books_still_balance(
    office: Office, owner_url: str, home: Path
) -> None:
    other = office.enrol("P-2", phone="+233244771902")
    request = office.ended("P-1")
    person = office.people["P-1"]
    with office.database.connection() as connection:
        sealed = connection.execute("SELECT name FROM kyc.person WHERE id = %s", (person,)).fetchone()
    assert sealed is not None
    signer = SigningKey.create(home, "emoney.test/log")
    seal(office.database, signer)
    office.clock.now = AFTER
    office.agree()
    [erased] = office.execute()
    with office.database.connection() as connection:
        found = rights.find(connection, request.id)
        [certificate] = connection.execute("SELECT content FROM privacy.destruction_certificate").fetchall()
        content = certificate[0]
        rows = connection.execute("SELECT id FROM kyc.person").fetchall()
        wallets = connection.execute("SELECT person_id FROM kyc.wallet ORDER BY person_id").fetchall()
        states = connection.execute(
            "SELECT DISTINCT state, wrapped IS NULL FROM privacy.subject_key WHERE subject = %s", (person,)
        ).fetchall()
    with office.database.connection() as connection:
        assert trial_balance(connection).balanced
    assert found.state is RequestState.ERASED
    assert rows == [(office.people["P-2"],)]
    assert wallets == [(office.people["P-2"],), (None,)]
    assert states == [("destroyed", True)]
    assert content["subjects"] == [str(person)]
    assert content["rows"]["kyc.person"] == 1
    assert content["rows"]["kyc.evidence"] >= 1
    assert content["marks"] == [b64encode(bytes(sealed[0])[10:42]).decode()]
    assert other
    # the key is gone at the provider, too: what a backup held of it is of no use
    months = [each["id"] for each in content["key_encryption_keys"] if each["destroyed_at"]]
    assert len(months) == 1
    with pytest.raises(KeyUnavailable):
        office.vault.providers.now.wrap(bytes(32), kek=months[0], context=b"")
    # and the proof log holds against the database
    seal(office.database, signer)
    with office.database.connection() as connection:
        assert audit(connection, signer.public).findings == []
    # one key above it from before the request still lives, and the certificate says so
    assert erased.complete is content["complete"] is False


def test_it_is_complete_once_every_key_above_was_destroyed(office: Office) -> None:
    office.enrol("P-2")
    office.ended("P-1")
    Rotation(office.database, office.vault, Table.metadata).rewrap(actor="ops")
    with office.database.connection() as connection:
        [old] = connection.execute(
            "SELECT id FROM privacy.kek"
            " WHERE state = 'decrypt-only' AND expires_month IS NULL AND use = 'wrap subject keys'"
        ).fetchall()
        request = office.vault.control.request(
            connection, DESTROY, KeyKind.KEK, old[0], actor="ops", reason="rotated"
        )
        office.vault.control.approve(connection, request, actor="dpo-2")
        office.vault.control.destroy(connection, request)
    office.clock.now = AFTER
    office.agree()
    [erased] = office.execute()
    assert erased.complete
    with office.database.connection() as connection:
        certificate = certificates.find(connection, erased.request_id)
        assert [each.wrong for each in certificates.check(connection, office.vault, certificate)] == [
            (),
            (),
            (),
        ]
    # a copy of the key file from before tells on it
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(office.vault.providers.now), "wrap", lambda *_, **__: b"")
        with office.database.connection() as connection:
            wrong = [each.wrong for each in certificates.check(connection, office.vault, certificate)]
    assert "still wraps" in wrong[1][0]


def test_what_a_certificate_claims_is_searched_for_in_a_dump_heap_and_log(
    office: Office, tmp_path: Path, server_url: str
) -> None:
    office.enrol("P-2")
    office.ended("P-1")
    person = office.people["P-1"]
    before = tmp_path / "before.sql"
    before.write_bytes(dumped(office.database.url))
    with office.database.connection() as connection:
        wrapped = connection.execute(
            "SELECT kek, wrapped FROM privacy.subject_key WHERE subject = %s", (person,)
        ).fetchall()
    office.clock.now = AFTER
    office.agree()
    [erased] = office.execute()
    with psycopg.connect(office.database.url, autocommit=True) as owner:
        for table in ("kyc.person", "privacy.subject_key", "privacy.sealed_row"):
            owner.execute(f"VACUUM FULL {table}")
        owner.execute("CHECKPOINT")
        data = Path(str(owner.execute("SHOW data_directory").fetchone()[0]))  # type: ignore[index]
        at = owner.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
        heap = data / "base" / str(at[0])  # type: ignore[index]
    after = tmp_path / "after.sql"
    after.write_bytes(dumped(office.database.url))
    with office.database.connection() as connection:
        certificate = certificates.find(connection, erased.certificate_id)
        checks = certificates.check(connection, office.vault, certificate)
    assert [bool(each.wrong) for each in checks] == [False, True, False]  # the first key above lives on here
    # the search finds the marks where they are, so it would find them elsewhere
    assert certificates.search(before, certificate).marks >= 1
    assert certificates.search(after, certificate).marks == 0
    assert certificates.search(heap, certificate).marks == 0
    # the write-ahead log still has the ciphertexts and the wrapped keys, and nothing opens them
    log = certificates.search(data / "pg_wal", certificate)
    assert log.marks >= 1
    for kek, key in wrapped:
        segments = sorted(path for path in (data / "pg_wal").iterdir() if path.is_file())
        remains = b"".join(piece for path in segments for piece in certificates.pieces(path))
        assert bytes(key)[2:] in remains  # what is equal before and after an update is logged once
        with pytest.raises(KeyUnavailable):
            office.vault.providers.now.unwrap(bytes(key), kek=kek, context=subject_context(person, 1))


def test_a_certificate_whose_claims_are_not_so_is_told(office: Office) -> None:
    office.ended("P-1")
    office.clock.now = AFTER
    office.agree()
    [erased] = office.execute()
    with psycopg.connect(office.database.url) as owner:
        owner.execute(
            "INSERT INTO kyc.person (id, external_ref, kind, enrolled_at)"
            " VALUES (%s, 'back', 'natural', now())",
            (office.people["P-1"],),
        )
    with office.database.connection() as connection:
        certificate = certificates.find(connection, erased.certificate_id)
        rows = certificates.check(connection, office.vault, certificate)[2]
    assert rows.wrong == ("kyc.person.id names them in 1 rows",)


def test_a_legal_hold_blocks_it_until_another_person_releases_it(office: Office) -> None:
    request = office.ended("P-1")
    person = office.people["P-1"]
    with office.database.connection() as connection:
        hold = rights.place_hold(
            connection, person, reference="court 17/2031", actor="legal-1", at=office.clock()
        )
    office.clock.now = AFTER
    with pytest.raises(KeptByLaw, match="Nothing"):
        office.agree()
    with pytest.raises(KeptByLaw):
        office.execute()
    office.ask_release(hold)
    with (
        office.database.connection() as connection,
        pytest.raises(SamePerson, match="another person"),
    ):
        rights.release_hold(connection, hold, actor="Legal-1", at=office.clock())
    with office.database.connection() as connection:
        assert rights.release_hold(connection, hold, actor="legal-2", at=office.clock()) == person
    office.agree()
    assert [each.request_id for each in office.execute()] == [request.id]


def test_a_hold_that_comes_after_the_agreement_still_blocks(office: Office) -> None:
    first, second = office.ended("P-1"), office.ended("P-2")
    office.clock.now = AFTER
    office.agree()
    with office.database.connection() as connection:
        rights.place_hold(
            connection, office.people["P-1"], reference="c 1", actor="legal-1", at=office.clock()
        )
    assert [each.request_id for each in office.execute()] == [second.id]
    assert office.state(first) is RequestState.KEPT
    assert office.name("P-1", Purpose.AUTHORITY_REQUEST) == "Planted P-1"


def test_a_run_killed_after_the_provider_destroyed_the_key_is_finished_by_the_next(office: Office) -> None:
    request = office.ended("P-1")
    office.clock.now = AFTER
    office.agree()

    office.kill()
    assert office.state(request) is RequestState.KEPT
    with pytest.raises(KeyUnavailable):
        office.name("P-1", Purpose.AUTHORITY_REQUEST)
    [erased] = office.execute()
    assert (erased.request_id, erased.resumed) == (request.id, True)
    assert office.state(request) is RequestState.ERASED


def test_whoever_is_held_after_a_killed_run_does_not_stand_in_the_others_way(office: Office) -> None:
    held, other = office.ended("P-1"), office.ended("P-2")
    office.clock.now = AFTER
    office.agree()
    office.kill()
    with office.database.connection() as connection:
        hold = rights.place_hold(
            connection, office.people["P-1"], reference="c 1", actor="legal-1", at=office.clock()
        )
    [erased] = office.execute()
    assert (erased.request_id, erased.resumed, office.state(held)) == (other.id, True, RequestState.KEPT)
    with pytest.raises(KeyDestroyed):  # what is held is there; the key was gone before the hold came
        office.name("P-1", Purpose.AUTHORITY_REQUEST)
    office.ask_release(hold)
    with office.database.connection() as connection:
        rights.release_hold(connection, hold, actor="legal-2", at=office.clock())
    assert [each.request_id for each in office.execute()] == [held.id]
    assert office.state(held) is RequestState.ERASED


def test_whoever_is_released_after_a_killed_run_gets_another_key_that_two_agree_to_end(
    office: Office,
) -> None:
    held, other = office.ended("P-1"), office.ended("P-2")
    with office.database.connection() as connection:
        hold = rights.place_hold(
            connection, office.people["P-1"], reference="c 1", actor="legal-1", at=office.clock()
        )
    office.clock.now = AFTER
    office.agree()
    office.kill()
    office.ask_release(hold)
    with office.database.connection() as connection:
        rights.release_hold(connection, hold, actor="legal-2", at=office.clock())
    with pytest.raises(NotApproved):
        office.execute()
    assert office.name("P-1", Purpose.AUTHORITY_REQUEST) == "Planted P-1"
    office.agree()
    assert {each.request_id for each in office.execute()} == {held.id, other.id}
    assert office.state(held) is office.state(other) is RequestState.ERASED


def test_a_database_from_an_older_backup_opens_and_is_erased_again(office: Office, home: Path) -> None:
    """As one in which the destruction never was. Of a destroyed key the keyring knows, of a lost one not."""
    office.enrol("P-2")
    office.ended("P-1")
    office.clock.now = AFTER
    office.agree()
    office.kill()
    with office.database.connection() as connection:
        office.vault = Vault(open_keyring(home, connection, office.clock), office.clock)
    assert office.name("P-2", Purpose.CUSTOMER_SERVICE) == "Planted P-2"
    [erased] = office.execute()
    assert erased.resumed


def test_rectifications_and_tokens_go_too(office: Office) -> None:
    account = office.enrol("P-1")
    office.enrol("P-2")
    person, other = office.people["P-1"], office.people["P-2"]
    study = Pseudonyms(office.vault.providers, "study", office.clock)
    rectification = Rectification(office.vault, PACKS, downgrades(), parties())
    said: dict[str, Any] = {"actor": "clerk-1", "reason": "the holder wrote", "at": office.clock()}
    with office.database.connection() as connection:
        study.create(connection, purpose="a study", reversible=True, actor="dpo-1")
        tokens = study.of(connection, [person, other])
        subject = persons.find(connection, "P-1")
        rectification.ask(connection, subject, {"name": "Planted Corrected"}, **said)
        new = NewEvidence(person, "phone", evidence_records.EvidenceState.REGISTRY_VERIFIED, "register")
        evidence_records.record(connection, [new], provider="registry", **said)
        two = rectification.ask(connection, subject, {"name": "Planted Twice"}, **said)
        assert two.request is not None  # waits for a second person, and never gets one
    office.close(account)
    office.ask("P-1")
    office.clock.now = AFTER
    office.agree()
    [erased] = office.execute()
    with office.database.connection() as connection:
        certificate = certificates.find(connection, erased.certificate_id)
        left = [
            connection.execute(f"SELECT count(*) FROM {table} WHERE {about}").fetchone()
            for table, about in (
                ("kyc.rectification", "true"),
                ("kyc.person_version", "true"),
                ("ledger.request", "action = 'rectification'"),
            )
        ]
        rows = certificates.check(connection, office.vault, certificate)[2]
        assert pseudonyms.held(connection, [person]) == 0
        assert study.of(connection, [other]) == {other: tokens[other]}
    assert left == [(0,)] * 3
    assert rows.wrong == ()
    counted = {name: certificate.content["rows"].get(name) for name in _COUNTED}
    assert counted == _COUNTED


def test_a_token_that_was_made_after_the_erasure_is_told(office: Office) -> None:
    office.ended("P-1")
    person = office.people["P-1"]
    office.clock.now = AFTER
    office.agree()
    [erased] = office.execute()
    study = Pseudonyms(office.vault.providers, "study", office.clock)
    with office.database.connection() as connection:
        study.create(connection, purpose="a study", reversible=True, actor="dpo-1")
        assert study.of(connection, [person]) == {}  # still restricted
        rights.lift(connection, [person], ground="by mistake", actor="dpo-1", at=AFTER)
        study.of(connection, [person])
        certificate = certificates.find(connection, erased.certificate_id)
        for _ in range(2):  # counting forgets nothing
            rows = certificates.check(connection, office.vault, certificate)[2]
            assert rows.wrong == ("privacy.pseudonym_token.subject names them in 1 rows",)


def test_an_erased_persons_reference_may_be_enrolled_again_but_never_under_the_old_key(
    office: Office,
) -> None:
    office.ended("P-1")
    office.clock.now = AFTER
    office.agree()
    office.execute()
    with office.database.connection() as connection, pytest.raises(KeyDestroyed):
        office.vault.seal(
            connection, subject=office.people["P-1"], place=Place("kyc.person", "name", new_id()), value="x"
        )


# What the database itself refuses.


@pytest.mark.parametrize("table", ["person", "evidence", "evidence_state", "review"])
def test_no_row_is_removed_without_an_erasure(office: Office, owner_url: str, table: str) -> None:
    office.ended("P-1")
    for url in (owner_url, None):
        with (
            psycopg.connect(url) if url else office.database.connection() as connection,
            pytest.raises(RestrictViolation, match="only when a person"),
        ):
            connection.execute(f"DELETE FROM kyc.{table}")
    with office.database.connection() as connection, pytest.raises(RestrictViolation):
        connection.execute("UPDATE kyc.wallet SET person_id = NULL")


def test_rows_go_only_together_with_the_keys(office: Office) -> None:
    request = office.ended("P-1")
    person = office.people["P-1"]
    insert = "INSERT INTO privacy.destruction (subject, request_id, at) VALUES (%s, %s, %s)"
    with (
        office.database.connection() as connection,
        pytest.raises(IntegrityConstraintViolation, match="longer"),
    ):
        connection.execute(insert, (person, request.id, START))

    def remove() -> None:
        with office.database.connection() as connection:
            connection.execute(insert, (person, request.id, AFTER))
            erasing.remove(connection, [person])

    with pytest.raises(IntegrityConstraintViolation, match="together with its keys"):
        remove()
    with office.database.connection() as connection:
        assert connection.execute("SELECT count(*) FROM kyc.person").fetchone() == (1,)
