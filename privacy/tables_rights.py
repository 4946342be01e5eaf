"""The tables of requests, restrictions, legal holds and destruction, mapped."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from emoney.ledger.base.declarations import Basis, Category, declare
from emoney.ledger.base.postgres.columns import salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table

_ACCOUNTABILITY = declare(
    Category.PSEUDONYMOUS,
    "showing what a person asked for and what became of it",
    Basis.LEGAL_OBLIGATION,
    "5 years after the request was closed",
)


def _table() -> dict[str, Any]:
    return {"schema": "privacy", "info": _ACCOUNTABILITY}


class DataRequest(Table, table=True):
    """What a person asked for. Append-only."""

    __tablename__ = "data_request"
    __table_args__ = _table()

    id: UUID = Field(primary_key=True)
    subject: UUID
    subjects: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))
    kind: str
    received_at: datetime = timestamp_column()
    due_on: date
    recorded_by: str
    xact: int = xact()
    salt: UUID = salt()


class DataRequestStep(Table, table=True):
    """A state of a request. Append-only; the highest number is where it stands."""

    __tablename__ = "data_request_step"
    __table_args__ = _table()

    id: UUID = Field(primary_key=True)
    request_id: UUID
    number: int
    state: str
    ground: str
    source: str | None = None
    keep_until: date | None = None
    actor: str
    at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class Restriction(Table, table=True):
    """What a subject's fields may be opened for. Append-only; the highest number holds."""

    __tablename__ = "restriction"
    __table_args__ = _table()

    id: UUID = Field(primary_key=True)
    subject: UUID
    number: int
    purposes: list[str] | None = Field(sa_column=Column(ARRAY(Text)))
    ground: str
    request_id: UUID | None = None
    actor: str
    at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class LegalHold(Table, table=True):
    """An order to keep what is held of a subject, or its release. Append-only."""

    __tablename__ = "legal_hold"
    __table_args__ = _table()

    id: UUID = Field(primary_key=True)
    hold_id: UUID
    number: int
    subject: UUID
    reference: str
    actor: str
    at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class Destruction(Table, table=True):
    """A subject that is erased. Append-only."""

    __tablename__ = "destruction"
    __table_args__ = _table()

    subject: UUID = Field(primary_key=True)
    request_id: UUID
    at: datetime = timestamp_column()
    xact: int = xact()


class DestructionCertificate(Table, table=True):
    """What was destroyed. Append-only."""

    __tablename__ = "destruction_certificate"
    __table_args__ = _table()

    id: UUID = Field(primary_key=True)
    request_id: UUID
    content: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    issued_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()
