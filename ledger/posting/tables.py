"""The tables of what was posted or refused: transfers, holds, reversals, disputes, closed periods."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    DateTime,
    FetchedValue,
    Integer,
    LargeBinary,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from emoney.ledger.base.declarations import BOOKS, NOT_PERSONAL
from emoney.ledger.base.postgres.columns import timestamp_column, xact
from emoney.ledger.base.postgres.table import Table


class ClaimRow(Table, table=True):
    """An id that was sent. `content_hash`: of what was sent, where it was more than a transfer."""

    __tablename__ = "claim"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    content_hash: bytes | None = Field(sa_column=Column(LargeBinary))


class TransferRow(Table, table=True):
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
    effective_at: datetime = timestamp_column()
    posted_at: datetime = timestamp_column()
    debit_version: int = Field(sa_column=Column(BigInteger, nullable=False))
    debit_balance: int = Field(sa_column=Column(BigInteger, nullable=False))
    credit_version: int = Field(sa_column=Column(BigInteger, nullable=False))
    credit_balance: int = Field(sa_column=Column(BigInteger, nullable=False))
    xact: int = xact()
    position: int = Field(sa_column=Column(BigInteger, nullable=False, info=NOT_PERSONAL))


class EntryRow(Table, table=True):
    """One side of a transfer, with the balance after it. `amount`: a debit is positive, a credit negative."""

    __tablename__ = "entry"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    version: int = Field(sa_column=Column(BigInteger, primary_key=True))
    posted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    transfer_id: UUID
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    balance_after: int = Field(sa_column=Column(BigInteger, nullable=False))


class RefusalRow(Table, table=True):
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
    effective_at: datetime = timestamp_column()
    decided_at: datetime = timestamp_column()
    rule: str = Field(sa_column=Column(Text, nullable=False))
    decision: str = Field(sa_column=Column(Text, nullable=False))
    source: str = Field(sa_column=Column(Text, nullable=False))
    numbers: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    xact: int = xact()
    position: int = Field(sa_column=Column(BigInteger, nullable=False, info=NOT_PERSONAL))


class TransferNoteRow(Table, table=True):
    """What an operator gave with a transfer, a refused one or a hold: its own key, and metadata."""

    __tablename__ = "transfer_note"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    key: str | None = Field(sa_column=Column(Text))
    metadata_: dict[str, Any] | None = Field(sa_column=Column("metadata", JSONB))
    xact: int = xact()


class PartitionStartRow(Table, table=True):
    """Up to where the first partition of a table reaches. `retired`: what told a time there is gone."""

    __tablename__ = "partition_start"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    name: str = Field(sa_column=Column(Text, primary_key=True))
    until: datetime = timestamp_column()
    retired: bool = Field(sa_column=Column(Boolean, nullable=False))


class HoldRow(Table, table=True):
    """Money reserved on an account for another."""

    __tablename__ = "hold"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    debit_account: UUID
    credit_account: UUID
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str = Field(sa_column=Column(Text, nullable=False))
    operation: str = Field(sa_column=Column(Text, nullable=False))
    reference: str | None = Field(sa_column=Column(Text))
    placed_at: datetime = timestamp_column()
    expires_at: datetime = timestamp_column()
    xact: int = xact()


class HoldEventRow(Table, table=True):
    """What became of a hold."""

    __tablename__ = "hold_event"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    hold_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    number: int = Field(sa_column=Column(Integer, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    transfer_id: UUID | None
    at: datetime = timestamp_column()
    xact: int = xact()
    id: UUID = Field(
        sa_column=Column(
            Uuid, Computed("coalesce(transfer_id, hold_id)", persisted=True), nullable=False, unique=True
        )
    )


class OpenHoldRow(Table, table=True):
    """What a hold still reserves."""

    __tablename__ = "open_hold"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    debit_account: UUID
    credit_account: UUID
    remaining: int = Field(sa_column=Column(BigInteger, nullable=False))
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, index=True))


class ReversalRow(Table, table=True):
    """Which transfer gives back which, and why."""

    __tablename__ = "reversal"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    transfer_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    original_id: UUID = Field(sa_column=Column(Uuid, nullable=False, index=True))
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = timestamp_column()
    xact: int = xact()


class UnmatchedReturnRow(Table, table=True):
    """Transfers that give back, until their transaction ends."""

    __tablename__ = "unmatched_return"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    transfer_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))


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


class ClockPolicyRow(Table, table=True):
    """How far clocks may be apart, and how late a transfer may come, since when, and who said so."""

    __tablename__ = "clock_policy"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    number: int = Field(sa_column=Column(BigInteger, primary_key=True, info=NOT_PERSONAL))
    id: UUID = Field(sa_column=Column(Uuid, FetchedValue(), nullable=False))
    ahead_s: int | None = Field(sa_column=Column(BigInteger, info=NOT_PERSONAL))
    behind_s: int | None = Field(sa_column=Column(BigInteger, info=NOT_PERSONAL))
    late_s: int | None = Field(sa_column=Column(BigInteger, info=NOT_PERSONAL))
    late_by_operation: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False, info=NOT_PERSONAL))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = timestamp_column()
    xact: int = xact()
