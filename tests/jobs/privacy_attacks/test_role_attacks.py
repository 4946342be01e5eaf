"""Legal holds and purposes: from the first officer on, they take an officer with a role for it."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from attempts import (
    Connected,
    refused,
)

from emoney.ledger import (
    Database,
)
from emoney.ledger.base.errors import OfficerRefused
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import connect
from emoney.privacy.rights import requests as rights


def name_of(who: str) -> str:
    return f"{who}.{os.getpid()}"


RELEASE = (
    "INSERT INTO privacy.legal_hold (id, hold_id, number, subject, reference, actor, at)"
    " SELECT gen_random_uuid(), hold_id, 2, subject, reference, '{}', {} FROM privacy.legal_hold"
)
APPROVE = (
    "INSERT INTO privacy.purpose_list (id, assessment, purposes, approved_by, approved_at)"
    " VALUES (gen_random_uuid(), 'none', '{{screening, curiosity}}', '{}', {})"
)


@pytest.fixture
def held(database: Database) -> UUID:
    subject = new_id()
    with database.connection() as connection:
        rights.place_hold(connection, subject, reference="court", actor="court-desk", at=datetime.now(UTC))
    return subject


def _tried(url: str, statement: str, match: str) -> None:
    with connect(url, role="emoney_app") as connection:
        with pytest.raises(psycopg.Error, match=match):
            connection.execute(statement.encode())
        connection.rollback()


def test_a_hold_is_released_by_two_officers_the_second_with_the_role_for_it(
    app: Connected, database: Database, held: UUID, hired: Callable[..., str]
) -> None:
    maker, checker, legal = hired("maker", "maker"), hired("checker", "checker"), hired("legal", "legal")
    for actor in ("clerk-1", name_of("legal")):
        refused(app, RELEASE.format(actor, "now()"), match="two persons|officer")
    now = datetime.now(UTC)
    with database.connection() as connection:
        [hold] = rights.holds(connection)
    with connect(maker, role="emoney_app") as connection:
        rights.ask_release(connection, hold.id, actor=name_of("maker"), reason="lifted", at=now)
    with database.connection() as connection, pytest.raises(OfficerRefused):
        rights.release_hold(connection, hold.id, actor="legal-2", at=datetime.now(UTC))
    _tried(maker, RELEASE.format(name_of("maker"), "now()"), "two persons")
    with connect(checker, role="emoney_app") as connection:
        with pytest.raises(OfficerRefused, match="legal, compliance_officer, dpo"):
            rights.release_hold(connection, hold.id, actor=name_of("checker"), at=datetime.now(UTC))
        connection.rollback()
        assert rights.held(connection, [held]) == {held}
    with connect(legal, role="emoney_app") as connection:
        rights.release_hold(connection, hold.id, actor=name_of("legal"), at=datetime.now(UTC))
        assert rights.held(connection, [held]) == set()


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("at", ["now() - interval '1 day'", "now() + interval '1 day'"])
def test_a_hold_is_neither_placed_nor_released_at_another_time(
    app: Connected, database: Database, held: UUID, at: str
) -> None:
    refused(app, RELEASE.format("legal-2", at), match="clock")
    placed = RELEASE.format("legal-2", at).replace("(), hold_id, 2,", "(), gen_random_uuid(), 1,")
    refused(app, placed, match="clock")
    with database.connection() as connection:
        assert rights.held(connection, [held]) == {held}


def test_what_fields_are_opened_for_says_an_officer_with_the_role_for_it(
    app: Connected, hired: Callable[..., str]
) -> None:
    maker, dpo = hired("maker", "maker"), hired("dpo", "dpo")
    for actor in ("dpo-1", name_of("dpo")):
        refused(app, APPROVE.format(actor, "now()"), match="officer")
    _tried(maker, APPROVE.format(name_of("maker"), "now()"), "dpo, compliance_officer")
    assert app.execute("SELECT count(*) FROM privacy.purpose_list").fetchone() == (0,)
    with connect(dpo, role="emoney_app") as connection:
        connection.execute(APPROVE.format(name_of("dpo"), "now()").encode())


@pytest.mark.usefixtures("bounded")
def test_a_list_of_purposes_is_of_now_and_no_older_than_the_one_before(app: Connected) -> None:
    for at in ("now() + interval '1 day'", "now() - interval '1 day'"):
        refused(app, APPROVE.format("dpo-1", at), match="clock")
    app.execute(APPROVE.format("dpo-1", "now()").encode())
    refused(app, APPROVE.format("dpo-1", "now() - interval '5 minutes'"), match="newer")
