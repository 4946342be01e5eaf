"""Keys are neither written over nor ended by SQL, and what happens to them is named."""

from datetime import UTC, datetime

import psycopg
import pytest
from attempts import (
    GARBAGE,
    MONTH,
    OVERWRITE,
    ROTATION,
    SUCCESSOR,
    Connected,
    agreed,
    events,
    opened,
    refused,
    together,
)

from emoney.ledger import (
    Database,
)
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.table import Table
from emoney.privacy import SealedField, Vault
from emoney.privacy.keys.events import KeyKind
from emoney.privacy.pseudonyms.domains import Pseudonyms
from emoney.privacy.rights import requests as rights
from emoney.privacy.rotation import rewrapping
from emoney.privacy.rotation.rotation import Rotation

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


def test_the_key_of_an_epoch_is_put_back_too(app: Connected, database: Database, vault: Vault) -> None:
    study, subject = Pseudonyms(vault.providers, "study"), new_id()
    with database.connection() as connection:
        study.create(connection, purpose="a study", actor="dpo-1")
        before = study.of(connection, [subject])
    together(
        app,
        *(each.replace("subject keys", "pseudonym keys") for each in SUCCESSOR),
        ROTATION,
        OVERWRITE.replace("subject_key", "pseudonym_epoch"),
    )
    with database.connection() as connection:
        found = rewrapping.verify(connection, vault.providers, every=True)
        assert found.put_back == ("pseudonym key study/1",)
        assert study.of(connection, [subject]) == before


def test_a_rotation_as_it_should_be_is_left_as_it_is(
    database: Database, vault: Vault, item: SealedField
) -> None:
    Rotation(database, vault, Table.metadata).rewrap(actor="ops-1")
    Rotation(database, vault, Table.metadata).rewrap(actor="ops-1")
    with database.connection() as connection:
        found = rewrapping.verify(connection, vault.providers, every=True)
        kept = connection.execute("SELECT count(*) FROM privacy.former_wrapping").fetchone()
    assert (found.keys, found.put_back, found.unknown, kept) == (1, (), (), (2,))
    assert opened(database, Vault(vault.providers.now), item) == "Planted"


def test_what_two_agreed_on_ends_nothing_else(
    app: Connected, database: Database, vault: Vault, item: SealedField
) -> None:
    """A key-encryption key whose end is agreed: the keys under it stay, where it was not said that they end,
    no others go under it, and it does not end above them."""
    [(kek,)] = app.execute("SELECT id FROM privacy.kek WHERE use = 'wrap subject keys'").fetchall()
    agreed(database, vault, KeyKind.KEK, kek)
    refused(app, "UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL", match="two persons")
    refused(app, "UPDATE privacy.kek SET state = 'destroyed'", match="nothing that lives")
    for statement in SUCCESSOR:
        app.execute(statement.encode())
    agreed(database, vault, KeyKind.KEK, "mine", shred=True)
    refused(app, ROTATION, OVERWRITE, match="whose end is agreed")
    assert opened(database, Vault(vault.providers.now), item) == "Planted"


def test_a_destruction_that_two_agreed_on_leaves_the_event_by_itself(
    app: Connected, database: Database, vault: Vault, item: SealedField
) -> None:
    asked = agreed(database, vault, KeyKind.SUBJECT_KEY, str(item.subject))
    with database.connection() as connection:
        rights.place_hold(connection, item.subject, reference="court", actor="legal-1", at=datetime.now(UTC))
    refused(app, "UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL", match="legal hold")
    [(hold,)] = app.execute("SELECT hold_id FROM privacy.legal_hold").fetchall()
    with database.connection() as connection:
        rights.ask_release(connection, hold, actor="legal-0", reason="lifted", at=datetime.now(UTC))
        rights.release_hold(connection, hold, actor="legal-2", at=datetime.now(UTC))
    app.execute("UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL")
    assert events(app)[-1] == ("destroyed", "dpo-2", app.info.user)
    assert asked
