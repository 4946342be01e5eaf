"""What the application's login tries against keys, holds, erasures, sealed rows and purposes, by SQL."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from reader_logins import login_in

from emoney.ledger import (
    AccountKind,
    Database,
    Ledger,
    NewAccount,
    account_changes,
    clock_policy,
    officers,
)
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import ClockSkew
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor
from emoney.ledger.base.postgres.database import connect
from emoney.ledger.clock_policy import ClockPolicy
from emoney.privacy import Place, Purpose, Sealed, SealedField, Vault, open_keyring
from emoney.privacy.keys.control import DESTROY
from emoney.privacy.keys.events import KeyKind
from emoney.privacy.rights import requests as rights
from emoney.privacy.rights.requests import Kind, RequestState
from emoney.privacy.rotation import rewrapping

Connected = psycopg.Connection[Any]
Statement = str | sql.Composable
PASSWORD = "as long as it takes"
GARBAGE = "decode(repeat('ab', 61), 'hex')"
OFFICERS = {"actor": "owner", "reason": "set up"}


@pytest.fixture
def vault(database: Database, home: Any) -> Vault:
    with database.connection() as connection:
        return Vault(open_keyring(home, connection))


@pytest.fixture
def item(database: Database, vault: Vault) -> SealedField:
    subject = new_id()
    place = Place("kyc.person", "name", subject)
    with database.connection() as connection:
        raw = vault.seal(connection, subject=subject, place=place, value="Planted")
    return SealedField(subject, place, raw)


@pytest.fixture
def app(owner_url: str) -> Iterator[Connected]:
    """A login that is a plain member of the application's role."""
    with (
        login_in(owner_url, "attacker", ["emoney_app"]) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        yield connection


@pytest.fixture
def bounded(owner_url: str) -> None:
    """A policy on clocks as a new ledger has it."""
    clock_policy.set_policy(owner_url, ClockPolicy(), actor="owner", reason="as in operation")


@pytest.fixture
def hired(owner_url: str) -> Iterator[Callable[..., str]]:
    """Makes an officer with these roles; returns the URL of the login."""
    made = []

    def hire(name: str, *roles: str) -> str:
        officer = officers.add(owner_url, f"{name}.{os.getpid()}", roles, PASSWORD, **OFFICERS)
        made.append(officer)
        return officers.with_login(owner_url, officer.name, PASSWORD)

    yield hire
    with psycopg.connect(owner_url, autocommit=True) as owner:
        for officer in made:
            owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(officer.login)))


def name_of(who: str) -> str:
    return f"{who}.{os.getpid()}"


def together(app: Connected, *statements: str) -> None:
    with app.transaction():
        for statement in statements:
            app.execute(statement.encode())


def refused(app: Connected, *statements: str, match: str = ".") -> None:
    """One of these is refused, and nothing of them stays."""
    with pytest.raises(psycopg.Error, match=match):
        together(app, *statements)


def opened(database: Database, vault: Vault, item: SealedField) -> str:
    with database.connection() as connection:
        return vault.open(connection, [item], purpose=Purpose.SCREENING, actor="job")[0]


def events(connection: Connected) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT event, actor, by_login FROM privacy.key_event WHERE kind = 'subject key' ORDER BY happened_at"
    ).fetchall()


# Keys.

SUCCESSOR = (
    "UPDATE privacy.kek SET state = 'decrypt-only' WHERE use = 'wrap subject keys'",
    "INSERT INTO privacy.kek SELECT 'mine', provider, use, NULL, 'active', created_at, seal_until, open_until"
    " FROM privacy.kek WHERE use = 'wrap subject keys' LIMIT 1",
)
ROTATION = (
    "INSERT INTO privacy.rotation (id, kind, actor, started_at)"
    " VALUES (gen_random_uuid(), 'rewrap', 'ops-1', now())"
)
OVERWRITE = f"UPDATE privacy.subject_key SET kek = 'mine', wrapped = {GARBAGE}"
MONTH = (
    "INSERT INTO privacy.kek SELECT 'mine', provider, use, '{}', 'active', created_at, seal_until, open_until"
    " FROM privacy.kek WHERE use = 'wrap subject keys' LIMIT 1"
)
EVENT = (
    "INSERT INTO privacy.key_event (id, kind, subject, version, kek, event, actor, reason, happened_at)"
    " SELECT gen_random_uuid(), 'subject key', subject, version, kek, '{}', 'dpo-1', 'ended', now()"
    " FROM privacy.subject_key"
)


