"""The key of a pseudonym epoch: ended by two persons once the epoch is over, and never brought back."""

from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

import emoney.kyc.tables  # noqa: F401  the rotation goes over their sealed columns
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.base.postgres.table import Table
from emoney.ledger.proofs import SigningKey, audit, seal
from emoney.ledger.two_persons import NotApproved, SamePerson
from emoney.privacy import KeyDestroyed, KeyUse, Vault
from emoney.privacy.errors import KeyInUse
from emoney.privacy.keys import keks
from emoney.privacy.keys.control import DESTROY
from emoney.privacy.keys.events import KeyKind
from emoney.privacy.pseudonyms.domains import Pseudonyms
from emoney.privacy.rotation.rotation import Rotation


def _study(database: Database, vault: Vault) -> Pseudonyms:
    study = Pseudonyms(vault.providers, "study")
    with database.connection() as connection:
        study.create(connection, purpose="a study", actor="dpo-1")
        study.rotate(connection, actor="dpo-1")
    return study


def test_the_key_of_an_epoch_that_is_over_ends_by_two_and_nothing_else_does(
    database: Database, owner_url: str, vault: Vault, subject: UUID, tmp_path: Path
) -> None:
    study = _study(database, vault)
    control, about = vault.control, {"actor": "dpo-1", "reason": "study is over"}
    other = Pseudonyms(vault.providers, "study-1")  # whose name looks like another's target
    with database.connection() as connection:
        other.create(connection, purpose="a study", actor="dpo-1")
        other.rotate(connection, actor="dpo-1")
        told = [study.of(connection, [subject], epoch=epoch) for epoch in (1, 2)]
        others = other.of(connection, [subject], epoch=1)
        asked = control.request(connection, DESTROY, KeyKind.PSEUDONYM_KEY, "study/1", **about)
        with pytest.raises(NotApproved, match="nobody else"):
            control.destroy(connection, asked)
        with pytest.raises(SamePerson, match="second person"):
            control.approve(connection, asked, actor="DPO-1")
        control.approve(connection, asked, actor="dpo-2")
        [before] = [each.wraps for each in keks.listed(connection) if each.use == KeyUse.PSEUDONYM_KEYS]
        assert control.destroy(connection, asked) == 1
        [after] = [each.wraps for each in keks.listed(connection) if each.use == KeyUse.PSEUDONYM_KEYS]
        assert (before, after) == (4, 3)
    with database.connection() as connection:
        with pytest.raises(KeyDestroyed, match="epoch 1 of study"):
            study.of(connection, [subject], epoch=1)
        assert study.of(connection, [subject]) == told[1]
        assert other.of(connection, [subject], epoch=1) == others
        assert study.rotate(connection, actor="dpo-1") == 3
        events = connection.execute(
            "SELECT event, domain, version, actor, reason FROM privacy.key_event"
            " WHERE kind = 'pseudonym key' ORDER BY id"
        ).fetchall()
        [kept] = connection.execute(
            "SELECT wrapped IS NULL AND kek IS NULL AND destroyed_at IS NOT NULL, started_by"
            " FROM privacy.pseudonym_epoch WHERE (domain, epoch) = ('study', 1)"
        ).fetchall()
        with pytest.raises(InvalidInput, match="no living"):
            control.request(connection, DESTROY, KeyKind.PSEUDONYM_KEY, "study/1", **about)
        assert control.requests(connection) == []
    assert events == [
        ("destroy requested", "study", 1, "dpo-1", "study is over"),
        ("destroyed", "study", 1, "dpo-2", "study is over"),
    ]
    assert kept == (True, "dpo-1")
    key = SigningKey.create(tmp_path, "wallet.example/ledger")
    seal(database, key)
    with database.connection() as connection:
        assert audit(connection, key.public).sound
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE privacy.key_event SET domain = 'other' WHERE event = 'destroyed'")
    with database.connection() as connection:
        assert [each.what for each in audit(connection, key.public).findings] == ["altered"]


