from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.proofs import SigningKey, audit, seal
from emoney.ledger.two_persons import RequestClosed, SamePerson
from emoney.privacy import Purpose, open_keyring
from emoney.privacy.errors import UnknownPurpose
from emoney.privacy.keys.keks import Providers
from emoney.privacy.pseudonyms import reidentification
from emoney.privacy.pseudonyms.domains import Pseudonyms, forget
from emoney.privacy.pseudonyms.errors import (
    NotReversible,
    UnknownDomain,
    UnknownPseudonym,
)

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def known(database: Database, home: Path, subject: UUID) -> str:
    """The token of `subject` in the domain `study`."""
    with database.connection() as connection:
        keyring = open_keyring(home, connection)
        study = Pseudonyms(Providers(keyring), "study")
        study.create(connection, purpose="a study", reversible=True, actor="dpo-1")
        Pseudonyms(Providers(keyring), "keyed").create(connection, purpose="a study", actor="dpo-1")
        Pseudonyms(Providers(keyring), "other").create(
            connection, purpose="a study", reversible=True, actor="dpo-1"
        )
        return study.of(connection, [subject, new_id()])[subject]


def ask(database: Database, token: str, domain: str = "study", **changed: object) -> UUID:
    given = {
        "purpose": Purpose.AUTHORITY_REQUEST,
        "reason": "order 7",
        "actor": "clerk-7",
        "at": NOW,
    } | changed
    with database.connection() as connection:
        return reidentification.request(connection, domain, token, **given)


def grant(database: Database, request: UUID, actor: str = "clerk-8", at: datetime = NOW) -> UUID:
    return reidentification.approve(database, request, actor=actor, reason="checked", at=at)


def test_a_second_person_learns_the_subject_and_it_is_recorded(
    database: Database, known: str, subject: UUID
) -> None:
    request = ask(database, known)
    assert grant(database, request) == subject
    with database.connection() as connection:
        [seen] = reidentification.every(connection)
        [(logged,)] = connection.execute("SELECT subject FROM privacy.reidentification").fetchall()
    assert (seen.requested_by, seen.decided_by, seen.outcome) == ("clerk-7", "clerk-8", "approved")
    assert (seen.purpose, seen.reason, seen.disclosed_at) == ("authority request", "order 7", NOW)
    assert logged == subject


@pytest.mark.parametrize("again", ["clerk-7", "CLERK-7"])
def test_who_asks_cannot_decide(database: Database, known: str, again: str) -> None:
    request = ask(database, known)
    with pytest.raises(SamePerson):
        grant(database, request, actor=again)
    with pytest.raises(SamePerson), database.connection() as connection:
        reidentification.reject(connection, request, actor=again, reason="no", at=NOW)


def test_the_database_itself_demands_the_second_person_and_the_decision(
    database: Database, known: str
) -> None:
    request = ask(database, known)
    with database.connection() as connection:
        row = connection.execute("SELECT privacy.reidentify_v1(%s, %s)", (request, NOW)).fetchone()
        assert row == (None,)
    columns = (
        "request_id, action, asked_by, requested_at, expires_at, kept, outcome, actor, reason, decided_at"
    )
    for asked_by, decided_by in (("clerk-7", "clerk-7"), ("clerk-9", "clerk-7")):
        with pytest.raises(psycopg.errors.IntegrityError), database.connection() as connection:
            connection.execute(
                f"INSERT INTO ledger.request_decision ({columns})"
                " VALUES (%s, 'reidentification', %s, %s, %s, true, 'approved', %s, 'x', %s)",
                (request, asked_by, NOW, NOW + timedelta(days=7), decided_by, NOW),
            )


@pytest.mark.parametrize(
    "table",
    ["ledger.request", "ledger.request_decision", "ledger.request_done", "privacy.reidentification"],
)
def test_what_is_recorded_stays_even_from_its_owner(
    database: Database, owner_url: str, known: str, table: str
) -> None:
    grant(database, ask(database, known))
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with (
            psycopg.connect(owner_url) as owner,
            pytest.raises(psycopg.Error, match=r"append-only|refuse|change"),
        ):
            owner.execute(statement)
        with (
            pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation)),
            database.connection() as connection,
        ):
            connection.execute(statement)


def test_a_request_is_decided_once_and_in_its_time(database: Database, known: str) -> None:
    request = ask(database, known)
    with pytest.raises(RequestClosed, match="expired"):
        grant(database, request, at=NOW + timedelta(days=7))
    grant(database, request)
    with pytest.raises(RequestClosed, match="already"):
        grant(database, request)
    with pytest.raises(InvalidRequest, match="no request"):
        grant(database, new_id())


def test_a_rejected_request_discloses_nothing(database: Database, known: str) -> None:
    request = ask(database, known)
    with database.connection() as connection:
        reidentification.reject(connection, request, actor="clerk-8", reason="no order", at=NOW)
        assert connection.execute("SELECT privacy.reidentify_v1(%s, %s)", (request, NOW)).fetchone() == (
            None,
        )
    with pytest.raises(RequestClosed):
        grant(database, request)