@pytest.mark.parametrize(
    "statements",
    [
        (f"UPDATE privacy.subject_key SET wrapped = {GARBAGE}",),
        ("UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL",),
        ("UPDATE privacy.kek SET state = 'destroyed'",),
        (*SUCCESSOR, OVERWRITE),
        (MONTH.format("2031-06-01"), OVERWRITE),
        (MONTH.format("9999-12-01"), OVERWRITE),
        ("UPDATE privacy.subject_key SET state = 'compromised'", "SET CONSTRAINTS ALL IMMEDIATE"),
        ("UPDATE privacy.kek SET state = 'compromised'", "SET CONSTRAINTS ALL IMMEDIATE"),
        (EVENT.format("destroyed"),),
        (EVENT.format("rewrapped"),),
        (*SUCCESSOR, ROTATION, OVERWRITE, "DELETE FROM privacy.former_wrapping"),
        (*SUCCESSOR, ROTATION, OVERWRITE, f"UPDATE privacy.former_wrapping SET wrapped = {GARBAGE}"),
        (
            "INSERT INTO privacy.former_wrapping (kind, subject, version, kek, wrapped)"
            f" SELECT 'subject key', subject, version, kek, {GARBAGE} FROM privacy.subject_key",
        ),
    ],
)
def test_no_key_is_ended_or_written_over(
    app: Connected, database: Database, vault: Vault, item: SealedField, statements: tuple[str, ...]
) -> None:
    refused(app, *statements)
    assert opened(database, Vault(vault.providers.now), item) == "Planted"
    assert [row[0] for row in events(app)] == ["created"]
    assert app.execute("SELECT count(*) FROM privacy.former_wrapping").fetchone() == (0,)


def test_what_a_made_up_rotation_writes_over_is_named_and_put_back(
    app: Connected, owner_url: str, database: Database, vault: Vault, item: SealedField
) -> None:
    together(app, *SUCCESSOR, ROTATION, OVERWRITE)
    login = app.info.user
    assert [row[::2] for row in events(app)][1:] == [("rewrapped", login)]
    kept = app.execute("SELECT id, by_login FROM privacy.former_wrapping").fetchall()
    assert [row[1] for row in kept] == [login]
    # nor is it let go of before its time
    dropped = app.execute("SELECT privacy.drop_former_wrappings_v1(%s)", ([kept[0][0]],)).fetchone()
    assert dropped == (0,)
    with database.connection() as connection:
        assert rewrapping.verify(connection, vault.providers).keys == 0  # it is not old enough
        found = rewrapping.verify(connection, vault.providers, every=True)
    assert (found.keys, found.put_back) == (1, (f"subject key {item.subject}/1",))
    assert opened(database, Vault(vault.providers.now), item) == "Planted"
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE privacy.former_wrapping SET at = at - interval '31 days'")
    with database.connection() as connection:
        found = rewrapping.verify(connection, vault.providers)
        assert (found.keys, found.put_back, found.dropped) == (1, (), 2)
    assert opened(database, Vault(vault.providers.now), item) == "Planted"


def _agreed(database: Database, vault: Vault, kind: KeyKind, target: str, **more: Any) -> UUID:
    with database.connection() as connection:
        asked = vault.control.request(
            connection, DESTROY, kind, target, actor="dpo-1", reason="retention ended", **more
        )
        vault.control.approve(connection, asked, actor="dpo-2")
    return asked


