"""The tables of limits: profiles, and what counts against them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
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
    fiscal_year_starts: int = Field(sa_column=Column(SmallInteger, nullable=False))
    created_at: datetime = timestamp_column()


class KindOperationsRow(Table, table=True):
    """By which operations an account of a kind may be debited and credited, as codes."""

    __tablename__ = "kind_operations"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    kind: str = Field(sa_column=Column(Text, primary_key=True))
    codes: int = Field(sa_column=Column(BigInteger, nullable=False))


class LimitCounterRow(Table, table=True):
    """What is counted for a profile, by slot."""

    __tablename__ = "limit_counter"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    profile_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    per_payee: bool = Field(sa_column=Column(Boolean, primary_key=True))
    slot: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    measure: str = Field(sa_column=Column(Text, nullable=False))
    mask: int = Field(sa_column=Column(BigInteger, nullable=False))
    span: str = Field(sa_column=Column(Text, nullable=False))


class LimitRuleRow(Table, table=True):
    """A rule of a profile, compiled for the database's own check."""

    __tablename__ = "limit_rule"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    profile_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    number: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    id: str = Field(sa_column=Column(Text, nullable=False))
    metric: str = Field(sa_column=Column(Text, nullable=False))
    scope: str = Field(sa_column=Column(Text, nullable=False))
    mask: int = Field(sa_column=Column(BigInteger, nullable=False))
    most: int | None = Field(sa_column=Column(BigInteger))
    slot: int | None = Field(sa_column=Column(SmallInteger))
    span: str | None = Field(sa_column=Column(Text))
    starts_on: date = Field(sa_column=Column(Date, nullable=False))
    ends_on: date = Field(sa_column=Column(Date, nullable=False))
    after_months: int | None = Field(sa_column=Column(SmallInteger))
    apart: bool


class GuardRow(Table, table=True):
    """What the statement that writes a posting checks, of a profile, while its rules stay the same."""

    __tablename__ = "guard"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    profile_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    starts_at: datetime = timestamp_column()
    ends_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    time_zone: str = Field(sa_column=Column(Text, nullable=False))
    fiscal_year_starts: int = Field(sa_column=Column(SmallInteger, nullable=False))
    slots: int = Field(sa_column=Column(SmallInteger, nullable=False))
    masks: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))
    numbers: list[bool] = Field(sa_column=Column(ARRAY(Boolean), nullable=False))
    spans: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    day_most: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))
    span_most: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))
    balance_most: int | None = Field(sa_column=Column(BigInteger))
    single_in_most: int | None = Field(sa_column=Column(BigInteger))
    single_out_most: int | None = Field(sa_column=Column(BigInteger))
    payee_masks: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))
    payee_numbers: list[bool] = Field(sa_column=Column(ARRAY(Boolean), nullable=False))
    apart_codes: int = Field(sa_column=Column(BigInteger, nullable=False))


class UsageDayRow(Table, table=True):
    """What a wallet moved on a day, by slot: see `ledger.limits.usage`."""

    __tablename__ = "usage_day"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    other_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    day: date = Field(sa_column=Column(Date, primary_key=True))
    moved: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))


class OperationNumberRow(Table, table=True):
    """The number by which usage names an operation."""

    __tablename__ = "operation_number"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    operation: str = Field(sa_column=Column(Text, primary_key=True))
    number: int = Field(sa_column=Column(SmallInteger, nullable=False, unique=True))
