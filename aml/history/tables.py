"""The tables of the history and its extractions."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from emoney.ledger.base.declarations import NOT_PERSONAL
from emoney.ledger.base.postgres.columns import timestamp_column
from emoney.ledger.base.postgres.table import Table


class HistoryRow(Table, table=True):
    """The Parquet data set of this database."""

    __tablename__ = "history"
    __table_args__ = {"schema": "aml", "info": NOT_PERSONAL}

    id: UUID = Field(primary_key=True)
    only_one: bool = Field(default=True, unique=True)


class ExtractionRow(Table, table=True):
    """One extraction of transfers into the history: `from_xact` <= xact < `to_xact`."""

    __tablename__ = "extraction"
    __table_args__ = {"schema": "aml", "info": NOT_PERSONAL}

    id: UUID = Field(primary_key=True)
    from_xact: int
    to_xact: int
    rows: int
    files: int
    extracted_at: datetime = timestamp_column()
