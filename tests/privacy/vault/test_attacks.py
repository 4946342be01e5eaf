"""Someone who may write anything into the database, but has no key: nothing opens, and one error says so."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from emoney.jobs import rotation as rotating
from emoney.jobs.installation import Emoney
from emoney.ledger.base.errors import EmoneyError
from emoney.ledger.base.postgres.database import Database
from emoney.privacy import CannotOpen, Place, Purpose, SealedField, Vault, open_keyring
from emoney.privacy.errors import KeyDestroyed, KeyUnavailable
from emoney.privacy.keys.control import DESTROY
from emoney.privacy.keys.events import KeyKind
from emoney.privacy.vault.vault import rows_of

AMA, KOFI = (
    {
        "external_ref": ref,
        "currency": "GHS",
        "name": name,
        "birth_date": "1987-03-14",
        "phone": phone,
        "id_kind": "national_id",
        "id_number": number,
    }
    for ref, name, phone, number in (
        ("ama", "Ama Quartey", "+233244771902", "GHA-718293746-4"),
        ("kofi", "Kofi Mensah", "+233244771903", "GHA-718293746-5"),
    )
)

Owner = Callable[..., None]


@pytest.fixture
def emoney(home: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("EMONEY_DATABASE_URL", owner_url)
    assert home
    with Emoney.open() as opened:
        opened.kyc.enrol_many([dict(AMA), dict(KOFI)])
        yield opened


@pytest.fixture
def owner(owner_url: str) -> Owner:
    """Runs statements as the owner, with every trigger of ours off."""

    def run(*statements: str) -> None:
        with psycopg.connect(owner_url) as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in statements:
                connection.execute(statement.encode())

    return run


def person(emoney: Emoney, ref: str) -> UUID:
    with emoney.database.connection() as connection:
        row = connection.execute("SELECT id FROM kyc.person WHERE external_ref = %s", (ref,)).fetchone()
    assert row is not None
    found: UUID = row[0]
    return found


def opened(emoney: Emoney, ref: str, column: str = "phone", vault: Vault | None = None) -> str:
    row = person(emoney, ref)
    with emoney.database.connection() as connection:
        [(_, sealed)] = rows_of(connection, "kyc.person", (column,), [row])
        item = SealedField(row, Place("kyc.person", column, row), sealed[column])
        return (vault or emoney.vault).open(connection, [item], purpose=Purpose.SCREENING, actor="job")[0]


OTHER = "(SELECT {} FROM kyc.person WHERE external_ref = 'kofi')"
KEYS = "privacy.subject_key AS mine SET {} FROM privacy.subject_key AS other, kyc.person AS p "
KEYS += "WHERE p.external_ref = 'ama' AND mine.subject = p.id AND other.subject <> p.id"


@pytest.mark.parametrize(
    "attack",
    [
        f"UPDATE kyc.person SET phone = {OTHER.format('phone')} WHERE external_ref = 'ama'",
        "UPDATE kyc.person SET phone = name WHERE external_ref = 'ama'",
        "UPDATE kyc.person SET phone = substr(phone, 1, length(phone) - 1)",
        "UPDATE kyc.person SET phone = substr(phone, 1, 20) || phone",
        "UPDATE kyc.person SET phone = set_byte(phone, 5, 2)",
        "UPDATE kyc.person SET phone = set_byte(phone, 9, 2)",
        "UPDATE kyc.person SET phone = set_byte(phone, 15, get_byte(phone, 15) # 1)",
        "UPDATE kyc.person SET phone = set_byte(phone, 45, get_byte(phone, 45) # 1)",
        "UPDATE kyc.person SET phone = set_byte(phone, 60, get_byte(phone, 60) # 1)",
        "UPDATE kyc.person SET phone = set_byte(phone, 100, get_byte(phone, 100) # 1)",
        "UPDATE kyc.person SET phone = set_byte(phone, 0, 1)",
        "UPDATE " + KEYS.format("wrapped = other.wrapped"),
        "UPDATE privacy.subject_key SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)",
        "UPDATE privacy.subject_key SET wrapped = substr(wrapped, 1, 60)",
        "UPDATE privacy.subject_key SET version = 7",
        "DELETE FROM privacy.subject_key",
        "UPDATE privacy.sealed_row SET versions = versions || '{\"phone\": 2}'",
        "DELETE FROM privacy.sealed_row",
    ],
)
def test_whatever_is_written_over_the_one_error_is_the_same(
    emoney: Emoney, owner: Owner, attack: str, home: Path
) -> None:
    assert opened(emoney, "ama") == AMA["phone"]
    owner(attack)
    for vault in (emoney.vault, None):
        if vault is None:
            with emoney.database.connection() as connection:
                vault = Vault(open_keyring(home, connection))  # without a cache
        with pytest.raises(CannotOpen) as refused:
            opened(emoney, "ama", vault=vault)
        assert str(refused.value) == str(CannotOpen())
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_key_under_a_key_of_another_use_opens_nothing(emoney: Emoney, owner: Owner, home: Path) -> None:
    owner("UPDATE privacy.subject_key SET kek = (SELECT id FROM privacy.kek WHERE use = 'wrap index keys')")
    with emoney.database.connection() as connection:
        fresh = Vault(open_keyring(home, connection))
    with pytest.raises(EmoneyError) as refused:
        opened(emoney, "ama", vault=fresh)
    assert isinstance(refused.value, CannotOpen | KeyUnavailable)
    assert "+233" not in str(refused.value)


def test_a_wrap_put_back_after_its_key_ended_opens_nothing(
    emoney: Emoney, owner: Owner, owner_url: str
) -> None:
    """The old wrap, kept in a backup, is of no use once the key-encryption key above it is gone."""
    with psycopg.connect(owner_url) as connection:
        [(old, wrapped)] = connection.execute(
            "SELECT k.kek, k.wrapped FROM privacy.subject_key AS k JOIN kyc.person AS p ON p.id = k.subject "
            "WHERE p.external_ref = 'ama'"
        ).fetchall()
    rotating.rotation(emoney).rewrap(actor="ops-1")
    control = emoney.vault.control
    with emoney.database.connection() as connection:
        asked = control.request(connection, DESTROY, KeyKind.KEK, old, actor="a", reason="rotated")
        control.approve(connection, asked, actor="b")
        control.destroy(connection, asked)
    assert opened(emoney, "ama") == AMA["phone"]
    owner(
        f"UPDATE privacy.subject_key SET kek = '{old}', wrapped = '\\x{bytes(wrapped).hex()}' "
        f"WHERE subject = '{person(emoney, 'ama')}'"
    )
    with pytest.raises(KeyDestroyed):
        opened(emoney, "ama")
    owner(f"UPDATE privacy.kek SET state = 'decrypt-only' WHERE id = '{old}'")
    with pytest.raises(KeyUnavailable):
        opened(emoney, "ama")


def test_a_destroyed_key_is_not_taken_back(emoney: Emoney, owner_url: str) -> None:
    """The database takes no destroyed key back; against one put in anyway, the key above it must end."""
    row = person(emoney, "ama")
    with psycopg.connect(owner_url) as connection:
        [(wrapped,)] = connection.execute(
            "SELECT wrapped FROM privacy.subject_key WHERE subject = %s", (row,)
        ).fetchall()
    control = emoney.vault.control
    with emoney.database.connection() as connection:
        asked = control.request(connection, DESTROY, KeyKind.SUBJECT_KEY, str(row), actor="a", reason="ended")
        control.approve(connection, asked, actor="b")
        control.destroy(connection, asked)
    with pytest.raises(KeyDestroyed):
        opened(emoney, "ama")
    assert opened(emoney, "kofi") == KOFI["phone"]
    with pytest.raises(psycopg.errors.IntegrityError), psycopg.connect(owner_url) as connection:
        connection.execute(
            "UPDATE privacy.subject_key SET state = 'active', wrapped = %s WHERE subject = %s", (wrapped, row)
        )


def test_a_restored_snapshot_repeats_no_nonce(
    emoney: Emoney, owner_url: str, home: Path, tmp_path: Path
) -> None:
    """Database and keyring are copied, and both copies seal the same field on."""
    row = person(emoney, "ama")
    place = Place("kyc.person", "name", row)
    emoney.close()
    name = make_name(owner_url)
    admin = make_conninfo(owner_url, dbname="postgres")
    shutil.copytree(home, tmp_path / "copy", copy_function=shutil.copy2)
    with psycopg.connect(admin, autocommit=True) as connection:
        source = psycopg.conninfo.conninfo_to_dict(owner_url)["dbname"]
        connection.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{source}'".encode()
        )
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {source}".encode())
    try:
        nonces = []
        for url, where in ((owner_url, home), (make_conninfo(owner_url, dbname=name), tmp_path / "copy")):
            database = Database(url)
            with database.connection() as connection:
                vault = Vault(open_keyring(where, connection))
                for _ in range(50):
                    sealed = vault.seal(connection, subject=row, place=place, value="Ama Owusu")
                    nonces.append(sealed.ciphertext[42:54])
            database.close()
        assert len(set(nonces)) == 100
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def make_name(url: str) -> str:
    return f"{psycopg.conninfo.conninfo_to_dict(url)['dbname']}_copy"
