"""Requests, restrictions and legal holds: each step follows from the one before, and none is changed."""

from datetime import UTC, date, datetime
from uuid import UUID

import psycopg
import pytest
from psycopg.errors import (
    InsufficientPrivilege,
    IntegrityConstraintViolation,
    ObjectNotInPrerequisiteState,
)

from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.two_persons import NotApproved, SamePerson
from emoney.privacy import Place, Purpose, SealedField, Vault
from emoney.privacy.errors import InvalidDataRequest, ProcessingRestricted, UnknownDataRequest, UnknownPurpose
from emoney.privacy.rights import requests as rights
from emoney.privacy.rights.requests import Kind, RequestState

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def receive(database: Database, subject: UUID, kind: Kind = Kind.ACCESS) -> UUID:
    with database.connection() as connection:
        return rights.receive(connection, kind, subject, [subject], actor="dpo-1", at=NOW).id


def decide(database: Database, request: UUID, state: RequestState, **other: object) -> RequestState:
    with database.connection() as connection:
        given = {"ground": "as asked", "actor": "dpo-1", "at": NOW} | other
        return rights.decide(connection, request, state, **given).state  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("received", "due"),
    [
        (date(2026, 1, 31), date(2026, 2, 28)),
        (date(2028, 1, 31), date(2028, 2, 29)),
        (date(2026, 12, 15), date(2027, 1, 15)),
        (date(2026, 8, 31), date(2026, 9, 30)),
    ],
)
def test_an_answer_is_due_in_a_month(database: Database, subject: UUID, received: date, due: date) -> None:
    at = datetime(received.year, received.month, received.day, 23, tzinfo=UTC)
    with database.connection() as connection:
        request = rights.receive(connection, Kind.ACCESS, subject, [subject], actor="dpo-1", at=at)
    assert (request.state, request.due_on) == (RequestState.RECEIVED, due)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (Kind.ACCESS, [RequestState.FULFILLED, RequestState.REFUSED]),
        (Kind.ACCESS, [RequestState.KEPT]),
        (Kind.OBJECTION, [RequestState.REFUSED, RequestState.FULFILLED]),
        (Kind.ERASURE, [RequestState.FULFILLED]),
        (Kind.ERASURE, [RequestState.ERASED]),
        (Kind.ERASURE, [RequestState.KEPT, RequestState.ERASED]),
        (Kind.ERASURE, [RequestState.KEPT, RequestState.WITHDRAWN, RequestState.KEPT]),
        (Kind.ACCESS, [RequestState.RECEIVED]),
    ],
)
def test_the_last_step_of_each_path_is_refused(
    database: Database, subject: UUID, kind: Kind, path: list[RequestState]
) -> None:
    request = receive(database, subject, kind)
    for state in path[:-1]:
        assert decide(database, request, state, source="GDPR art. 12") is state
    with pytest.raises(InvalidDataRequest, match="does not become"):
        decide(database, request, path[-1], source="GDPR art. 12")


def test_a_refusal_names_its_source(database: Database, subject: UUID) -> None:
    request = receive(database, subject, Kind.OBJECTION)
    with pytest.raises(InvalidDataRequest, match="source"):
        decide(database, request, RequestState.REFUSED)


def test_what_is_asked_for_twice_is_one_request(database: Database, subject: UUID) -> None:
    first = receive(database, subject)
    with pytest.raises(InvalidDataRequest, match=str(first)):
        receive(database, subject)
    decide(database, first, RequestState.FULFILLED)
    assert receive(database, subject) != first


@pytest.mark.parametrize("ground", ["", " ", "x" * 501, "two\nlines"])
def test_bad_input_is_refused(database: Database, subject: UUID, ground: str) -> None:
    request = receive(database, subject)
    with pytest.raises(InvalidDataRequest):
        decide(database, request, RequestState.FULFILLED, ground=ground)
    with pytest.raises(InvalidRequest):
        decide(database, request, RequestState.FULFILLED, actor="")
    with pytest.raises(UnknownDataRequest):
        decide(database, new_id(), RequestState.FULFILLED)


def test_waiting_lists_what_is_due_first_and_what_is_put_off_last(database: Database) -> None:
    kept, open_, done = (new_id() for _ in range(3))
    put_off = receive(database, kept, Kind.ERASURE)
    decide(database, put_off, RequestState.KEPT, keep_until=date(2026, 2, 1))
    asked = receive(database, open_)
    decide(database, receive(database, done), RequestState.WITHDRAWN)
    with database.connection() as connection:
        assert [each.id for each in rights.waiting(connection)] == [asked, put_off]


@pytest.mark.parametrize(
    "table", ["data_request", "data_request_step", "restriction", "legal_hold", "destruction_certificate"]
)
def test_nothing_is_changed_or_removed(database: Database, owner_url: str, table: str) -> None:
    for statement in (f"DELETE FROM privacy.{table}", f"UPDATE privacy.{table} SET xact = 1"):
        with database.connection() as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(statement)
        with psycopg.connect(owner_url) as owner, pytest.raises(ObjectNotInPrerequisiteState):
            owner.execute(statement)


# Restriction.


