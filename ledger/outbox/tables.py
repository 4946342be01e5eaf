"""The tables of events and of those who read them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from emoney.ledger.base.declarations import BOOKS, NOT_PERSONAL
from emoney.ledger.base.postgres.columns import timestamp_column, xact
from emoney.ledger.base.postgres.table import Table


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
