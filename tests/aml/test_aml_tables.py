"""The mapped classes say what is in the database, and declare it."""

import pytest
from sqlmodel import SQLModel

from emoney.aml.alerts.tables import AlertAccountRow, AlertRow, AlertTransferRow
from emoney.aml.history.tables import ExtractionRow, HistoryRow
from emoney.ledger import Database
from emoney.ledger.base.declarations import Category

MAPPED = [HistoryRow, ExtractionRow, AlertRow, AlertTransferRow, AlertAccountRow]


@pytest.mark.parametrize("mapped", MAPPED)
def test_each_column_of_the_database_is_mapped(mapped: type[SQLModel], database: Database) -> None:
    with database.connection() as connection:
        rows = connection.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = 'aml' AND table_name = %s",
            (mapped.__tablename__,),
        )
        assert {row[0] for row in rows} == set(mapped.__table__.columns.keys())  # type: ignore[attr-defined]


def test_no_table_of_the_schema_is_left_out(database: Database) -> None:
    with database.connection() as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'aml'")
        assert {row[0] for row in rows} == {mapped.__tablename__ for mapped in MAPPED}


def test_who_is_watched_is_declared_as_suspicion() -> None:
    for mapped in (AlertRow, AlertTransferRow, AlertAccountRow):
        info = mapped.__table__.info  # type: ignore[attr-defined]
        assert info["declaration"].category is Category.SUSPICION
