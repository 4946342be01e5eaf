"""A session on a connection that somebody else holds: one transaction, ended by its holder only."""

import subprocess
import sys
from datetime import UTC, date, datetime

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlmodel import col, select

from emoney.kyc.persons.tables import TermsRow
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.sessions import add, read, session_on
from emoney.privacy.rotation.tables import RotationRow

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def terms(version: str, kind: str = "terms_of_use") -> TermsRow:
    return TermsRow(
        id=new_id(),
        kind=kind,
        version=version,
        locale="en",
        sha256=bytes(32),
        effective_from=date(2026, 3, 1),
        published_by="ops",
        published_at=AT,
    )


def versions(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT version FROM kyc.terms ORDER BY version")]


def test_both_ways_see_what_the_other_wrote(database: Database) -> None:
    with database.connection() as connection:
        add(connection, terms("1"))
        assert versions(connection) == ["1"]
        with session_on(connection) as session:
            session.add(terms("2"))
            found = session.exec(select(TermsRow.version).order_by(col(TermsRow.version))).all()
            assert found == ["1", "2"]
    with database.connection() as connection:
        [first, _] = read(connection, select(TermsRow).order_by(col(TermsRow.version)))
        assert (first.version, first.effective_from, first.published_at) == ("1", date(2026, 3, 1), AT)
        assert read(connection, select(TermsRow.kind, TermsRow.version).where(TermsRow.version == "2")) == [
            ("terms_of_use", "2")
        ]


def test_what_was_changed_of_a_row_that_was_read_is_written_and_nothing_else_of_it(
    database: Database,
) -> None:
    with database.connection() as connection:
        add(
            connection,
            RotationRow(id=new_id(), kind="rewrap", actor="ops-1", started_at=AT, keys=0, fields=0),
        )
        [row] = read(connection, select(RotationRow))
        connection.execute("UPDATE privacy.rotation SET fields = 7")
        row.keys = 3
        add(connection, row)  # the role may not write the other columns: those are left alone
        assert read(connection, select(RotationRow.keys, RotationRow.fields)) == [(3, 7)]


def test_the_transaction_is_ended_by_whoever_holds_the_connection(database: Database) -> None:
    with database.connection() as connection:
        add(connection, terms("1"))
        connection.rollback()
        assert versions(connection) == []
        add(connection, terms("2"))
        with session_on(connection) as session:
            session.exec(select(TermsRow.version)).all()
            with pytest.raises(RuntimeError, match="caller"):
                session.commit()
        with session_on(connection) as session:
            session.exec(select(TermsRow.version)).all()
            session.rollback()
        assert versions(connection) == ["2"]  # neither committed nor rolled back
        connection.rollback()
        assert versions(connection) == []


def test_what_the_database_refuses_is_psycopgs_and_a_savepoint_takes_it_back(database: Database) -> None:
    with database.connection() as connection:
        add(connection, terms("1"))
        with pytest.raises(psycopg.errors.UniqueViolation), connection.transaction():
            add(connection, terms("2"), terms("1"))
        with pytest.raises(psycopg.errors.CheckViolation) as refused, connection.transaction():
            add(connection, terms("3", kind="Not a kind"))
        assert refused.value.__cause__ is None
        assert versions(connection) == ["1"]


def fail(connection: Connection) -> None:
    with session_on(connection) as session:
        session.add(terms("1"))
        raise KeyError


def test_an_error_in_the_block_is_the_callers_own(database: Database) -> None:
    with database.connection() as connection:
        with pytest.raises(KeyError):
            fail(connection)
        assert versions(connection) == []


def test_a_connection_of_any_make_will_do(owner_url: str) -> None:
    with psycopg.connect(owner_url) as connection:
        add(connection, terms("1"))
        assert read(connection, select(TermsRow.version)) == ["1"]
        connection.rollback()


def test_a_connection_that_reads_and_sends_in_a_way_of_its_own_will_do(owner_url: str) -> None:
    with psycopg.connect(owner_url, row_factory=dict_row, cursor_factory=psycopg.RawCursor) as connection:
        add(connection, terms("1"))
        assert read(connection, select(TermsRow.version).where(TermsRow.kind == "terms_of_use")) == ["1"]
        own = connection.execute("SELECT version FROM kyc.terms WHERE version = $1", ["1"]).fetchall()
        assert own == [{"version": "1"}]
        connection.rollback()


def test_the_bridge_loads_no_sqlalchemy_until_it_is_crossed() -> None:
    script = (
        "import sys, emoney.ledger.base.postgres.sessions\n"
        "print([name for name in sys.modules if name in ('sqlalchemy', 'sqlmodel')])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