def test_the_newest_epoch_and_what_has_no_key_are_not_destroyed(database: Database, vault: Vault) -> None:
    study = _study(database, vault)
    ask: Any = {"actor": "dpo-1", "reason": "study is over"}
    with database.connection() as connection:
        with pytest.raises(KeyInUse, match="rotate first"):
            vault.control.request(connection, DESTROY, KeyKind.PSEUDONYM_KEY, "study/2", **ask)
        for target in ("study/3", "study", "study/01", "/1", "nowhere/1"):
            with pytest.raises(InvalidInput, match="no living"):
                vault.control.request(connection, DESTROY, KeyKind.PSEUDONYM_KEY, target, **ask)
        with pytest.raises(InvalidInput, match="next epoch"):
            vault.control.compromise(connection, KeyKind.PSEUDONYM_KEY, "study/1", **ask)
        random = Pseudonyms(vault.providers, "random")
        random.create(connection, purpose="a study", reversible=True, actor="dpo-1")
        random.rotate(connection, actor="dpo-1")
        with pytest.raises(InvalidInput, match="no living"):
            vault.control.request(connection, DESTROY, KeyKind.PSEUDONYM_KEY, "random/1", **ask)
        study.rotate(connection, actor="dpo-1")
        assert vault.control.request(connection, DESTROY, KeyKind.PSEUDONYM_KEY, "study/2", **ask)


_ENDED = "SET wrapped = NULL, kek = NULL, destroyed_at = now()"


@pytest.mark.parametrize("role", ["emoney_app", "postgres"])
@pytest.mark.parametrize(
    ("change", "epoch"),
    [
        (_ENDED, 1),  # asked for by one
        (_ENDED, 3),  # the newest, agreed to
        ("SET wrapped = NULL, kek = NULL", 2),
        ("SET wrapped = NULL, destroyed_at = now()", 2),
        ("SET kek = NULL, destroyed_at = now()", 2),
        ("SET destroyed_at = now()", 2),
        ("SET wrapped = wrapped || '\\x00', kek = kek || 'x', destroyed_at = now()", 2),
        (_ENDED + ", started_at = started_at - interval '1 day'", 2),
    ],
)
def test_the_database_lets_no_key_of_an_epoch_end_otherwise(
    database: Database, owner_url: str, vault: Vault, role: str, change: str, epoch: int
) -> None:
    study = _study(database, vault)
    with database.connection() as connection:
        study.rotate(connection, actor="dpo-1")
        for number in (1, 2, 3):
            connection.execute(
                "INSERT INTO ledger.request"
                " (id, action, target, details, actor, reason, requested_at, expires_at)"
                " VALUES (gen_random_uuid(), 'destroy_key', %s, '{\"kind\": \"pseudonym key\"}', 'a', 'r',"
                " now(), now() + interval '7 days')",
                (f"study/{number}",),
            )
        connection.execute(
            "INSERT INTO ledger.request_decision (request_id, action, asked_by, requested_at, expires_at,"
            " kept, outcome, actor, reason, decided_at) SELECT id, action, actor, requested_at, expires_at,"
            " kept, 'approved', 'b', 'r', requested_at FROM ledger.request WHERE target <> 'study/1'"
        )
    with psycopg.connect(owner_url) as connection:
        connection.execute(f"SET ROLE {role}".encode())
        with pytest.raises(psycopg.Error) as refused, connection.transaction():
            connection.execute(
                f"UPDATE privacy.pseudonym_epoch {change} WHERE domain = 'study' AND epoch = {epoch}".encode()
            )
        allowed = (psycopg.IntegrityError, psycopg.errors.InsufficientPrivilege)
        assert isinstance(refused.value, allowed)
        connection.execute(f"UPDATE privacy.pseudonym_epoch {_ENDED} WHERE epoch = 2".encode())
        for back in (
            "wrapped = '\\x00', kek = (SELECT id FROM privacy.kek LIMIT 1), destroyed_at = NULL",
            "destroyed_at = NULL",
            "destroyed_at = now() + interval '1 hour'",
        ):
            with pytest.raises(psycopg.IntegrityError), connection.transaction():
                connection.execute(f"UPDATE privacy.pseudonym_epoch SET {back} WHERE epoch = 2".encode())


def test_a_destroyed_epoch_does_not_stand_in_the_way_of_its_key_encryption_key(
    database: Database, vault: Vault, subject: UUID
) -> None:
    study = _study(database, vault)
    ask: Any = {"actor": "dpo-1", "reason": "study is over"}
    with database.connection() as connection:
        asked = vault.control.request(connection, DESTROY, KeyKind.PSEUDONYM_KEY, "study/1", **ask)
        vault.control.approve(connection, asked, actor="dpo-2")
        vault.control.destroy(connection, asked)
        told = study.of(connection, [subject])
        [former] = [each.id for each in keks.listed(connection) if each.use == KeyUse.PSEUDONYM_KEYS]
    Rotation(database, vault, Table.metadata).rewrap(actor="dpo-1")
    with database.connection() as connection:
        asked = vault.control.request(connection, DESTROY, KeyKind.KEK, former, **ask)
        vault.control.approve(connection, asked, actor="dpo-2")
        assert vault.control.destroy(connection, asked) == 1
        assert study.of(connection, [subject]) == told
