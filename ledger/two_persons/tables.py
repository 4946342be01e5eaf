"""The tables of what takes two persons."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Interval, LargeBinary, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from emoney.ledger.base.declarations import NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres.columns import salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table

_TWO_PERSONS = declare(
    Category.PSEUDONYMOUS,
    "showing who asked for what takes two persons, and who decided",
    Basis.LEGAL_OBLIGATION,
    "as long as what it is about",
)


class RequestActionRow(Table, table=True):
    """What may be asked for, for how long, by whom it is decided, and what says that its rows may go."""

    __tablename__ = "request_action"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    name: str = Field(sa_column=Column(Text, primary_key=True))
    open_at_most: timedelta = Field(sa_column=Column(Interval, nullable=False))
    deciders: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
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
    signature: bytes | None = Field(sa_column=Column(LargeBinary))
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
    signature: bytes | None = Field(sa_column=Column(LargeBinary))
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
