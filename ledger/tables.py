"""The ledger's tables as SQLModel classes: for ordinary reads, and for the inventory of what is held.

Rows are written by `posting` and `accounts`; the schema itself is made by the migrations.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Date, DateTime, LargeBinary, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from ledger.declarations import NOT_PERSONAL, Basis, Category, declare

BOOKS = declare(
    Category.PSEUDONYMOUS,
    "keeping the books of electronic money and enforcing its limits",
    Basis.LEGAL_OBLIGATION,
    "5 years after the transaction or the end of the relationship",
)


class LimitProfileRow(SQLModel, table=True):
    """What a tier allows; never edited."""

    __tablename__ = "limit_profile"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    currency: str = Field(sa_column=Column(Text, nullable=False))
    time_zone: str = Field(sa_column=Column(Text, nullable=False))
    rules: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    counted: list[list[str]] = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class AccountRow(SQLModel, table=True):
    """An account and what it holds."""

    __tablename__ = "account"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    currency: str = Field(sa_column=Column(Text, nullable=False))
    holder: UUID | None = Field(sa_column=Column(Uuid, index=True))
    external_ref: str | None = Field(sa_column=Column(Text, unique=True))
    profile_id: UUID | None = Field(sa_column=Column(Uuid))
    opened_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    sign: int = Field(sa_column=Column(SmallInteger, nullable=False, info=NOT_PERSONAL))
    floor: int | None = Field(sa_column=Column(BigInteger, info=NOT_PERSONAL))
    frozen_debit: bool
    frozen_credit: bool
    closed_at: datetime | None = Field(sa_column=Column(DateTime(timezone=True)))
    debits_posted: int = Field(sa_column=Column(BigInteger, nullable=False))
    credits_posted: int = Field(sa_column=Column(BigInteger, nullable=False))
    debits_pending: int = Field(sa_column=Column(BigInteger, nullable=False))
    credits_pending: int = Field(sa_column=Column(BigInteger, nullable=False))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))


class ClaimRow(SQLModel, table=True):
    """A transfer id that was sent, with a hash of its content."""

    __tablename__ = "claim"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    content_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class TransferRow(SQLModel, table=True):
    """A transfer that was posted."""

    __tablename__ = "transfer"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    debit_account: UUID
    credit_account: UUID
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str = Field(sa_column=Column(Text, nullable=False))
    operation: str = Field(sa_column=Column(Text, nullable=False))
    reference: str | None = Field(sa_column=Column(Text))
    group_id: UUID | None = Field(sa_column=Column(Uuid))
    effective_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    posted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    debit_version: int = Field(sa_column=Column(BigInteger, nullable=False))
    debit_balance: int = Field(sa_column=Column(BigInteger, nullable=False))
    credit_version: int = Field(sa_column=Column(BigInteger, nullable=False))
    credit_balance: int = Field(sa_column=Column(BigInteger, nullable=False))
    xact: int = Field(sa_column=Column(BigInteger, nullable=False, info=NOT_PERSONAL))


class EntryRow(SQLModel, table=True):
    """One side of a transfer, with the balance after it."""

    __tablename__ = "entry"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    version: int = Field(sa_column=Column(BigInteger, primary_key=True))
    transfer_id: UUID
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    balance_after: int = Field(sa_column=Column(BigInteger, nullable=False))
    posted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    direction: int = Field(sa_column=Column(SmallInteger, nullable=False))


class RefusalRow(SQLModel, table=True):
    """A transfer that was refused: the rule, its numbers and its source."""

    __tablename__ = "refusal"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    transfer_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    debit_account: UUID
    credit_account: UUID
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str = Field(sa_column=Column(Text, nullable=False))
    operation: str = Field(sa_column=Column(Text, nullable=False))
    reference: str | None = Field(sa_column=Column(Text))
    group_id: UUID | None = Field(sa_column=Column(Uuid))
    effective_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    decided_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    rule: str = Field(sa_column=Column(Text, nullable=False))
    decision: str = Field(sa_column=Column(Text, nullable=False))
    source: str = Field(sa_column=Column(Text, nullable=False))
    numbers: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    xact: int = Field(sa_column=Column(BigInteger, nullable=False, info=NOT_PERSONAL))


class UsageRow(SQLModel, table=True):
    """What a wallet has moved in a window by one operation."""

    __tablename__ = "usage"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    starts_on: date = Field(sa_column=Column(Date, primary_key=True))
    span: str = Field(sa_column=Column(Text, primary_key=True))
    direction: str = Field(sa_column=Column(Text, primary_key=True))
    operation: str = Field(sa_column=Column(Text, primary_key=True))
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    count: int = Field(sa_column=Column(BigInteger, nullable=False))
