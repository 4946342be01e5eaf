"""Whoever reads every row of every table, as the database's superuser, finds no personal value in them."""

import io
import json
import sys
from pathlib import Path

import psycopg
import pytest
from haystacks import Needles, tables
from psycopg import sql

import emoney.jobs.tables  # noqa: F401
from emoney.jobs.cli import main
from emoney.ledger.base.postgres.table import Table
from emoney.privacy.assessment import inventory

PERSON = {
    "external_ref": "w-1",
    "name": "Planted Ama Quarshie",
    "birth_date": "1987-06-05",
    "phone": "+233207654321",
    "id_kind": "national_id",
    "id_number": "GHA-712345678-9",
    "address": "17 Planted Lane, Kumasi",
    "currency": "GHS",
}
PLANTED = (
    "Planted Ama",
    "Quarshie",
    "1987-06-05",
    "+233207654321",
    "207654321",
    "GHA-712345678-9",
    "Planted Lane",
)


@pytest.fixture
def enrolled_url(home: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database in which the planted person was enrolled, through the command line."""
    monkeypatch.setenv("EMONEY_DATABASE_URL", owner_url)
    monkeypatch.setattr(sys, "argv", ["emoney", "kyc", "enrol", "-"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(PERSON).encode())))
    main_ended(0)
    return owner_url


def main_ended(code: int) -> None:
    """Run the command line; it ends with `code`."""
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code or 0) == code


def test_the_superuser_finds_no_planted_value(enrolled_url: str) -> None:
    with psycopg.connect(enrolled_url) as owner:
        who = owner.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    assert who == (True,)
    found = dict(tables(enrolled_url))
    assert b"w-1" in found["kyc.person"]  # the row is there, under the operator's own reference
    assert Needles(PLANTED).found(found.items()) == []


def test_the_search_finds_what_is_written_in_clear(enrolled_url: str) -> None:
    with psycopg.connect(enrolled_url) as owner:
        owner.execute("UPDATE kyc.person SET external_ref = '17 Planted Lane'")
    assert Needles(PLANTED).found(tables(enrolled_url)) == [("kyc.person", "Planted Lane", "utf-8")]


def test_every_sealed_column_holds_bytes_of_the_sealed_format_only(enrolled_url: str) -> None:
    sealed = [row for row in inventory.read(Table.metadata).rows if row.sealed]
    filled = 0
    with psycopg.connect(enrolled_url) as owner:
        for row in sealed:
            column, table = sql.Identifier(row.column), sql.Identifier(row.schema, row.table)
            values = owner.execute(
                sql.SQL("SELECT {column} FROM {table} WHERE {column} IS NOT NULL").format(
                    column=column, table=table
                )
            ).fetchall()
            assert all(isinstance(value, bytes) and value[0] in (1, 2) for (value,) in values), row.name
            filled += len(values)
    assert filled >= 6
