"""The tables of rectifications: what is to be changed of a person's details, and what they were before."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Column, Date, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from emoney.kyc.tables_columns import (
    CONTACT,
    DUE_DILIGENCE,
    GOVERNMENT_ID,
    IDENTITY,
    id_column,
    reference,
    text,
)
from emoney.ledger.base.declarations import NOT_PERSONAL
from emoney.ledger.base.postgres.columns import timestamp_column
from emoney.ledger.base.postgres.table import Table
from emoney.privacy import Sealed, SealedText


def _sealed(info: dict[str, Any]) -> Any:
    return Field(default=None, sa_column=Column(SealedText(subject="person_id"), info=info))


class RectificationRow(Table, table=True):
    """What is to be changed; sealed columns have the new values."""

    __tablename__ = "rectification"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    model_config = {"arbitrary_types_allowed": True}

    id: UUID = id_column()
    person_id: UUID = reference()
    version: int = Field(sa_column=Column(Integer, nullable=False))
    fields_: list[str] = Field(sa_column=Column("fields", ARRAY(Text), nullable=False))
    name: Sealed | None = _sealed(IDENTITY)
    birth_date: Sealed | None = _sealed(IDENTITY)
    phone: Sealed | None = _sealed(CONTACT)
    id_kind: Sealed | None = _sealed(GOVERNMENT_ID)
    id_number: Sealed | None = _sealed(GOVERNMENT_ID)
    id_country: Sealed | None = _sealed(GOVERNMENT_ID)
    tax_number: Sealed | None = _sealed(GOVERNMENT_ID)
    tax_country: Sealed | None = _sealed(GOVERNMENT_ID)
    address: Sealed | None = _sealed(IDENTITY)
    id_expires_on: date | None = Field(sa_column=Column(Date))
    needs_two: bool = Field(sa_column=Column(Boolean, nullable=False))
    requested_by: str = text()
    reason: str = text()
    requested_at: datetime = timestamp_column()


class PersonVersionRow(Table, table=True):
    """Details as they were before a rectification."""

    __tablename__ = "person_version"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    model_config = {"arbitrary_types_allowed": True}

    id: UUID = id_column()
    person_id: UUID = reference()
    number: int = Field(sa_column=Column(Integer, nullable=False))
    name: Sealed | None = _sealed(IDENTITY)
    birth_date: Sealed | None = _sealed(IDENTITY)
    phone: Sealed | None = _sealed(CONTACT)
    id_kind: Sealed | None = _sealed(GOVERNMENT_ID)
    id_number: Sealed | None = _sealed(GOVERNMENT_ID)
    id_country: Sealed | None = _sealed(GOVERNMENT_ID)
    tax_number: Sealed | None = _sealed(GOVERNMENT_ID)
    tax_country: Sealed | None = _sealed(GOVERNMENT_ID)
    address: Sealed | None = _sealed(IDENTITY)
    rectification_id: UUID = reference()
    needs_two: bool = Field(sa_column=Column(Boolean, nullable=False))
    fields_: list[str] = Field(sa_column=Column("fields", ARRAY(Text), nullable=False))
    replaced_by: str = text()
    reason: str = text()
    replaced_at: datetime = timestamp_column()
    approval_id: UUID | None = reference(nullable=True)
    approval_action: str = text(info=NOT_PERSONAL)
    approval_outcome: str = text(info=NOT_PERSONAL)
