import importlib

import psycopg
import pytest
from sqlalchemy import Column, LargeBinary, MetaData, Table, Text

from emoney.ledger.base.declarations import NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres import table
from emoney.ledger.base.postgres.database import Database
from emoney.privacy import SealedText
from emoney.privacy.assessment.inventory import read, undeclared, unmapped, unsealed
from emoney.privacy.errors import UndeclaredColumns

NAME = declare(Category.IDENTITY, "knowing the customer", Basis.LEGAL_OBLIGATION, "5 years")

for package in ("ledger", "privacy", "kyc", "aml"):
    importlib.import_module(f"emoney.{package}.tables")


def _metadata(*columns: Column[object], info: dict[str, object] | None = None) -> MetaData:
    metadata = MetaData()
    Table("thing", metadata, *columns, schema="kyc", info=info or {})
    return metadata


def test_no_column_of_any_package_is_undeclared() -> None:
    assert undeclared(table.Table.metadata) == []
    assert {row.schema for row in read(table.Table.metadata).rows} >= {"ledger", "privacy"}


def test_every_column_that_leads_straight_to_a_person_is_sealed() -> None:
    assert unsealed(read(table.Table.metadata)) == []


def test_no_column_of_the_database_is_unmapped(database: Database) -> None:
    with database.connection() as connection:
        assert unmapped(connection, table.Table.metadata) == []


def test_a_column_that_no_table_maps_is_found(database: Database, owner_url: str) -> None:
    with psycopg.connect(owner_url) as connection:
        connection.execute("ALTER TABLE privacy.opening ADD COLUMN branch text")
    with database.connection() as connection:
        assert unmapped(connection, table.Table.metadata) == ["privacy.opening.branch"]


def test_an_undeclared_column_is_found() -> None:
    metadata = _metadata(Column("declared", Text, info=NOT_PERSONAL), Column("forgotten", Text))
    assert undeclared(metadata) == ["kyc.thing.forgotten"]
    with pytest.raises(UndeclaredColumns, match=r"kyc\.thing\.forgotten"):
        read(metadata)


def test_a_column_speaks_for_itself_and_otherwise_its_table_does() -> None:
    metadata = _metadata(Column("code", Text), Column("name", SealedText, info=NAME), info=NOT_PERSONAL)
    code, name = read(metadata).rows
    assert (code.name, code.category, code.sealed) == ("kyc.thing.code", Category.NONE, False)
    assert (name.category, name.sealed, name.stored_as) == (Category.IDENTITY, True, "bytea")
    assert (name.purpose, name.basis, name.retention) == (
        "knowing the customer",
        Basis.LEGAL_OBLIGATION,
        "5 years",
    )


@pytest.mark.parametrize("category", [Category.IDENTITY, Category.CONTACT, Category.GOVERNMENT_ID])
@pytest.mark.parametrize("kind", [Text, LargeBinary])
def test_a_personal_column_in_clear_is_found(category: Category, kind: type) -> None:
    info = declare(category, "x", Basis.CONTRACT, "y")
    metadata = _metadata(Column("phone", kind, info=info), Column("name", SealedText, info=NAME))
    assert unsealed(read(metadata)) == ["kyc.thing.phone"]


def test_the_hash_changes_with_anything_declared_and_with_nothing_else() -> None:
    def hashed(kind: type = SealedText, info: dict[str, object] = NAME, name: str = "name") -> str:
        return read(_metadata(Column(name, kind, info=info), Column("a", Text, info=NOT_PERSONAL))).hash

    other = declare(Category.IDENTITY, "knowing the customer", Basis.LEGAL_OBLIGATION, "10 years")
    assert hashed() == hashed()
    assert len({hashed(), hashed(kind=LargeBinary), hashed(info=other), hashed(name="label")}) == 4
    reordered = _metadata(Column("a", Text, info=NOT_PERSONAL), Column("name", SealedText, info=NAME))
    assert read(reordered).hash == hashed()
