"""The tables of sealed fields: which rows have them, who opened one, who may."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from emoney.ledger.base.declarations import Basis, Category, declare
from emoney.ledger.base.postgres.columns import salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table
from emoney.privacy.declarations import KEY_RETENTION

_ACCOUNTABILITY = declare(
    Category.PSEUDONYMOUS,
    "showing who opened which field, and why",
    Basis.LEGAL_OBLIGATION,
    "as long as the records it is about",
)


class SealedRow(Table, table=True):
    """Whose a row with sealed columns is, and the version that each of them stands at."""

    __tablename__ = "sealed_row"
    __table_args__ = {
        "schema": "privacy",
        "info": declare(
            Category.PSEUDONYMOUS,
            "telling the newest value of a sealed field from older ones",
            Basis.LEGAL_OBLIGATION,
            KEY_RETENTION,
        ),
    }

    row_id: UUID = Field(primary_key=True)
    table_name: str = Field(primary_key=True)
    subject: UUID
    versions: dict[str, int] = Field(sa_column=Column(JSONB, nullable=False))


class OpeningRow(Table, table=True):
    """Sealed fields of one row that were opened together. Append-only.

    `column_name`: the field's column, or of several fields their columns with commas between.
    """

    __tablename__ = "opening"
    __table_args__ = {"schema": "privacy", "info": _ACCOUNTABILITY}

    id: UUID = Field(primary_key=True)
    actor: str
    purpose: str
    table_name: str
    column_name: str
    row_id: UUID
    subject: UUID
    opened_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class OpeningRefusalRow(Table, table=True):
    """A call that opened nothing, and why. Append-only."""

    __tablename__ = "opening_refusal"
    __table_args__ = {"schema": "privacy", "info": _ACCOUNTABILITY}

    id: UUID = Field(primary_key=True)
    actor: str
    purpose: str | None = None
    reason: str
    fields: int
    table_name: str
    subject: UUID | None = None
    refused_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class PurposeListRow(Table, table=True):
    """The purposes that an approved assessment lists. Append-only; the newest holds."""

    __tablename__ = "purpose_list"
    __table_args__ = {"schema": "privacy", "info": _ACCOUNTABILITY}

    id: UUID = Field(primary_key=True)
    assessment: str
    purposes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    approved_by: str
    approved_at: datetime = timestamp_column()
    xact: int = xact()


class ReaderPackRow(Table, table=True):
    """A policy pack whose persons a KYC reader sees. Written by the database's owner only."""

    __tablename__ = "reader_pack"
    __table_args__ = {
        "schema": "privacy",
        "info": declare(
            Category.PSEUDONYMOUS,
            "limiting which persons a reader sees",
            Basis.LEGAL_OBLIGATION,
            "as long as the reader has access",
        ),
    }

    reader: str = Field(primary_key=True)
    pack_id: str = Field(primary_key=True)
    granted_by: str
    granted_at: datetime = timestamp_column()
