"""The tables of what was destroyed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from emoney.ledger.base.postgres.columns import salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table
from emoney.privacy.declarations import REQUESTS

_TABLE = {"schema": "privacy", "info": REQUESTS}


class DestructionRow(Table, table=True):
    """A subject that is erased. Append-only."""

    __tablename__ = "destruction"
    __table_args__ = _TABLE

    subject: UUID = Field(primary_key=True)
    request_id: UUID
    at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class DestructionCertificateRow(Table, table=True):
    """What was destroyed. Append-only."""

    __tablename__ = "destruction_certificate"
    __table_args__ = _TABLE

    id: UUID = Field(primary_key=True)
    request_id: UUID
    content: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    issued_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()
