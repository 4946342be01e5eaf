"""Two persons for an end or a copy, one for an alarm; which state follows which; one use for each key."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

import emoney.kyc.tables  # noqa: F401  the rotation goes over their sealed columns
from emoney.kyc.persons import search
from emoney.ledger.base.errors import InvalidInput, InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.base.postgres.table import Table
from emoney.ledger.two_persons import NotApproved, RequestClosed, SamePerson
from emoney.privacy import KeyDestroyed, KeyUse, LocalKeyring, Place, Purpose, SealedField, Vault
from emoney.privacy.errors import KeyCompromised, KeyExpired, KeyInUse, KeyringMissing, KeyUnavailable
from emoney.privacy.keys import keks
from emoney.privacy.keys.algorithms import AlgorithmState, registry, window
from emoney.privacy.keys.control import DESTROY, EXPORT, ROOT
from emoney.privacy.keys.events import KeyKind
from emoney.privacy.keys.keyring import restore_root
from emoney.privacy.pseudonyms.domains import Pseudonyms
from emoney.privacy.rotation.rotation import Rotation

STATES = ("pre-active", "active", "decrypt-only", "compromised", "destroyed")
MAY = {
    "pre-active": {"active", "compromised", "destroyed"},
    "active": {"decrypt-only", "compromised", "destroyed"},
    "decrypt-only": {"compromised", "destroyed"},
    "compromised": {"destroyed"},
    "destroyed": set(),
}


@pytest.fixture
def item(database: Database, vault: Vault, subject: UUID, place: Place) -> SealedField:
    with database.connection() as connection:
        return SealedField(subject, place, vault.seal(connection, subject=subject, place=place, value="Esi"))


def _open(database: Database, vault: Vault, item: SealedField) -> str:
    with database.connection() as connection:
        return vault.open(connection, [item], purpose=Purpose.SCREENING, actor="job")[0]


def _kek(database: Database) -> str:
    with database.connection() as connection:
        row = connection.execute("SELECT id FROM privacy.kek WHERE state = 'active'").fetchone()
    assert row
    return str(row[0])


def test_one_person_alone_destroys_nothing(
    database: Database, vault: Vault, subject: UUID, item: SealedField
) -> None:
    with database.connection() as connection:
        ask: Any = {"actor": "dpo-1", "reason": "retention ended"}
        asked = vault.control.request(connection, DESTROY, KeyKind.SUBJECT_KEY, str(subject), **ask)
        with pytest.raises(NotApproved, match="nobody else"):
            vault.control.destroy(connection, asked)
        for same, refusal in (("dpo-1", SamePerson), (" DPO-1 ", InvalidRequest), ("Dpo-1", SamePerson)):
            with pytest.raises(refusal):
                vault.control.approve(connection, asked, actor=same)
        vault.control.approve(connection, asked, actor="dpo-2")
        with pytest.raises(RequestClosed, match="approved by dpo-2 already"):
            vault.control.approve(connection, asked, actor="dpo-3")
        with pytest.raises(InvalidRequest, match="no request"):
            vault.control.export_root(connection, asked)
    assert _open(database, vault, item) == "Esi"
    with database.connection() as connection:
        assert vault.control.destroy(connection, asked) == 1
        with pytest.raises(RequestClosed, match="carried out"):
            vault.control.destroy(connection, asked)
    with pytest.raises(KeyDestroyed):
        _open(database, vault, item)


def test_an_approval_after_seven_days_is_too_late(
    database: Database, home: Path, subject: UUID, item: SealedField
) -> None:
    now = [datetime(2026, 3, 1, tzinfo=UTC)]
    vault = Vault(LocalKeyring.load(home), lambda: now[0])
    with database.connection() as connection:
        asked = vault.control.request(
            connection, DESTROY, KeyKind.SUBJECT_KEY, str(subject), actor="a", reason="r"
        )
        now[0] += timedelta(days=8)
        with pytest.raises(RequestClosed, match="expired"):
            vault.control.approve(connection, asked, actor="b")


def test_what_was_agreed_is_done_within_seven_days_or_asked_for_anew(
    database: Database, home: Path, subject: UUID, item: SealedField
) -> None:
    now = [datetime(2026, 3, 1, tzinfo=UTC)]
    vault = Vault(LocalKeyring.load(home), lambda: now[0])
    ask: Any = {"actor": "a", "reason": "r"}
    with database.connection() as connection:
        keys: Any = (DESTROY, KeyKind.SUBJECT_KEY, str(subject))
        asked = vault.control.request(connection, *keys, **ask)
        for wrong in ({"shred": True}, {"shares": 3}, {"threshold": 2}):
            with pytest.raises(InvalidInput, match="Only"):
                vault.control.request(connection, *keys, **ask, **wrong)
        now[0] += timedelta(days=6)
        vault.control.approve(connection, asked, actor="b")
        now[0] += timedelta(days=7)
        with pytest.raises(RequestClosed, match="ask anew"):
            vault.control.destroy(connection, asked)
        assert vault.control.requests(connection) == []
        assert vault.control.pending(connection, KeyKind.SUBJECT_KEY, str(subject)) is None
    assert _open(database, vault, item) == "Esi"
    with database.connection() as connection:
        asked = vault.control.request(connection, *keys, **ask)
        vault.control.approve(connection, asked, actor="b")
        now[0] += timedelta(days=6)
        assert vault.control.destroy(connection, asked) == 1


@pytest.mark.parametrize("role", ["emoney_app", "postgres"])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger.request_decision SELECT id, action, subject, actor, requested_at, expires_at, "
        "kept, 'approved', actor, 'r', requested_at FROM ledger.request",
        "INSERT INTO ledger.request_decision SELECT id, action, subject, 'x', requested_at, expires_at, "
        "kept, 'approved', actor, 'r', requested_at FROM ledger.request",
        "INSERT INTO ledger.request_done (request_id, decided_at, kept, done_at) "
        "SELECT id, requested_at, kept, requested_at FROM ledger.request",
        "UPDATE ledger.request SET target = 'other'",
        "DELETE FROM ledger.request",
        "UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL",
        "UPDATE privacy.kek SET state = 'destroyed'",
    ],
)
def test_the_database_holds_the_two_apart(
    database: Database, owner_url: str, vault: Vault, subject: UUID, item: SealedField, role: str,
    statement: str,
) -> None:  # fmt: skip
    with database.connection() as connection:
        vault.control.request(connection, DESTROY, KeyKind.SUBJECT_KEY, str(subject), actor="a", reason="r")
    with psycopg.connect(owner_url) as connection:
        connection.execute(f"SET ROLE {role}".encode())
        with pytest.raises(psycopg.Error):
            connection.execute(statement.encode())


@pytest.mark.parametrize("was", STATES)
@pytest.mark.parametrize("becomes", STATES)
def test_the_database_lets_states_follow_as_allowed(
    owner_url: str, vault: Vault, item: SealedField, was: str, becomes: str
) -> None:
    if was == becomes:
        return
    with psycopg.connect(owner_url) as connection:
        connection.execute(
            "INSERT INTO ledger.request (id, action, target, details, actor, reason, requested_at, "
            "expires_at) VALUES (gen_random_uuid(), 'destroy_key', 'k', '{\"kind\": \"kek\"}', 'a', 'r', "
            "now(), now() + interval '7 days')"
        )
        connection.execute(
            "INSERT INTO ledger.request_decision SELECT id, action, subject, actor, requested_at, "
            "expires_at, kept, 'approved', 'b', 'r', requested_at FROM ledger.request"
        )
        connection.execute(
            "INSERT INTO privacy.kek VALUES ('k', 'local', 'wrap subject keys', '2030-01-01', %s, now(), "
            "now() + interval '1 day', now() + interval '1 day')",
            (was,),
        )
        change = "UPDATE privacy.kek SET state = %s WHERE id = 'k'"
        if becomes in MAY[was]:
            connection.execute(change, (becomes,))
        else:
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
                connection.execute(change, (becomes,))
        connection.rollback()


@pytest.mark.parametrize("kind", [KeyKind.SUBJECT_KEY, KeyKind.KEK])
def test_a_compromised_key_neither_seals_nor_opens_until_rotated(
    database: Database, vault: Vault, subject: UUID, item: SealedField, kind: KeyKind
) -> None:
    target = str(subject) if kind is KeyKind.SUBJECT_KEY else _kek(database)
    with database.connection() as connection:
        assert vault.control.compromise(connection, kind, target, actor="ciso", reason="laptop stolen") == 1
    with pytest.raises(KeyCompromised, match="rotate"):
        _open(database, vault, item)
    place = Place("kyc.person", "phone", item.place.row)
    with pytest.raises(KeyCompromised, match="rotate"), database.connection() as connection:
        vault.seal(connection, subject=subject, place=place, value="x")
    rotation = Rotation(database, vault, Table.metadata)
    if kind is KeyKind.KEK:
        rotation.rewrap(actor="ciso")
        assert _open(database, vault, item) == "Esi"
    else:
        rotation.reencrypt(actor="ciso")
        with database.connection() as connection:  # the field stands in no table, so only new ones open
            place = Place("kyc.person", "phone", item.place.row)
            raw = vault.seal(connection, subject=subject, place=place, value="new")
        assert _open(database, vault, SealedField(subject, place, raw)) == "new"


def test_a_key_of_another_use_wraps_nothing(
    database: Database, owner_url: str, vault: Vault, item: SealedField, home: Path
) -> None:
    keyring = LocalKeyring.load(home)
    index_kek = keyring.create(KeyUse.INDEX_KEYS)
    with psycopg.connect(owner_url) as connection:
        connection.execute(
            "INSERT INTO privacy.kek SELECT %s, 'local', 'wrap index keys', NULL, 'active', created_at, "
            "seal_until, open_until FROM privacy.kek",
            (index_kek,),
        )
        for statement in (
            "UPDATE privacy.subject_key SET kek = %s, wrapped = wrapped || '\\x00'",
            "INSERT INTO privacy.subject_key SELECT gen_random_uuid(), 1, wrapped, %s, 'active', created_at, "
            "seal_until, open_until FROM privacy.subject_key",
        ):
            with (
                pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="of their use"),
                connection.transaction(),
            ):
                connection.execute(statement, (index_kek,))


def test_the_originators_window_ends_in_a_new_version_and_the_recipients_in_a_refusal(
    database: Database, home: Path, subject: UUID, place: Place
) -> None:
    now = [datetime(2026, 3, 1, tzinfo=UTC)]
    with database.connection() as connection:
        vault = Vault(LocalKeyring.create_at(home), lambda: now[0])
        first = SealedField(subject, place, vault.seal(connection, subject=subject, place=place, value="Esi"))
    now[0] = window("seal fields", now[0]).seal_until
    other = Place("kyc.person", "phone", place.row)
    with database.connection() as connection:
        second = SealedField(
            subject, other, vault.seal(connection, subject=subject, place=other, value="+233")
        )
        states = connection.execute("SELECT version, state FROM privacy.subject_key ORDER BY 1").fetchall()
    assert states == [(1, "decrypt-only"), (2, "active")]
    assert [_open(database, vault, it) for it in (first, second)] == ["Esi", "+233"]
    now[0] = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=4380)
    with pytest.raises(KeyExpired, match="rotate"):
        _open(database, vault, first)


def test_a_kek_is_destroyed_with_what_is_below_it_only_when_that_is_said(
    database: Database, vault: Vault, item: SealedField, home: Path
) -> None:
    kek = _kek(database)

    def agreed(shred: bool = False) -> UUID:
        with database.connection() as connection:
            asked = vault.control.request(
                connection, DESTROY, KeyKind.KEK, kek, actor="a", reason="r", shred=shred
            )
            vault.control.approve(connection, asked, actor="b")
            return asked

    request = agreed()
    with pytest.raises(KeyInUse, match="1 keys"), database.connection() as connection:
        vault.control.destroy(connection, request)
    request = agreed(shred=True)
    with database.connection() as connection:
        copy = connection.execute("SELECT subject, version, wrapped FROM privacy.subject_key").fetchall()
        assert vault.control.destroy(connection, request) == 2
    with pytest.raises(KeyDestroyed):
        _open(database, vault, item)
    assert kek not in LocalKeyring.load(home).names
    for _, _, wrapped in copy:  # what a backup of the database still has
        with pytest.raises(KeyUnavailable):
            LocalKeyring.load(home).unwrap(wrapped, kek=kek, context=b"")


@pytest.mark.parametrize("use", [KeyUse.INDEX_KEYS, KeyUse.PSEUDONYM_KEYS])
def test_what_searches_and_pseudonyms_rest_on_is_never_shredded(
    database: Database, vault: Vault, use: KeyUse
) -> None:
    domain = Pseudonyms(vault.providers, "study")
    with database.connection() as connection:
        vault.indexes.sealing_keys(connection, [search.PHONE])
        domain.create(connection, purpose="a study", reversible=False, actor="dpo-1")
        token = domain.of(connection, [subject := new_id()])
        [kek] = [each for each in keks.listed(connection) if each.use == use]
        both = [
            vault.control.request(
                connection, DESTROY, KeyKind.KEK, kek.id, actor="a", reason="r", shred=shred
            )
            for shred in (False, True)
        ]
        for asked in both:
            vault.control.approve(connection, asked, actor="b")
    assert kek.wraps == 1
    for asked in both:
        with pytest.raises(KeyInUse, match="rotate first"), database.connection() as connection:
            vault.control.destroy(connection, asked)
    Rotation(database, vault, Table.metadata).rewrap(actor="a")
    with database.connection() as connection:
        assert vault.control.destroy(connection, asked) == 1
        assert domain.of(connection, [subject]) == token


def test_unknown_targets_are_refused(database: Database, vault: Vault) -> None:
    with database.connection() as connection:
        for kind, target in (
            (KeyKind.SUBJECT_KEY, str(new_id())),
            (KeyKind.SUBJECT_KEY, "no uuid"),
            (KeyKind.KEK, "nothing"),
            (KeyKind.INDEX_KEY, "kyc.person.phone/9"),
        ):
            with pytest.raises(InvalidInput):
                vault.control.request(connection, DESTROY, kind, target, actor="a", reason="r")
        with pytest.raises(InvalidInput, match="only the root"):
            vault.control.request(connection, EXPORT, KeyKind.KEK, "x", actor="a", reason="r")


def test_a_lost_root_comes_back_from_enough_shares(
    database: Database, vault: Vault, item: SealedField, home: Path
) -> None:
    with database.connection() as connection:
        ask: Any = {"actor": "a", "reason": "backup"}
        for wrong in ({}, {"shares": 5}, {"shares": 5, "threshold": 1}, {"shares": 17, "threshold": 3}):
            with pytest.raises(InvalidInput, match="threshold of 2"):
                vault.control.request(connection, EXPORT, KeyKind.ROOT, ROOT, **ask, **wrong)
        asked = vault.control.request(connection, EXPORT, KeyKind.ROOT, ROOT, **ask, shares=5, threshold=3)
        assert vault.control.approve(connection, asked, actor="b").details == {
            "kind": "root",
            "shares": 5,
            "threshold": 3,
        }
        shares = vault.control.export_root(connection, asked)
        events = connection.execute("SELECT event FROM privacy.key_event WHERE kind = 'root' ORDER BY id")
        assert [row[0] for row in events] == ["export requested", "exported"]
    root = home / "keys" / "root.key"
    secret = root.read_bytes()
    root.unlink()
    with pytest.raises(KeyringMissing):
        LocalKeyring.load(home)
    told = set()
    for few in (shares[:2], [*shares[:2], shares[1]], [*shares[:2], shares[2].replace(" ", " x", 1)], []):
        with pytest.raises(InvalidInput, match="do not give a root key back") as refused:
            restore_root(home, few)
        assert not root.exists()
        told.add(str(refused.value))
    assert len(told) == 1, "what is told of shares is what is told without any: nothing of their words"
    restore_root(home, [shares[4], shares[0], shares[2].upper()])
    assert root.read_bytes() == secret
    assert _open(database, Vault(LocalKeyring.load(home)), item) == "Esi"


def test_the_algorithm_registry_names_a_reference_and_a_place_for_each_suite_in_use() -> None:
    suites = registry()
    assert len({suite.id for suite in suites}) == len(suites)
    root = Path(__file__).resolve().parents[3]
    for suite in suites:
        assert bool(suite.used_in) == (suite.state is not AlgorithmState.DENIED)
        for place in suite.used_in:
            assert (root / place.split(" ")[0].rstrip(",")).exists(), place
    assert {suite.state for suite in suites} == set(AlgorithmState)
