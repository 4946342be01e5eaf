"""The tables of receipts as SQLModel classes; `ledger.tables` has the others."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, FetchedValue, Text, Uuid
from sqlmodel import Field

from emoney.ledger.base.declarations import NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres.columns import computed, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table

_RECEIPTS = declare(
    Category.PSEUDONYMOUS,
    "showing against what money electronic money was issued, and who saw it arrive",
    Basis.LEGAL_OBLIGATION,
    "5 years after the receipt is used up",
)


class ReceiptRow(Table, table=True):
    """What arrived at a bank, as the bank names it."""

    __tablename__ = "receipt"
    __table_args__ = {"schema": "ledger", "info": _RECEIPTS}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    account_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    reference: str = Field(sa_column=Column(Text, nullable=False))
    purpose: str = Field(sa_column=Column(Text, nullable=False, info=NOT_PERSONAL))
    currency: str = Field(sa_column=Column(Text, nullable=False, info=NOT_PERSONAL))
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    recorded_at: datetime = timestamp_column()
    xact: int = xact()


class ReceiptMatchRow(Table, table=True):
    """By which entry of a bank's statement a receipt is confirmed."""

    __tablename__ = "receipt_match"
    __table_args__ = {"schema": "ledger", "info": _RECEIPTS}

    receipt_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    statement_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    entry_number: int = Field(sa_column=Column(BigInteger, nullable=False))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    matched_at: datetime = timestamp_column()
    xact: int = xact()


class ReceiptWithdrawalRow(Table, table=True):
    """What of a receipt was none, as two persons agreed."""

    __tablename__ = "receipt_withdrawal"
    __table_args__ = {"schema": "ledger", "info": _RECEIPTS}

    request_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    action: str = computed()
    receipt_id: UUID = Field(sa_column=Column(Uuid, nullable=False, index=True))
    outcome: str = computed()
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    withdrawn_at: datetime = timestamp_column()
    xact: int = xact()


class ReceiptIssueRow(Table, table=True):
    """Which transfer was issued on which receipt."""

    __tablename__ = "receipt_issue"
    __table_args__ = {"schema": "ledger", "info": _RECEIPTS}

    transfer_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    receipt_id: UUID = Field(sa_column=Column(Uuid, nullable=False, index=True))
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))


class ReceiptReturnRow(Table, table=True):
    """Which transfers give back a redemption, and so need no receipt."""

    __tablename__ = "receipt_return"
    __table_args__ = {"schema": "ledger", "info": _RECEIPTS}

    transfer_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))


class ReceiptStateRow(Table, table=True):
    """What of a receipt was received and is issued."""

    __tablename__ = "receipt_state"
    __table_args__ = {"schema": "ledger", "info": _RECEIPTS}

    receipt_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    received: int = Field(sa_column=Column(BigInteger, nullable=False))
    drawn: int = Field(sa_column=Column(BigInteger, nullable=False))


class ReceiptFundRow(Table, table=True):
    """What of all receipts of an account was received and is issued."""

    __tablename__ = "receipt_fund"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    purpose: str = Field(sa_column=Column(Text, primary_key=True))
    received: int = Field(sa_column=Column(BigInteger, nullable=False))
    drawn: int = Field(sa_column=Column(BigInteger, nullable=False))


class ReceiptPolicyRow(Table, table=True):
    """What the operator issues against, since when, and who said so."""

    __tablename__ = "receipt_policy"
    __table_args__ = {"schema": "ledger", "info": _RECEIPTS}

    number: int = Field(sa_column=Column(BigInteger, primary_key=True, info=NOT_PERSONAL))
    id: UUID = Field(sa_column=Column(Uuid, FetchedValue(), nullable=False))
    policy: str = Field(sa_column=Column(Text, nullable=False, info=NOT_PERSONAL))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = timestamp_column()
    xact: int = xact()