def test_what_two_agreed_on_ends_nothing_else(
    app: Connected, database: Database, vault: Vault, item: SealedField
) -> None:
    """A key-encryption key whose end is agreed: the keys under it stay, where it was not said that they end,
    no others go under it, and it does not end above them."""
    [(kek,)] = app.execute("SELECT id FROM privacy.kek WHERE use = 'wrap subject keys'").fetchall()
    _agreed(database, vault, KeyKind.KEK, kek)
    refused(app, "UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL", match="two persons")
    refused(app, "UPDATE privacy.kek SET state = 'destroyed'", match="nothing that lives")
    for statement in SUCCESSOR:
        app.execute(statement.encode())
    _agreed(database, vault, KeyKind.KEK, "mine", shred=True)
    refused(app, ROTATION, OVERWRITE, match="whose end is agreed")
    assert opened(database, Vault(vault.providers.now), item) == "Planted"


def test_a_destruction_that_two_agreed_on_leaves_the_event_by_itself(
    app: Connected, database: Database, vault: Vault, item: SealedField
) -> None:
    asked = _agreed(database, vault, KeyKind.SUBJECT_KEY, str(item.subject))
    with database.connection() as connection:
        rights.place_hold(connection, item.subject, reference="court", actor="legal-1", at=datetime.now(UTC))
    refused(app, "UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL", match="legal hold")
    [(hold,)] = app.execute("SELECT hold_id FROM privacy.legal_hold").fetchall()
    with database.connection() as connection:
        rights.release_hold(connection, hold, actor="legal-2", at=datetime.now(UTC))
    app.execute("UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL")
    assert events(app)[-1] == ("destroyed", "dpo-2", app.info.user)
    assert asked


# Erasure.


def _request(subject: UUID, asked: str = "now()") -> tuple[str, ...]:
    request = new_id()
    return (
        "INSERT INTO privacy.data_request (id, subject, subjects, kind, received_at, due_on, recorded_by)"
        f" VALUES ('{request}', '{subject}', ARRAY['{subject}']::uuid[], 'erasure', {asked}, '2020-01-01',"
        " 'c-1')",
        *(
            "INSERT INTO privacy.data_request_step"
            " (id, request_id, number, state, ground, source, keep_until, actor, at)"
            f" VALUES (gen_random_uuid(), '{request}', {number}, '{state}', 'law', 'law', {until}, 'c-1',"
            f" {asked})"
            for number, state, until in ((1, "received", "NULL"), (2, "kept", "'2020-01-01'"))
        ),
    )


def _destroy(subject: UUID, at: str) -> str:
    return (
        "INSERT INTO privacy.destruction (subject, request_id, at)"
        f" SELECT '{subject}', id, {at} FROM privacy.data_request"
    )


@pytest.mark.usefixtures("bounded")
def test_nobody_is_erased_by_rows_of_another_time(app: Connected, item: SealedField) -> None:
    subject = item.subject
    refused(app, *_request(subject, "now() - interval '6 years'"), match="clock")
    refused(app, *_request(subject, "now() + interval '6 years'"), match="clock")
    refused(app, *_request(subject), _destroy(subject, "now()"), match="kept for longer")
    refused(app, *_request(subject), _destroy(subject, "now() + interval '6 years'"), match="clock")
    refused(
        app,
        "INSERT INTO privacy.subject_key (subject, version, wrapped, kek, created_at, seal_until, open_until)"
        f" SELECT gen_random_uuid(), 1, {GARBAGE}, kek, created_at - interval '6 years', seal_until,"
        " open_until FROM privacy.subject_key",
        match="clock",
    )
    assert app.execute("SELECT count(*) FROM privacy.data_request").fetchone() == (0,)


