"""The tables of bank statements and reconciliations as SQLModel classes; `ledger.tables` has the others."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, Date, LargeBinary, Text, Uuid
from sqlmodel import Field

from emoney.ledger.base.declarations import NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres.columns import salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table

SAFEGUARDING = declare(
    Category.PSEUDONYMOUS,
    "safeguarding the funds behind electronic money and proving it",
    Basis.LEGAL_OBLIGATION,
    "5 years after the statement or the reconciliation",
)


class BankStatementRow(Table, table=True):
    """A bank's statement of a safeguarding account."""

    __tablename__ = "bank_statement"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    account_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    statement_ref: str = Field(sa_column=Column(Text, nullable=False))
    format: str = Field(sa_column=Column(Text, nullable=False))
    bank_account: str = Field(sa_column=Column(Text, nullable=False))
    currency: str = Field(sa_column=Column(Text, nullable=False))
    sequence: int = Field(sa_column=Column(BigInteger, nullable=False))
    opening_on: date = Field(sa_column=Column(Date, nullable=False))
    closing_on: date = Field(sa_column=Column(Date, nullable=False))
    opening_balance: int = Field(sa_column=Column(BigInteger, nullable=False))
    closing_balance: int = Field(sa_column=Column(BigInteger, nullable=False))
    entries: int = Field(sa_column=Column(BigInteger, nullable=False))
    content_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    imported_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class BankEntryRow(Table, table=True):
    """A booked entry of a bank statement: amount, day and references, and nothing about the other party."""

    __tablename__ = "bank_entry"
    __table_args__ = {"schema": "ledger", "info": SAFEGUARDING}

    statement_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    number: int = Field(sa_column=Column(BigInteger, primary_key=True))
    booked_on: date = Field(sa_column=Column(Date, nullable=False))
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    reference: str | None = Field(sa_column=Column(Text))
    bank_reference: str | None = Field(sa_column=Column(Text))


class ReconciliationRow(Table, table=True):
    """One look at a day's end."""

    __tablename__ = "reconciliation"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    day: date = Field(sa_column=Column(Date, nullable=False, index=True))
    time_zone: str = Field(sa_column=Column(Text, nullable=False))
    as_of: datetime = timestamp_column()
    made_at: datetime = timestamp_column()
    transit_days_max: int = Field(sa_column=Column(BigInteger, nullable=False))
    clean: bool
    xact: int = xact()
    salt: UUID = salt()


class ReconciliationTotalRow(Table, table=True):
    """What a reconciliation found of a currency."""

    __tablename__ = "reconciliation_total"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    reconciliation_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    currency: str = Field(sa_column=Column(Text, primary_key=True))
    requirement: int = Field(sa_column=Column(BigInteger, nullable=False))
    safeguarded: int = Field(sa_column=Column(BigInteger, nullable=False))
    in_transit: int = Field(sa_column=Column(BigInteger, nullable=False))
    at_banks: int = Field(sa_column=Column(BigInteger, nullable=False))
    available_at_banks: int = Field(sa_column=Column(BigInteger, nullable=False))


class ReconciliationAccountRow(Table, table=True):
    """What a reconciliation found of a safeguarding account."""

    __tablename__ = "reconciliation_account"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    reconciliation_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    books: int = Field(sa_column=Column(BigInteger, nullable=False))
    bank: int | None = Field(sa_column=Column(BigInteger))
    statement_id: UUID | None = Field(sa_column=Column(Uuid))
    statement_day: date | None = Field(sa_column=Column(Date))
    unexplained: int | None = Field(sa_column=Column(BigInteger))


class ReconciliationItemRow(Table, table=True):
    """What one side had at a day's end and the other had not."""

    __tablename__ = "reconciliation_item"
    __table_args__ = {"schema": "ledger", "info": SAFEGUARDING}

    reconciliation_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    number: int = Field(sa_column=Column(BigInteger, primary_key=True))
    side: str = Field(sa_column=Column(Text, nullable=False))
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    since: date = Field(sa_column=Column(Date, nullable=False))
    age_days: int = Field(sa_column=Column(BigInteger, nullable=False))
    reference: str | None = Field(sa_column=Column(Text))
    transfer_id: UUID | None = Field(sa_column=Column(Uuid))
    statement_id: UUID | None = Field(sa_column=Column(Uuid))
    entry_number: int | None = Field(sa_column=Column(BigInteger))


class SafeguardingEventRow(Table, table=True):
    """A shortfall or a break."""

    __tablename__ = "safeguarding_event"
    __table_args__ = {"schema": "ledger", "info": SAFEGUARDING}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    reconciliation_id: UUID = Field(sa_column=Column(Uuid, nullable=False, index=True))
    at: datetime = timestamp_column()
    kind: str = Field(sa_column=Column(Text, nullable=False))
    currency: str = Field(sa_column=Column(Text, nullable=False))
    account_id: UUID | None = Field(sa_column=Column(Uuid))
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    since: date | None = Field(sa_column=Column(Date))
    age_days: int | None = Field(sa_column=Column(BigInteger))
    reference: str | None = Field(sa_column=Column(Text))
    xact: int = xact()
    salt: UUID = salt()
