from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from emoney.ledger.base.errors import InvalidInput, InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.privacy import CannotOpen, KeyDestroyed, LocalKeyring, Place, Purpose, Sealed, SealedField, Vault
from emoney.privacy.keys.control import DESTROY
from emoney.privacy.keys.events import KeyKind
from emoney.privacy.keys.keyring_file import Content, KeyringFile, LocalKey
from emoney.privacy.keys.subject_keys import DataKey

Opener = Callable[..., str]
Destroy = Callable[[UUID], int]


@pytest.fixture
def sealed(database: Database, vault: Vault, subject: UUID, place: Place) -> Sealed:
    with database.connection() as connection:
        return vault.seal(connection, subject=subject, place=place, value="Yaw Darko")


def test_a_destroyed_key_opens_and_seals_nothing(
    database: Database,
    vault: Vault,
    subject: UUID,
    place: Place,
    sealed: Sealed,
    open_one: Opener,
    home: Path,
    destroy: Destroy,
) -> None:
    elsewhere = Vault(LocalKeyring.load(home))  # another process, with the key in its cache
    items = [SealedField(subject, place, sealed)]
    with database.connection() as connection:
        elsewhere.open(connection, items, purpose=Purpose.SCREENING, actor="job")
    assert destroy(subject) == 1
    for holder in (vault, elsewhere):
        with database.connection() as connection:
            with pytest.raises(KeyDestroyed):
                holder.open(connection, items, purpose=Purpose.SCREENING, actor="job")
            with pytest.raises(KeyDestroyed):
                holder.seal(connection, subject=subject, place=place, value="again")
    with pytest.raises(InvalidInput, match="no living"):
        destroy(subject)


def test_a_destruction_leaves_no_key_and_is_logged(
    database: Database, subject: UUID, sealed: Sealed, destroy: Destroy
) -> None:
    destroy(subject)
    with database.connection() as connection:
        keys = connection.execute("SELECT state, wrapped FROM privacy.subject_key").fetchall()
        events = connection.execute(
            "SELECT event, actor, reason FROM privacy.key_event WHERE kind = 'subject key' "
            "ORDER BY happened_at"
        ).fetchall()
    assert keys == [("destroyed", None)]
    assert events == [
        ("created", None, None),
        ("destroy requested", "dpo-1", "retention ended"),
        ("destroyed", "dpo-2", "retention ended"),
    ]


def test_others_keep_their_keys(
    database: Database, vault: Vault, subject: UUID, place: Place, sealed: Sealed, open_one: Opener,
    destroy: Destroy,
) -> None:  # fmt: skip
    other = new_id()
    with database.connection() as connection:
        vault.seal(connection, subject=other, place=Place("kyc.person", "name", other), value="Efua")
    destroy(other)
    assert open_one(subject, place, sealed) == "Yaw Darko"


@pytest.mark.parametrize("wrong", ["", "x" * 501, "line\nbreak"])
def test_a_destruction_needs_an_actor_and_a_reason(
    database: Database, vault: Vault, subject: UUID, sealed: Sealed, wrong: str
) -> None:
    with database.connection() as connection:
        for actor, reason in ((wrong, "retention ended"), ("dpo-1", wrong)):
            with pytest.raises(InvalidRequest, match=r"up to 100|1 to 500"):
                vault.control.request(
                    connection, DESTROY, KeyKind.SUBJECT_KEY, str(subject), actor=actor, reason=reason
                )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE privacy.subject_key SET wrapped = wrapped || '\\x00'",
        "UPDATE privacy.subject_key SET kek = 'other'",
        "UPDATE privacy.subject_key SET state = 'destroyed'",
        "UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL, version = 2",
        "DELETE FROM privacy.subject_key",
        "TRUNCATE privacy.subject_key",
        "UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL",
        "UPDATE privacy.subject_key SET state = 'pre-active'",
        "UPDATE privacy.subject_key SET open_until = open_until + interval '1 day'",
        "INSERT INTO privacy.subject_key "
        "SELECT subject, 2, wrapped, kek, 'active', created_at, seal_until, open_until "
        "FROM privacy.subject_key",
    ],
)
def test_the_database_lets_keys_only_be_destroyed(
    owner_url: str, vault: Vault, sealed: Sealed, statement: str
) -> None:
    with psycopg.connect(owner_url) as connection, pytest.raises(psycopg.Error):
        connection.execute(statement.encode())


def test_a_destroyed_key_does_not_come_back(
    owner_url: str, subject: UUID, sealed: Sealed, destroy: Destroy
) -> None:
    destroy(subject)
    with psycopg.connect(owner_url) as connection, pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        connection.execute(
            "UPDATE privacy.subject_key SET state = 'active', wrapped = decode(repeat('00', 61), 'hex')"
        )


def test_a_wrapped_key_of_another_subject_does_not_serve(
    database: Database, owner_url: str, vault: Vault, subject: UUID, place: Place, sealed: Sealed, home: Path
) -> None:
    other = new_id()
    with database.connection() as connection:
        vault.seal(connection, subject=other, place=Place("kyc.person", "name", other), value="Efua")
    with psycopg.connect(owner_url) as connection:  # whoever owns the tables can switch the guards off
        connection.execute("ALTER TABLE privacy.subject_key DISABLE TRIGGER USER")
        connection.execute(
            "UPDATE privacy.subject_key SET wrapped = other.wrapped FROM privacy.subject_key AS other "
            "WHERE subject_key.subject = %s AND other.subject = %s",
            (subject, other),
        )
    for holder in (vault, Vault(LocalKeyring.load(home))):
        items = [SealedField(subject, place, sealed)]
        with database.connection() as connection, pytest.raises(CannotOpen) as failure:
            holder.open(connection, items, purpose=Purpose.SCREENING, actor="job")
        assert str(failure.value) == str(CannotOpen())


def test_a_keyring_with_another_key_of_the_same_name_does_not_serve(
    database: Database, subject: UUID, place: Place, sealed: Sealed, home: Path
) -> None:
    file = KeyringFile(home)
    content = file.read()
    strange = {name: LocalKey(key.use, key.created_at, b"?" * 32) for name, key in content.keys.items()}
    stranger = Vault(LocalKeyring(file, Content(content.created_at, content.root, strange)))
    items = [SealedField(subject, place, sealed)]
    with database.connection() as connection, pytest.raises(CannotOpen) as failure:
        stranger.open(connection, items, purpose=Purpose.SCREENING, actor="job")
    assert str(failure.value) == str(CannotOpen())


def test_a_data_key_shows_nothing() -> None:
    key = DataKey.of(3, b"k" * 32)
    assert repr(key) == "DataKey(version=3)"
    assert key != DataKey.of(3, b"k" * 32)


def test_the_derivation_of_a_data_key_is_pinned() -> None:
    """What was sealed must open for as long as it is kept."""
    commitment = DataKey.of(1, bytes(range(32))).commitment.hex()
    assert commitment == "aa59c41434478b9d028f90fa72c14c6a1098c736a6b5cd33c10e8bb6af0fabef"