@pytest.mark.parametrize("domain", ["study", "other"])
def test_a_token_the_domain_never_gave_out_is_refused(database: Database, known: str, domain: str) -> None:
    with pytest.raises(UnknownPseudonym):
        ask(database, "0" * 32 if domain == "study" else known, domain)
    with database.connection() as connection:
        assert reidentification.every(connection) == []


def test_who_reads_the_subject_and_rolls_back_leaves_both_names_behind(
    database: Database, known: str, subject: UUID
) -> None:
    request = ask(database, known)
    decide = (
        "INSERT INTO ledger.request_decision (request_id, action, asked_by, requested_at, expires_at, kept,"
        " outcome, actor, reason, decided_at)"
        " VALUES (%s, 'reidentification', 'clerk-7', %s, %s, true, 'approved', 'clerk-8', 'x', %s)"
    )
    with database.connection() as connection:
        connection.execute(decide, (request, NOW, NOW + timedelta(days=7), NOW))
        disclosed = connection.execute("SELECT privacy.reidentify_v1(%s, %s)", (request, NOW)).fetchone()
        assert disclosed == (None,), "the decision is not committed yet"
    with database.connection() as connection:
        disclosed = connection.execute("SELECT privacy.reidentify_v1(%s, %s)", (request, NOW)).fetchone()
        assert disclosed == (subject,)
        connection.rollback()
    with database.connection() as connection:
        [seen] = reidentification.every(connection)
    assert (seen.requested_by, seen.decided_by, seen.outcome) == ("clerk-7", "clerk-8", "approved")


def test_an_approval_that_was_cut_off_is_carried_out_by_the_same_person_only(
    database: Database, known: str, subject: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask(database, known)
    real, opened = Database.connection, []

    def dies_at_the_second(self: Database) -> object:
        opened.append(None)
        if len(opened) == 2:
            raise SystemExit("killed between decision and disclosure")
        return real(self)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "connection", dies_at_the_second)
        with pytest.raises(SystemExit):
            grant(database, request)
    with pytest.raises(RequestClosed, match="already"):
        grant(database, request, actor="clerk-9")
    assert grant(database, request) == subject
    with pytest.raises(RequestClosed, match="already"):
        grant(database, request)


def test_nothing_leads_back_to_an_erased_subject(database: Database, known: str, subject: UUID) -> None:
    open_request = ask(database, known)
    with database.connection() as connection:
        assert forget(connection, subject) == 1
        assert forget(connection, subject) == 0
    with pytest.raises(UnknownPseudonym, match="erased"):
        ask(database, known)
    with pytest.raises(UnknownPseudonym, match="erased"):
        grant(database, open_request)


TAMPERED = {
    "privacy.pseudonym_epoch": ("SET started_by = 'nobody'", "altered"),
    "ledger.kept_request": ("SET reason = 'another order'", "altered"),
    "ledger.kept_request_decision": ("SET actor = 'nobody'", "altered"),
    "ledger.kept_request_done": (None, "removed"),
    "privacy.reidentification": (None, "removed"),
}


@pytest.mark.parametrize("relation", TAMPERED)
def test_what_is_recorded_is_in_the_proof_log(
    database: Database, known: str, owner_url: str, tmp_path: Path, relation: str
) -> None:
    grant(database, ask(database, known))
    key = SigningKey.create(tmp_path, "wallet.example/ledger")
    seal(database, key)
    with database.connection() as connection:
        assert audit(connection, key.public).sound
    change, what = TAMPERED[relation]
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")
        done = owner.execute(f"UPDATE {relation} {change}" if change else f"DELETE FROM {relation}")
        assert done.rowcount >= 1
    with database.connection() as connection:
        found = audit(connection, key.public)
    assert any(each.what == what and relation in each.subject for each in found.findings), found.findings


def test_bad_requests_are_refused_and_say_no_more_than_needed(database: Database, known: str) -> None:
    for error, arguments in (
        (UnknownPurpose, {"purpose": "curiosity"}),
        (InvalidRequest, {"actor": "clerk 7"}),
        (InvalidRequest, {"reason": " "}),
        (InvalidRequest, {"reason": "x" * 501}),
        (InvalidRequest, {"reason": "a\0b"}),
        (NotReversible, {"domain": "keyed"}),
        (UnknownDomain, {"domain": "nowhere"}),
    ):
        with pytest.raises(error) as refused:
            ask(database, known, **arguments)
        assert known not in str(refused.value)
    for token in ("", known.upper() + "A", known[:-1], "g" * 32, None):
        with pytest.raises(UnknownPseudonym):
            ask(database, token)
    with database.connection() as connection:
        assert reidentification.every(connection) == []
