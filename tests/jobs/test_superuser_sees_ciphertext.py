"""Whoever reads every row of every table, as the database's superuser, finds no personal value in them."""

import base64
import io
import json
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlmodel import SQLModel

import jobs.tables  # noqa: F401
from jobs.cli import main
from privacy import inventory

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


def encodings(value: str) -> list[bytes]:
    """The value as it could stand in a dump: as it is, in other widths, in hexadecimal, in base64."""
    raw = value.encode()
    return [
        raw,
        value.encode("utf-16-le"),
        raw.hex().encode(),
        *(base64.b64encode(b"\0" * shift + raw)[4:-4] for shift in range(3)),
    ]


def everything(url: str) -> dict[str, bytes]:
    """Each table's rows as the superuser reads them: as text, and all bytes as they are."""
    found = {}
    with psycopg.connect(url) as owner:
        row = owner.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        assert row == (True,)
        names = owner.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname IN ('ledger', 'privacy', 'kyc', 'aml', 'kyc_reading')"
            " AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition"
        ).fetchall()
        for name in names:
            rows = owner.execute(sql.SQL("TABLE {}").format(sql.Identifier(*name))).fetchall()
            parts = [part if isinstance(part, bytes) else str(part).encode() for row in rows for part in row]
            found[".".join(name)] = b"\n".join(parts)
    return found


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
    dump = everything(enrolled_url)
    assert b"w-1" in dump["kyc.person"]  # the row is there, under the operator's own reference
    told = [
        (table, value)
        for table, content in dump.items()
        for value in PLANTED
        for form in encodings(value)
        if form in content
    ]
    assert told == []


def test_the_search_finds_what_is_written_in_clear(enrolled_url: str) -> None:
    with psycopg.connect(enrolled_url) as owner:
        owner.execute("UPDATE kyc.person SET external_ref = '17 Planted Lane'")
    assert encodings("Planted Lane")[0] in everything(enrolled_url)["kyc.person"]


def test_every_sealed_column_holds_bytes_of_the_sealed_format_only(enrolled_url: str) -> None:
    sealed = [row for row in inventory.read(SQLModel.metadata).rows if row.sealed]
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
