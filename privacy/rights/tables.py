"""The tables of requests, restrictions and legal holds."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Column, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from emoney.ledger.base.postgres.columns import salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table
from emoney.privacy.declarations import REQUESTS

_TABLE = {"schema": "privacy", "info": REQUESTS}


class DataRequestRow(Table, table=True):
    """What a person asked for. Append-only."""

    __tablename__ = "data_request"
    __table_args__ = _TABLE

    id: UUID = Field(primary_key=True)
    subject: UUID
    subjects: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))
    kind: str
    received_at: datetime = timestamp_column()
    due_on: date
    recorded_by: str
    xact: int = xact()
    salt: UUID = salt()


class DataRequestStepRow(Table, table=True):
    """A state of a request. Append-only; the highest number is where it stands."""

    __tablename__ = "data_request_step"
    __table_args__ = _TABLE

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


class RestrictionRow(Table, table=True):
    """What a subject's fields may be opened for. Append-only; the highest number holds."""

    __tablename__ = "restriction"
    __table_args__ = _TABLE

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


class LegalHoldRow(Table, table=True):
    """An order to keep what is held of a subject, or its release. Append-only."""

    __tablename__ = "legal_hold"
    __table_args__ = _TABLE

    id: UUID = Field(primary_key=True)
    hold_id: UUID
    number: int
    subject: UUID
    reference: str
    request_id: UUID | None = None
    actor: str
    at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()