@pytest.mark.usefixtures("bounded")
def test_a_customer_with_an_account_is_kept_whatever_is_written(
    app: Connected, database: Database, item: SealedField
) -> None:
    ledger, account = Ledger(database), new_id()
    shop = NewAccount(account, AccountKind.MERCHANT, "GHS", datetime.now(UTC), "a shop", holder=item.subject)
    with database.connection() as connection:
        accounts.open_accounts(connection, [shop])
    erase = (*_request(item.subject), _destroy(item.subject, "now()"))
    refused(app, *erase, match="kept for longer")
    refused(
        app,
        "INSERT INTO ledger.account_change (account_id, number, kind, actor, reason, at)"
        f" VALUES ('{account}', 1, 'close', 'clerk-1', 'left', now() - interval '6 years')",
        match="clock",
    )
    account_changes.close(ledger, account, actor="clerk-1", reason="left")
    refused(app, *erase, match="kept for longer")


@pytest.mark.usefixtures("bounded")
def test_the_library_tells_of_a_clock_that_is_wrong(database: Database, item: SealedField) -> None:
    late = datetime.now(UTC) - timedelta(hours=1)
    with pytest.raises(ClockSkew, match="nothing was written"), database.connection() as connection:
        rights.receive(connection, Kind.ERASURE, item.subject, [item.subject], actor="dpo-1", at=late)
    with database.connection() as connection:
        asked = rights.receive(
            connection, Kind.ACCESS, item.subject, [item.subject], actor="dpo-1", at=datetime.now(UTC)
        )
    assert asked.state is RequestState.RECEIVED


# Legal holds, and purposes: from the first officer on, they take an officer with a role for it.

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


def test_a_hold_is_released_by_an_officer_with_the_role_for_it(
    app: Connected, database: Database, held: UUID, hired: Callable[..., str]
) -> None:
    maker, legal = hired("maker", "maker"), hired("legal", "legal")
    for actor in ("clerk-1", name_of("legal")):
        refused(app, RELEASE.format(actor, "now()"), match="officer")
    _tried(maker, RELEASE.format(name_of("maker"), "now()"), "legal, compliance_officer, dpo")
    with database.connection() as connection:
        assert rights.held(connection, [held]) == {held}
        [hold] = rights.holds(connection)
    with connect(legal, role="emoney_app") as connection:
        rights.release_hold(connection, hold.id, actor=Actor(name_of("legal")), at=datetime.now(UTC))
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


# Versions of sealed rows.


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE privacy.sealed_row SET versions = '{\"name\": 2147483647}'",
        "UPDATE privacy.sealed_row SET versions = '{\"name\": 3}'",
        "UPDATE privacy.sealed_row SET versions = '{\"name\": 0}'",
        "UPDATE privacy.sealed_row SET versions = '{\"name\": 1.5}'",
        "UPDATE privacy.sealed_row SET versions = '{\"name\": null}'",
        "UPDATE privacy.sealed_row SET versions = '{}'",
        "UPDATE privacy.sealed_row SET versions = versions || '{\"phone\": 2147483647}'",
        "UPDATE privacy.sealed_row SET versions = versions || '{\"phone\": 0}'",
        "INSERT INTO privacy.sealed_row SELECT gen_random_uuid(), table_name, subject, '{\"name\": 7}'"
        " FROM privacy.sealed_row",
        "DELETE FROM privacy.sealed_row",
    ],
)
def test_versions_of_sealed_fields_are_neither_used_up_nor_set_back(
    app: Connected, database: Database, vault: Vault, item: SealedField, statement: str
) -> None:
    refused(app, statement)
    assert opened(database, vault, item) == "Planted"
    with database.connection() as connection:
        again = vault.seal(connection, subject=item.subject, place=item.place, value="again")
    assert opened(database, vault, SealedField(item.subject, item.place, Sealed(again.ciphertext))) == "again"


def test_versions_stay_when_only_the_key_ended(
    app: Connected, database: Database, vault: Vault, item: SealedField
) -> None:
    asked = _agreed(database, vault, KeyKind.SUBJECT_KEY, str(item.subject))
    with database.connection() as connection:
        vault.control.destroy(connection, asked)
    refused(app, "DELETE FROM privacy.sealed_row", match="erased")