def test_fields_open_for_what_is_left_and_a_lifted_restriction_is_none(
    database: Database, vault: Vault, subject: UUID, place: Place
) -> None:
    with database.connection() as connection:
        item = SealedField(
            subject, place, vault.seal(connection, subject=subject, place=place, value="Planted")
        )

    def opened(purpose: Purpose) -> list[str]:
        with database.connection() as connection:
            return vault.open(connection, [item], purpose=purpose, actor="clerk-1")

    with database.connection() as connection:
        rights.restrict(
            connection, [subject], [Purpose.AUTHORITY_REQUEST], ground="asked", actor="dpo-1", at=NOW
        )
    assert opened(Purpose.AUTHORITY_REQUEST) == ["Planted"]
    with pytest.raises(ProcessingRestricted) as refused:
        opened(Purpose.CUSTOMER_SERVICE)
    assert "Planted" not in str(refused.value)
    with (
        database.connection() as connection,
        pytest.raises(ProcessingRestricted, match="authority request only"),
    ):
        rights.demand_open_for(connection, [subject], Purpose.SCREENING)
    with database.connection() as connection:
        rights.restrict(connection, [subject], [], ground="frozen", actor="dpo-1", at=NOW)
    with pytest.raises(ProcessingRestricted):
        opened(Purpose.AUTHORITY_REQUEST)
    with database.connection() as connection:
        reasons = connection.execute("SELECT reason, purpose FROM privacy.opening_refusal").fetchall()
    assert sorted(reasons) == [
        ("processing restricted", "authority request"),
        ("processing restricted", "customer service"),
    ]
    with database.connection() as connection:
        rights.lift(connection, [subject], ground="resolved", actor="dpo-1", at=NOW)
        assert rights.restricted(connection, [subject]) == []
    assert opened(Purpose.CUSTOMER_SERVICE) == ["Planted"]
    with database.connection() as connection, pytest.raises(UnknownPurpose):
        rights.restrict(connection, [subject], ["curiosity"], ground="x", actor="dpo-1", at=NOW)


# Legal holds.


def test_a_hold_is_released_once_by_another(database: Database, subject: UUID) -> None:
    with database.connection() as connection:
        hold = rights.place_hold(connection, subject, reference="court 17", actor="legal-1", at=NOW)
        assert rights.held(connection, [subject, new_id()]) == {subject}
        with pytest.raises(NotApproved, match="nobody has asked"):
            rights.release_hold(connection, hold, actor="legal-2", at=NOW)
        rights.ask_release(connection, hold, actor="legal-0", reason="lifted", at=NOW)
    for actor, refusal in (
        ("legal-1", "another person"),
        ("LEGAL-1", "another person"),
        ("LEGAL-1 ", "an id"),
    ):
        with database.connection() as connection, pytest.raises((SamePerson, InvalidRequest), match=refusal):
            rights.release_hold(connection, hold, actor=actor, at=NOW)
    with database.connection() as connection:
        assert rights.release_hold(connection, hold, actor="legal-2", at=NOW) == subject
        assert (rights.held(connection, [subject]), rights.holds(connection)) == (set(), [])
    with database.connection() as connection, pytest.raises(InvalidDataRequest, match="already"):
        rights.release_hold(connection, hold, actor="legal-3", at=NOW)
    with database.connection() as connection, pytest.raises(InvalidDataRequest, match="no legal hold"):
        rights.release_hold(connection, new_id(), actor="legal-2", at=NOW)


def test_a_release_is_rolled_back_with_its_caller(database: Database, subject: UUID) -> None:
    with database.connection() as connection:
        hold = rights.place_hold(connection, subject, reference="court 17", actor="legal-1", at=NOW)
    with database.connection() as connection:
        rights.ask_release(connection, hold, actor="legal-0", reason="lifted", at=NOW)
        rights.release_hold(connection, hold, actor="legal-2", at=NOW)
        connection.rollback()
        assert [each.id for each in rights.holds(connection)] == [hold]


def test_one_of_two_holds_is_enough(database: Database, subject: UUID) -> None:
    with database.connection() as connection:
        first = rights.place_hold(connection, subject, reference="a", actor="legal-1", at=NOW)
        rights.place_hold(connection, subject, reference="b", actor="legal-1", at=NOW)
        rights.ask_release(connection, first, actor="legal-0", reason="lifted", at=NOW)
        rights.release_hold(connection, first, actor="legal-2", at=NOW)
        assert rights.held(connection, [subject]) == {subject}


def test_a_hold_is_not_released_by_sql_alone(database: Database, subject: UUID) -> None:
    with database.connection() as connection:
        hold = rights.place_hold(connection, subject, reference="a", actor="legal-1", at=NOW)
    insert = (
        "INSERT INTO privacy.legal_hold (id, hold_id, number, subject, reference, actor, at)"
        " VALUES (%s, %s, 2, %s, 'a', %s, now())"
    )
    for whose, actor in ((subject, "legal-1"), (new_id(), "legal-2")):
        with database.connection() as connection, pytest.raises(IntegrityConstraintViolation):
            connection.execute(insert, (new_id(), hold, whose, actor))
