"""The tables of limits: profiles, and what counts against them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Date, LargeBinary, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from emoney.ledger.base.declarations import BOOKS, NOT_PERSONAL
from emoney.ledger.base.postgres.columns import timestamp_column
from emoney.ledger.base.postgres.table import Table


class LimitProfileRow(Table, table=True):
    """What a tier allows; never edited."""

    __tablename__ = "limit_profile"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    currency: str = Field(sa_column=Column(Text, nullable=False))
    time_zone: str = Field(sa_column=Column(Text, nullable=False))
    rules: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    counted: list[list[str]] = Field(sa_column=Column(JSONB, nullable=False))
    counted_per_payee: list[list[str]] = Field(sa_column=Column(JSONB, nullable=False))
    fiscal_year_starts: int = Field(sa_column=Column(SmallInteger, nullable=False))
    payee_operations: list[str] = Field(sa_column=Column(JSONB, nullable=False))
    counted_operations: list[list[str]] = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime = timestamp_column()


class UsageRow(Table, table=True):
    """What a wallet moved in a period, packed: see `ledger.limits.usage`."""

    __tablename__ = "usage"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    scope_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    starts_on: date = Field(sa_column=Column(Date, primary_key=True))
    span: str = Field(sa_column=Column(Text, primary_key=True))
    totals: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    days: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    moved: int = Field(sa_column=Column(BigInteger, nullable=False))
    returned: int = Field(sa_column=Column(BigInteger, nullable=False))


class OperationNumberRow(Table, table=True):
    """The number by which usage names an operation."""

    __tablename__ = "operation_number"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    operation: str = Field(sa_column=Column(Text, primary_key=True))
    number: int = Field(sa_column=Column(SmallInteger, nullable=False, unique=True))
