"""The tables of blind indexes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary
from sqlmodel import Field

from emoney.ledger.base.declarations import NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres.columns import timestamp_column
from emoney.ledger.base.postgres.table import Table
from emoney.privacy.declarations import WRAPPED

_SEARCH = declare(
    Category.PSEUDONYMOUS,
    "finding a person by a near-unique value without opening any",
    Basis.LEGAL_OBLIGATION,
    "as long as the value it is a code of",
)


class IndexKeyRow(Table, table=True):
    """The key of a blind index, of one version, wrapped."""

    __tablename__ = "index_key"
    __table_args__ = {"schema": "privacy", "info": NOT_PERSONAL}

    index_name: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    wrapped: bytes | None = Field(
        default=None, repr=False, sa_type=LargeBinary, sa_column_kwargs={"info": WRAPPED}
    )
    kek: str
    state: str
    created_at: datetime = timestamp_column()
    seal_until: datetime = timestamp_column()
    open_until: datetime = timestamp_column()
    made_by: UUID | None = None


class IndexEntryRow(Table, table=True):
    """The code of a row's value in a blind index."""

    __tablename__ = "index_entry"
    __table_args__ = {"schema": "privacy", "info": _SEARCH}

    code: bytes = Field(primary_key=True, sa_type=LargeBinary)
    index_name: str = Field(primary_key=True)
    key_version: int = Field(primary_key=True)
    row_id: UUID = Field(primary_key=True)
    subject: UUID


class IndexLeakageRow(Table, table=True):
    """What a blind index tells one who has it but not its key, as measured. Append-only."""

    __tablename__ = "index_leakage"
    __table_args__ = {"schema": "privacy", "info": NOT_PERSONAL}

    id: UUID = Field(primary_key=True)
    index_name: str
    measured_at: datetime = timestamp_column()
    entries: int
    distinct_codes: int
    most_frequent: int
    rank_matched: float
    refused: bool
