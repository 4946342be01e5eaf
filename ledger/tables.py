"""The ledger's tables as SQLModel classes: for ordinary reads, and for the inventory of what is held.

Rows are written by `posting` and `accounts`; the schema itself is made by the migrations.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

import emoney.ledger.safeguarding.tables
import emoney.ledger.tables_control  # noqa: F401  mapped there, found here
from emoney.ledger.base.declarations import BOOKS, NOT_PERSONAL
from emoney.ledger.base.postgres.columns import timestamp_column, xact
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


class AccountRow(Table, table=True):
    """An account and what it holds."""

    __tablename__ = "account"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    currency: str = Field(sa_column=Column(Text, nullable=False))
    holder: UUID | None = Field(sa_column=Column(Uuid, index=True))
    external_ref: str | None = Field(sa_column=Column(Text, unique=True))
    profile_id: UUID | None = Field(sa_column=Column(Uuid))
    opened_at: datetime = timestamp_column()
    sign: int = Field(sa_column=Column(SmallInteger, nullable=False, info=NOT_PERSONAL))
    floor: int | None = Field(sa_column=Column(BigInteger, info=NOT_PERSONAL))
    frozen_debit: bool
    frozen_credit: bool
    closed_at: datetime | None = timestamp_column(nullable=True)
    debits_posted: int = Field(sa_column=Column(BigInteger, nullable=False))
    credits_posted: int = Field(sa_column=Column(BigInteger, nullable=False))
    debits_pending: int = Field(sa_column=Column(BigInteger, nullable=False))
    credits_pending: int = Field(sa_column=Column(BigInteger, nullable=False))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    last_posted_at: datetime | None = timestamp_column(nullable=True)
    ceiling: int | None = Field(sa_column=Column(BigInteger, info=NOT_PERSONAL))


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


class PartitionStartRow(Table, table=True):
    """Up to where the first partition of a table reaches."""

    __tablename__ = "partition_start"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    name: str = Field(sa_column=Column(Text, primary_key=True))
    until: datetime = timestamp_column()


class OperationNumberRow(Table, table=True):
    """The number by which usage names an operation."""

    __tablename__ = "operation_number"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    operation: str = Field(sa_column=Column(Text, primary_key=True))
    number: int = Field(sa_column=Column(SmallInteger, nullable=False, unique=True))


class EventRow(Table, table=True):
    """An event that is neither a posted nor a refused transfer."""

    __tablename__ = "event"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    subject: UUID
    payload: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    recorded_at: datetime = timestamp_column()
    xact: int = xact()
    position: int = Field(sa_column=Column(BigInteger, nullable=False, info=NOT_PERSONAL))


class ConsumerRow(Table, table=True):
    """A consumer of events and its place."""

    __tablename__ = "consumer"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    name: str = Field(sa_column=Column(Text, primary_key=True))
    done: str = Field(sa_column=Column(Text, nullable=False))
    ahead: str | None = Field(sa_column=Column(Text))
    first: int = Field(sa_column=Column(BigInteger, nullable=False))
    last: int = Field(sa_column=Column(BigInteger, nullable=False))
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    generation: int = Field(sa_column=Column(BigInteger, nullable=False))
    created_at: datetime = timestamp_column()
    acknowledged_at: datetime | None = timestamp_column(nullable=True)
    failing: UUID | None = Field(sa_column=Column(Uuid, info=BOOKS))
    attempts: int
    failure: str | None = Field(sa_column=Column(Text))
    retry_at: datetime | None = timestamp_column(nullable=True)


class DeadLetterRow(Table, table=True):
    """An event that a consumer gave up on."""

    __tablename__ = "dead_letter"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    consumer: str = Field(sa_column=Column(Text, nullable=False))
    event_id: UUID
    event_type: str = Field(sa_column=Column(Text, nullable=False))
    attempts: int
    reason: str = Field(sa_column=Column(Text, nullable=False))
    failed_at: datetime = timestamp_column()


class RedeliveryRow(Table, table=True):
    """A dead letter that was delivered after all."""

    __tablename__ = "redelivery"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    dead_letter_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    redelivered_at: datetime = timestamp_column()


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
    remaining: int = Field(sa_column=Column(BigInteger, nullable=False))
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, index=True))


class LeafSourceRow(Table, table=True):
    """A table whose rows are leaves of the proof log, and what of them the leaves commit to."""

    __tablename__ = "leaf_source"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    kind: int = Field(sa_column=Column(SmallInteger, nullable=False, unique=True))
    relation: str = Field(sa_column=Column(Text, nullable=False))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    id_column: str = Field(sa_column=Column(Text, nullable=False))
    fields: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    xact: int = Field(sa_column=Column(BigInteger, nullable=False))


class LeafBlockRow(Table, table=True):
    """Up to 256 consecutive leaves of the proof log: their kinds, row ids and hashes, packed."""

    __tablename__ = "leaf_block"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    first: int = Field(sa_column=Column(BigInteger, primary_key=True))
    next: int = Field(sa_column=Column(BigInteger, nullable=False, unique=True))
    follows: int | None = Field(sa_column=Column(BigInteger))
    kinds: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    row_ids: bytes = Field(sa_column=Column(LargeBinary, nullable=False, info=BOOKS))
    hashes: bytes = Field(sa_column=Column(LargeBinary, nullable=False, info=BOOKS))
    last_xact: int = Field(sa_column=Column(BigInteger, nullable=False))
    last_id: UUID = Field(sa_column=Column(Uuid, nullable=False, info=BOOKS))
    last_kind: int = Field(sa_column=Column(SmallInteger, nullable=False))
    sealed_at: datetime = timestamp_column()


class TreeNodeRow(Table, table=True):
    """The hash of a complete subtree of the proof log."""

    __tablename__ = "tree_node"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    height: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    position: int = Field(sa_column=Column(BigInteger, primary_key=True))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class CheckpointRow(Table, table=True):
    """What the proof log was at a size, signed."""

    __tablename__ = "checkpoint"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    size: int = Field(sa_column=Column(BigInteger, primary_key=True))
    root: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    note: str = Field(sa_column=Column(Text, nullable=False))
    signed_at: datetime = timestamp_column()


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
