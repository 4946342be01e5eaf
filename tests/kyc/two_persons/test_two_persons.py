"""Look-alike names are one person, in every act that takes two: in the code and in the database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from shipped import PACKS

from emoney.kyc import approved_actions
from emoney.kyc.approvals import ACTIONS
from emoney.ledger import Database, two_persons
from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.receipts import Receipts
from emoney.ledger.receipts.recording import WITHDRAW
from emoney.ledger.two_persons import RequestClosed, SamePerson
from emoney.privacy import Vault
from emoney.privacy.keys import control
from emoney.privacy.pseudonyms import reidentification
from emoney.privacy.rights import requests as rights

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
WHO = "clerk-7"
LOOK_ALIKES = {
    "the same": "clerk-7",
    "capitals": "Clerk-7",
    "all capitals": "CLERK-7",
    "a blank before": " clerk-7",
    "a blank after": "clerk-7 ",
    "a line's end": "clerk-7\n",
    "a tab": "clerk-7\t",
    "a blank of no break": "clerk-7\u00a0",
    "a blank of no width": "cle\u200brk-7",
    "a mark of the direction": "clerk-7\u200e",
    "a soft hyphen": "cl\u00aderk-7",
    "another hyphen": "clerk\u20117",
    "a Cyrillic letter": "\u0441lerk-7",
    "a Greek letter": "cl\u03b5rk-7",
    "full width": "\uff43lerk-7",
    "another digit": "clerk-\u0667",
    "the sign of kelvin": "cler\u212a-7",
    "an accent of its own": "cle\u0301rk-7",
    "a NUL": "clerk-7\0",
    "nothing": "",
}
SPELLINGS = ("the same", "capitals", "all capitals")
"""Those of them under which one may act: only not as a second person."""
Door = Callable[..., Any]


def _kyc(database: Database, vault: Vault, request: UUID, actor: str) -> None:
    with database.connection() as connection:
        approved_actions.approve(connection, request, packs=PACKS, actor=actor, reason="seen", at=NOW)


def _key(database: Database, vault: Vault, request: UUID, actor: str) -> None:
    with database.connection() as connection:
        vault.control.approve(connection, request, actor=actor)


def _token(database: Database, vault: Vault, request: UUID, actor: str) -> None:
    reidentification.approve(database, request, actor=actor, reason="seen", at=NOW)


def _receipt(database: Database, _vault: Vault, request: UUID, actor: str) -> None:
    Receipts(database.url, clock=lambda: NOW).approve_withdrawal(request, actor=actor, reason="seen")


def _hold(database: Database, _vault: Vault, request: UUID, actor: str) -> None:
    with database.connection() as connection:
        two_persons.approve(connection, request, [rights.RELEASE], actor=actor, reason="seen", at=NOW)


DOORS: dict[str, Door] = {
    **{action.value: _kyc for action in ACTIONS},
    **dict.fromkeys(control.ACTIONS, _key),
    reidentification.ACTION: _token,
    WITHDRAW: _receipt,
    rights.RELEASE: _hold,
}


def _ask(database: Database, action: str) -> UUID:
    about = new_id() if action in set(ACTIONS) else "study"
    with database.connection() as connection:
        return two_persons.ask(connection, action, about, {}, actor=WHO, reason="why", at=NOW)


def test_every_act_that_takes_two_is_tried(database: Database) -> None:
    with database.connection() as connection:
        known = {row[0] for row in connection.execute("SELECT name FROM ledger.request_action")}
    assert known == set(DOORS)


@pytest.mark.parametrize("action", DOORS)
def test_nobody_is_a_second_person_by_another_spelling(
    database: Database, owner_url: str, vault: Vault, action: str
) -> None:
    request = _ask(database, action)
    decide = (
        "INSERT INTO ledger.request_decision (request_id, action, subject, asked_by, requested_at,"
        " expires_at, kept, outcome, actor, reason, decided_at)"
        " SELECT id, action, subject, actor, requested_at, expires_at, kept, 'approved', %s, 'x',"
        " requested_at FROM ledger.request WHERE id = %s"
    )
    for actor in LOOK_ALIKES.values():
        refusal = SamePerson if actor.lower() == WHO and actor.isascii() else InvalidRequest
        with pytest.raises(refusal):
            DOORS[action](database, vault, request, actor)
        with database.connection() as connection, pytest.raises(refusal):
            two_persons.reject(connection, request, [action], actor=actor, reason="no", at=NOW)
        with psycopg.connect(owner_url) as owner, pytest.raises(psycopg.Error):
            owner.execute(decide, (actor, request))
    with database.connection() as connection:
        assert two_persons.find(connection, request, [action]).outcome is None
        two_persons.reject(connection, request, [action], actor="clerk-8", reason="no", at=NOW)


@pytest.mark.parametrize("called", LOOK_ALIKES)
def test_a_legal_hold_is_released_by_nobody_of_another_spelling(
    database: Database, owner_url: str, called: str
) -> None:
    actor, subject = LOOK_ALIKES[called], new_id()
    with database.connection() as connection:
        hold = rights.place_hold(connection, subject, reference="court 17", actor=WHO, at=NOW)
        rights.ask_release(connection, hold, actor=WHO, reason="lifted", at=NOW)
    with database.connection() as connection, pytest.raises((SamePerson, InvalidRequest)):
        rights.release_hold(connection, hold, actor=actor, at=NOW)
    with psycopg.connect(owner_url) as owner, pytest.raises((psycopg.Error, psycopg.DataError)):
        owner.execute(
            "INSERT INTO privacy.legal_hold (id, hold_id, number, subject, reference, actor, at)"
            " SELECT gen_random_uuid(), hold_id, 2, subject, reference, %s, at FROM privacy.legal_hold",
            (actor,),
        )
    with database.connection() as connection:
        assert rights.held(connection, [subject]) == {subject}


@pytest.mark.parametrize("called", [each for each in LOOK_ALIKES if each not in SPELLINGS])
def test_nobody_asks_under_such_a_name(database: Database, owner_url: str, called: str) -> None:
    actor = LOOK_ALIKES[called]
    with database.connection() as connection, pytest.raises(InvalidRequest):
        two_persons.ask(connection, "unfreezing", new_id(), {}, actor=actor, reason="why", at=NOW)
    with psycopg.connect(owner_url) as owner, pytest.raises((psycopg.Error, psycopg.DataError)):
        owner.execute(
            "INSERT INTO ledger.request (id, action, subject, details, actor, reason, requested_at,"
            " expires_at) VALUES (gen_random_uuid(), 'unfreezing', gen_random_uuid(), '{}', %s, 'x', now(),"
            " now() + interval '1 day')",
            (actor,),
        )


@pytest.mark.parametrize("action", DOORS)
def test_a_door_opens_for_its_own_requests_only(database: Database, vault: Vault, action: str) -> None:
    request = _ask(database, action)
    for door in {_kyc, _key, _token} - {DOORS[action]}:
        with pytest.raises(InvalidRequest, match="no request"):
            door(database, vault, request, "clerk-8")


@pytest.mark.parametrize("action", DOORS)
def test_a_request_waits_no_longer_than_its_action_allows(
    database: Database, owner_url: str, action: str
) -> None:
    most = timedelta(days=90 if action in set(ACTIONS) else 7)
    ask: dict[str, Any] = {"actor": WHO, "reason": "why", "at": NOW}
    with database.connection() as connection:
        two_persons.ask(connection, action, new_id(), {}, **ask, open_for=most)
        with pytest.raises(InvalidRequest, match="stay open"):
            two_persons.ask(connection, action, new_id(), {}, **ask, open_for=most + timedelta(seconds=1))
    with psycopg.connect(owner_url) as owner, pytest.raises(psycopg.errors.CheckViolation, match="waits"):
        owner.execute(
            "INSERT INTO ledger.request (id, action, subject, details, actor, reason, requested_at,"
            " expires_at) VALUES (gen_random_uuid(), %s, gen_random_uuid(), '{}', 'a', 'x', now(),"
            " now() + interval '91 days')",
            (action,),
        )


def test_what_was_agreed_is_done_once(database: Database) -> None:
    with database.connection() as connection:
        request = two_persons.ask(
            connection, "destroy_key", "k", {"kind": "kek"}, actor=WHO, reason="why", at=NOW
        )
        with pytest.raises(two_persons.NotApproved):
            two_persons.done(connection, request, at=NOW)
        two_persons.approve(connection, request, ["destroy_key"], actor="clerk-8", reason="x", at=NOW)
        assert two_persons.agreed(connection, request, "destroy_key", at=NOW).requested_by == WHO
        two_persons.done(connection, request, at=NOW)
        with pytest.raises(RequestClosed):
            two_persons.done(connection, request, at=NOW)
        with pytest.raises(RequestClosed):
            two_persons.agreed(connection, request, "destroy_key", at=NOW)
