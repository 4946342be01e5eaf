"""The tables of changes of accounts, of closed periods, disputes and two persons; others: `ledger.tables`."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Integer, Interval, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from emoney.ledger.base.declarations import BOOKS, NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres.columns import salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table


class AccountChangeRow(Table, table=True):
    """What was changed about an account, by whom and why."""

    __tablename__ = "account_change"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    number: int = Field(sa_column=Column(Integer, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    frozen_debit: bool | None
    frozen_credit: bool | None
    freeze_kind: str | None = Field(sa_column=Column(Text))
    freeze_debit: bool | None
    freeze_credit: bool | None
    approval_id: UUID | None = Field(sa_column=Column(Uuid, unique=True))
    floor: int | None = Field(sa_column=Column(BigInteger, info=NOT_PERSONAL))
    ceiling: int | None = Field(sa_column=Column(BigInteger, info=NOT_PERSONAL))
    parent_id: UUID | None
    actor: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = timestamp_column()
    xact: int = xact()
    id: UUID = Field(sa_column=Column(Uuid, nullable=False))


class FreezeKindRow(Table, table=True):
    """Why an account may be frozen, and how that is lifted."""

    __tablename__ = "freeze_kind"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    name: str = Field(sa_column=Column(Text, primary_key=True))
    takes_two: str | None = Field(sa_column=Column(Text))
    lifting: str | None = Field(sa_column=Column(Text))


class AccountFreezeRow(Table, table=True):
    """A freeze that stands."""

    __tablename__ = "account_freeze"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    kind: str = Field(sa_column=Column(Text, primary_key=True))
    debit: bool
    credit: bool
    actor: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    since: datetime = timestamp_column()


class AccountParentRow(Table, table=True):
    """Below which account another one stands."""

    __tablename__ = "account_parent"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    parent_id: UUID = Field(sa_column=Column(Uuid, nullable=False, index=True))


class AccountMetadataRow(Table, table=True):
    """What the operator keeps about an account; the ledger does not look into it."""

    __tablename__ = "account_metadata"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    metadata_: dict[str, Any] = Field(
        sa_column=Column(
            "metadata",
            JSONB,
            nullable=False,
            info=declare(
                Category.PSEUDONYMOUS,
                "the operator's own management of the account; personal data is kept out by contract of use",
                Basis.CONTRACT,
                "until the operator replaces it, at most as long as the account's books",
            ),
        )
    )
    changed_at: datetime = timestamp_column()


class ClosedPeriodRow(Table, table=True):
    """A period that is closed."""

    __tablename__ = "closed_period"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    ends_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    id: UUID = Field(sa_column=Column(Uuid, nullable=False, unique=True))
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    starts_at: datetime | None = Field(sa_column=Column(DateTime(timezone=True), unique=True))
    time_zone: str = Field(sa_column=Column(Text, nullable=False))
    closed_at: datetime = timestamp_column()
    actor: str = Field(sa_column=Column(Text, nullable=False, info=BOOKS))
    xact: int = Field(sa_column=Column(BigInteger, nullable=False))


class PeriodSumRow(Table, table=True):
    """How much counted before a closed period's end."""

    __tablename__ = "period_sum"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    ends_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    transfers: int = Field(sa_column=Column(BigInteger, nullable=False))
    summed_at: datetime = timestamp_column()


class PeriodTotalRow(Table, table=True):
    """A line of a closed period's trial balance."""

    __tablename__ = "period_total"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    ends_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    currency: str = Field(sa_column=Column(Text, primary_key=True))
    kind: str = Field(sa_column=Column(Text, primary_key=True))
    debits: int = Field(sa_column=Column(BigInteger, nullable=False))
    credits: int = Field(sa_column=Column(BigInteger, nullable=False))


class DisputeRow(Table, table=True):
    """A transfer that its payer disputes, under the id of the hold on its receiver."""

    __tablename__ = "dispute"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    original_id: UUID = Field(sa_column=Column(Uuid, nullable=False, index=True))
    reason_code: str = Field(sa_column=Column(Text, nullable=False))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    opened_at: datetime = timestamp_column()
    xact: int = xact()


class DisputeOutcomeRow(Table, table=True):
    """How a dispute was decided, by whom and why."""

    __tablename__ = "dispute_outcome"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    dispute_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    transfer_id: UUID | None
    actor: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = timestamp_column()
    xact: int = xact()


_TWO_PERSONS = declare(
    Category.PSEUDONYMOUS,
    "showing who asked for what takes two persons, and who decided",
    Basis.LEGAL_OBLIGATION,
    "as long as what it is about",
)


class RequestActionRow(Table, table=True):
    """What may be asked for, for how long, and what says that its rows may go."""

    __tablename__ = "request_action"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    name: str = Field(sa_column=Column(Text, primary_key=True))
    open_at_most: timedelta = Field(sa_column=Column(Interval, nullable=False))
    removal: str | None = Field(sa_column=Column(Text))


class RequestRow(Table, table=True):
    """What one person asked for, and until when another may decide on it."""

    __tablename__ = "request"
    __table_args__ = {"schema": "ledger", "info": _TWO_PERSONS}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    action: str = Field(sa_column=Column(Text, nullable=False, info=NOT_PERSONAL))
    subject: UUID | None = Field(sa_column=Column(Uuid, index=True))
    target: str | None = Field(sa_column=Column(Text))
    details: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    requested_at: datetime = timestamp_column()
    expires_at: datetime = timestamp_column()
    kept: bool
    xact: int = xact()
    salt: UUID = salt()


class RequestDecisionRow(Table, table=True):
    """What the second person said. Repeats its request, so that the database can compare the two."""

    __tablename__ = "request_decision"
    __table_args__ = {"schema": "ledger", "info": _TWO_PERSONS}

    request_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    action: str = Field(sa_column=Column(Text, nullable=False, info=NOT_PERSONAL))
    subject: UUID | None = Field(sa_column=Column(Uuid))
    asked_by: str = Field(sa_column=Column(Text, nullable=False))
    requested_at: datetime = timestamp_column()
    expires_at: datetime = timestamp_column()
    kept: bool
    outcome: str = Field(sa_column=Column(Text, nullable=False))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    decided_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class RequestDoneRow(Table, table=True):
    """When what was approved was carried out."""

    __tablename__ = "request_done"
    __table_args__ = {"schema": "ledger", "info": _TWO_PERSONS}

    request_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    outcome: str = Field(sa_column=Column(Text, nullable=False))
    decided_at: datetime = timestamp_column()
    kept: bool
    done_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()
