"""What was opened in a period, and what a lost key or a stolen copy exposes: counts, never content."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

import emoney.jobs.tables  # noqa: F401
from emoney.ledger.base.clock import Clock
from emoney.ledger.base.declarations import Category
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.base.postgres.table import Table
from emoney.privacy import ClearField, Place, Purpose, Sealed, SealedField, Vault, open_keyring
from emoney.privacy.breaches import exposure
from emoney.privacy.breaches.exposure import Held
from emoney.privacy.errors import InvalidPeriod, UnknownKey

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FIELDS = {"name": "Planted Name", "birth_date": "1990-04-05", "phone": "+233201234567"}


def clock_at(moment: datetime) -> Clock:
    return lambda: moment


def vault_at(database: Database, home: Path, moment: datetime = NOON) -> Vault:
    with database.connection() as connection:
        return Vault(open_keyring(home, connection), clock_at(moment))


def person(database: Database, owner_url: str, vault: Vault) -> UUID:
    """A person with three sealed fields."""
    subject = new_id()
    with database.connection() as connection:
        places = [ClearField(subject, Place("kyc.person", name, subject), FIELDS[name]) for name in FIELDS]
        sealed = vault.seal_many(connection, places)
    with psycopg.connect(owner_url) as owner:
        owner.execute(
            "INSERT INTO kyc.person (id, external_ref, kind, name, birth_date, phone, enrolled_at)"
            " VALUES (%s, %s, 'natural', %s, %s, %s, now())",
            (subject, str(subject), *(each.ciphertext for each in sealed)),
        )
    return subject


def open_name(database: Database, vault: Vault, subject: UUID, actor: str, purpose: Purpose) -> None:
    with database.connection() as connection:
        row = connection.execute("SELECT name FROM kyc.person WHERE id = %s", (subject,)).fetchone()
        assert row is not None
        field = SealedField(subject, Place("kyc.person", "name", subject), Sealed(row[0]))
        vault.open(connection, [field], purpose=purpose, actor=actor)


def counted(held: tuple[Held, ...]) -> dict[Category, tuple[int, int]]:
    return {each.category: (each.fields, each.subjects) for each in held}


def test_openings_are_told_by_actor_purpose_field_and_subject(
    database: Database, owner_url: str, home: Path
) -> None:
    a, b = (person(database, owner_url, vault_at(database, home)) for _ in range(2))
    for moment, subject, actor in (
        (NOON, a, "clerk-7"),
        (NOON + DAY, a, "clerk-7"),
        (NOON + DAY, b, "clerk-8"),
    ):
        vault = vault_at(database, home, moment)
        open_name(database, vault, subject, actor, Purpose.CUSTOMER_SERVICE)
    with database.connection() as connection:
        found = exposure.opened(connection, NOON, NOON + 2 * DAY)
        assert [(each.actor, each.subject, each.times) for each in found] == [
            ("clerk-7", a, 2),
            ("clerk-8", b, 1),
        ]
        assert found[0].field == "kyc.person.name"
        assert found[0].purpose == Purpose.CUSTOMER_SERVICE
        assert (found[0].first_at, found[0].last_at) == (NOON, NOON + DAY)
        by_one = exposure.opened(connection, NOON, NOON + 2 * DAY, actor="clerk-8")
        assert [each.subject for each in by_one] == [b]
        # the end is not part of the period
        assert [each.times for each in exposure.opened(connection, NOON, NOON + DAY)] == [1]
        assert "Planted" not in str(found)


@pytest.mark.parametrize(
    ("start", "until"), [(NOON, NOON), (NOON + DAY, NOON), (NOON.replace(tzinfo=None), NOON + DAY)]
)
def test_a_period_ends_after_it_begins(database: Database, start: datetime, until: datetime) -> None:
    with database.connection() as connection, pytest.raises(InvalidPeriod):
        exposure.opened(connection, start, until)


def test_more_than_can_be_listed_is_refused_and_not_cut_off(
    database: Database, owner_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposure, "LISTED_MAX", 1)
    vault = vault_at(database, home)
    for actor in ("clerk-7", "clerk-8"):
        open_name(database, vault, person(database, owner_url, vault), actor, Purpose.SCREENING)
    with database.connection() as connection:
        with pytest.raises(InvalidPeriod, match="shorter"):
            exposure.opened(connection, NOON, NOON + DAY)
        assert len(exposure.opened(connection, NOON, NOON + DAY, actor="clerk-7")) == 1


def test_a_lost_key_exposes_the_fields_of_its_subjects_and_no_others(
    database: Database, owner_url: str, home: Path, tmp_path: Path
) -> None:
    vault = vault_at(database, home)
    for _ in range(3):
        person(database, owner_url, vault)
    other = person(database, owner_url, vault)
    with psycopg.connect(owner_url) as owner:  # one subject's key is under another key-encryption key
        keks = owner.execute("SELECT DISTINCT kek FROM privacy.subject_key").fetchall()
        owner.execute(
            "INSERT INTO privacy.kek"
            " (id, provider, use, expires_month, state, created_at, seal_until, open_until)"
            " SELECT 'another', provider, use, '2031-05-01', state, created_at, seal_until, open_until"
            " FROM privacy.kek WHERE id = %s",
            keks[0],
        )
        owner.execute("ALTER TABLE privacy.subject_key DISABLE TRIGGER ALL")
        owner.execute("UPDATE privacy.subject_key SET kek = 'another' WHERE subject = %s", (other,))
        owner.execute("ALTER TABLE privacy.subject_key ENABLE TRIGGER ALL")
    [(kek,)] = keks
    with database.connection() as connection:
        lost = exposure.of_lost_key(connection, Table.metadata, kek)
        lost_other = exposure.of_lost_key(connection, Table.metadata, "another")
    assert counted(lost.exposed) == {Category.IDENTITY: (6, 3), Category.CONTACT: (3, 3)}
    assert counted(lost.stays_sealed) == {Category.IDENTITY: (2, 1), Category.CONTACT: (1, 1)}
    assert (lost.wrapped_keys, lost.subjects_of_keys) == (3, 3)
    assert counted(lost_other.exposed) == counted(lost.stays_sealed)
    assert counted(lost_other.stays_sealed) == counted(lost.exposed)


def test_a_destroyed_subject_key_exposes_nothing(database: Database, owner_url: str, home: Path) -> None:
    vault = vault_at(database, home)
    person(database, owner_url, vault)
    with database.connection() as connection:
        row = connection.execute("SELECT kek FROM privacy.subject_key").fetchone()
        assert row is not None
    with psycopg.connect(owner_url) as owner:
        owner.execute("ALTER TABLE privacy.subject_key DISABLE TRIGGER ALL")
        owner.execute("UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL")
        owner.execute("ALTER TABLE privacy.subject_key ENABLE TRIGGER ALL")
    with database.connection() as connection:
        lost = exposure.of_lost_key(connection, Table.metadata, row[0])
    assert (lost.exposed, lost.wrapped_keys) == ((), 0)


def test_a_key_that_is_not_there_is_told_with_those_that_are(database: Database) -> None:
    with database.connection() as connection, pytest.raises(UnknownKey, match="none yet"):
        exposure.of_lost_key(connection, Table.metadata, "elsewhere")


def test_a_stolen_copy_shows_pseudonyms_and_keeps_content_and_keys_sealed(
    database: Database, owner_url: str, home: Path
) -> None:
    vault = vault_at(database, home)
    for _ in range(2):
        person(database, owner_url, vault)
    with database.connection() as connection:
        stolen = exposure.of_stolen_dump(connection, Table.metadata, clock_at(NOON))
    sealed = counted(stolen.stays_sealed)
    assert sealed[Category.IDENTITY] == (4, 2)
    assert sealed[Category.CONTACT] == (2, 2)
    assert sealed[Category.KEY_MATERIAL] == (2, 2)
    readable = counted(stolen.exposed)
    assert set(readable) == {Category.PSEUDONYMOUS}
    assert readable[Category.PSEUDONYMOUS][1] == 2
    assert stolen.wrapped_keys == 0
    assert "Planted" not in str(asdict(stolen))
