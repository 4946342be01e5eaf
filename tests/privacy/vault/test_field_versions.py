"""An older value put back does not open, nor one that names another format."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.privacy import CannotOpen, ClearField, Place, Purpose, Sealed, SealedField, Vault
from emoney.privacy.errors import InvalidField


def _open(database: Database, vault: Vault, subject: UUID, place: Place, raw: bytes) -> str:
    with database.connection() as connection:
        items = [SealedField(subject, place, Sealed(raw))]
        return vault.open(connection, items, purpose=Purpose.SCREENING, actor="job")[0]


def _seal(database: Database, vault: Vault, subject: UUID, place: Place, value: str) -> bytes:
    with database.connection() as connection:
        return vault.seal(connection, subject=subject, place=place, value=value).ciphertext


def test_an_older_value_put_back_does_not_open(
    database: Database, vault: Vault, subject: UUID, place: Place
) -> None:
    old = _seal(database, vault, subject, place, "Ama Mensah")
    other = Place(place.table, "address", place.row)
    beside = _seal(database, vault, subject, other, "12 Ring Road")
    new = _seal(database, vault, subject, place, "Ama Owusu")
    assert _open(database, vault, subject, place, new) == "Ama Owusu"
    assert _open(database, vault, subject, other, beside) == "12 Ring Road"  # each column has its own
    with pytest.raises(CannotOpen) as refused:
        _open(database, vault, subject, place, old)
    assert str(refused.value) == str(CannotOpen())


def test_a_value_whose_sealing_was_rolled_back_leaves_the_former_one(
    database: Database, vault: Vault, subject: UUID, place: Place
) -> None:
    old = _seal(database, vault, subject, place, "Ama Mensah")
    with database.connection() as connection:
        vault.seal(connection, subject=subject, place=place, value="lost")
        connection.rollback()
    assert _open(database, vault, subject, place, old) == "Ama Mensah"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE privacy.sealed_row SET versions = '{\"name\": 1}'",
        "UPDATE privacy.sealed_row SET versions = '{}'",
        "UPDATE privacy.sealed_row SET subject = gen_random_uuid()",
        "DELETE FROM privacy.sealed_row",
        "TRUNCATE privacy.sealed_row",
    ],
)
def test_versions_only_grow_for_the_owner_too(
    database: Database, owner_url: str, vault: Vault, subject: UUID, place: Place, statement: str
) -> None:
    for value in ("one", "two"):
        _seal(database, vault, subject, place, value)
    with (
        psycopg.connect(owner_url) as connection,
        pytest.raises(psycopg.Error, match=r"grows|kept|append-only"),
    ):
        connection.execute(statement.encode())


def test_a_version_that_is_gone_or_ahead_opens_nothing(
    database: Database, owner_url: str, vault: Vault, subject: UUID, place: Place
) -> None:
    raw = _seal(database, vault, subject, place, "Ama")
    for change in (
        "UPDATE privacy.sealed_row SET versions = '{\"name\": 2}'",
        "DELETE FROM privacy.sealed_row",
    ):
        with psycopg.connect(owner_url) as owner:
            owner.execute("ALTER TABLE privacy.sealed_row DISABLE TRIGGER USER")
            owner.execute(change.encode())
        with pytest.raises(CannotOpen):
            _open(database, vault, subject, place, raw)


def test_one_row_is_about_one_subject_and_holds_one_value_a_column(
    database: Database, vault: Vault, subject: UUID, place: Place
) -> None:
    with database.connection() as connection:
        with pytest.raises(InvalidField, match="twice"):
            vault.seal_many(connection, [ClearField(subject, place, "a"), ClearField(subject, place, "b")])
        other = Place(place.table, "phone", place.row)
        with pytest.raises(InvalidField, match="one subject"):
            vault.seal_many(connection, [ClearField(subject, place, "a"), ClearField(new_id(), other, "b")])
        vault.seal(connection, subject=subject, place=place, value="a")
        with pytest.raises(InvalidField, match="first sealed for"):
            vault.seal(connection, subject=new_id(), place=place, value="b")


@pytest.mark.parametrize("head", [b"\1", b"\3", b"\2\2", b"\2\0"])
def test_a_field_of_another_format_or_suite_does_not_open(
    database: Database, vault: Vault, subject: UUID, place: Place, head: bytes
) -> None:
    raw = _seal(database, vault, subject, place, "Ama Mensah")
    with pytest.raises(CannotOpen) as refused:
        _open(database, vault, subject, place, head + raw[len(head) :])
    assert str(refused.value) == str(CannotOpen())


def test_a_bulk_opening_costs_one_query_for_versions(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = [
        ClearField(row, Place("kyc.person", column, row), "x")
        for row in (new_id() for _ in range(30))
        for column in ("name", "phone")
    ]
    with database.connection() as connection:
        sealed = vault.seal_many(connection, fields)
        items = [SealedField(c.subject, c.place, s) for c, s in zip(fields, sealed, strict=True)]
        asked: list[str] = []
        real = psycopg.Cursor.execute

        def counting(self: Any, query: Any, *arguments: Any, **named: Any) -> Any:
            asked.append(str(query))
            return real(self, query, *arguments, **named)

        monkeypatch.setattr(psycopg.Cursor, "execute", counting)
        vault.open(connection, items, purpose=Purpose.SCREENING, actor="job")
    assert len([query for query in asked if "privacy.sealed_row" in query]) == 1
    assert len([query for query in asked if "privacy.subject_key" in query]) == 1
