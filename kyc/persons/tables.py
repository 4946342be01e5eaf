"""The tables of persons. Whatever tells who a person is stands in a sealed column."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Column, Date, Integer, LargeBinary, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from emoney.kyc.declarations import CONTACT, DUE_DILIGENCE, GOVERNMENT_ID, IDENTITY
from emoney.ledger.base.declarations import NOT_PERSONAL
from emoney.ledger.base.postgres.columns import (
    computed,
    id_column,
    reference,
    salt,
    text,
    timestamp_column,
    xact,
)
from emoney.ledger.base.postgres.table import Table
from emoney.privacy import Sealed, SealedText


def _sealed(info: dict[str, Any], subject: str = "id") -> Any:
    return Field(default=None, sa_column=Column(SealedText(subject=subject), info=info))


class PersonRow(Table, table=True):
    """A natural person, or a legal entity under its registered name and number."""

    __tablename__ = "person"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    model_config = {"arbitrary_types_allowed": True}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    external_ref: str = Field(sa_column=Column(Text, unique=True, nullable=False))
    kind: str = text()
    name: Sealed | None = _sealed(IDENTITY)
    birth_date: Sealed | None = _sealed(IDENTITY)
    phone: Sealed | None = _sealed(CONTACT)
    id_kind: Sealed | None = _sealed(GOVERNMENT_ID)
    id_number: Sealed | None = _sealed(GOVERNMENT_ID)
    id_country: Sealed | None = _sealed(GOVERNMENT_ID)
    tax_number: Sealed | None = _sealed(GOVERNMENT_ID)
    tax_country: Sealed | None = _sealed(GOVERNMENT_ID)
    address: Sealed | None = _sealed(IDENTITY)
    enrolled_at: datetime = timestamp_column()
    holder_id: UUID | None = Field(sa_column=Column(Uuid))
    details_version: int = Field(sa_column=Column(Integer, nullable=False))


class RectificationRow(Table, table=True):
    """What is to be changed; sealed columns have the new values."""

    __tablename__ = "rectification"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    model_config = {"arbitrary_types_allowed": True}

    id: UUID = id_column()
    person_id: UUID = reference()
    version: int = Field(sa_column=Column(Integer, nullable=False))
    fields_: list[str] = Field(sa_column=Column("fields", ARRAY(Text), nullable=False))
    name: Sealed | None = _sealed(IDENTITY, "person_id")
    birth_date: Sealed | None = _sealed(IDENTITY, "person_id")
    phone: Sealed | None = _sealed(CONTACT, "person_id")
    id_kind: Sealed | None = _sealed(GOVERNMENT_ID, "person_id")
    id_number: Sealed | None = _sealed(GOVERNMENT_ID, "person_id")
    id_country: Sealed | None = _sealed(GOVERNMENT_ID, "person_id")
    tax_number: Sealed | None = _sealed(GOVERNMENT_ID, "person_id")
    tax_country: Sealed | None = _sealed(GOVERNMENT_ID, "person_id")
    address: Sealed | None = _sealed(IDENTITY, "person_id")
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
    name: Sealed | None = _sealed(IDENTITY, "person_id")
    birth_date: Sealed | None = _sealed(IDENTITY, "person_id")
    phone: Sealed | None = _sealed(CONTACT, "person_id")
    id_kind: Sealed | None = _sealed(GOVERNMENT_ID, "person_id")
    id_number: Sealed | None = _sealed(GOVERNMENT_ID, "person_id")
    id_country: Sealed | None = _sealed(GOVERNMENT_ID, "person_id")
    tax_number: Sealed | None = _sealed(GOVERNMENT_ID, "person_id")
    tax_country: Sealed | None = _sealed(GOVERNMENT_ID, "person_id")
    address: Sealed | None = _sealed(IDENTITY, "person_id")
    rectification_id: UUID = reference()
    needs_two: bool = Field(sa_column=Column(Boolean, nullable=False))
    fields_: list[str] = Field(sa_column=Column("fields", ARRAY(Text), nullable=False))
    replaced_by: str = text()
    reason: str = text()
    replaced_at: datetime = timestamp_column()
    approval_id: UUID | None = reference(nullable=True)
    approval_action: str = computed()
    approval_outcome: str = computed()


class DuplicateRow(Table, table=True):
    """Two records with an equal value, and in which index."""

    __tablename__ = "duplicate"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    person_a: UUID = id_column()
    person_b: UUID = id_column()
    ground: str = Field(sa_column=Column(Text, primary_key=True))
    found_at: datetime = timestamp_column()


class DuplicateDecisionRow(Table, table=True):
    """What a human said of two records."""

    __tablename__ = "duplicate_decision"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    person_a: UUID = reference()
    person_b: UUID = reference()
    verdict: str = text()
    decided_by: str = text()
    reason: str = text()
    decided_at: datetime = timestamp_column()
    request_id: UUID | None = reference(nullable=True)


class PersonLinkRow(Table, table=True):
    """Two records taken as of one person, or one taken apart again."""

    __tablename__ = "person_link"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    person_id: UUID = reference()
    into_id: UUID = reference()
    made_at: datetime = timestamp_column()
    approval_id: UUID = reference()
    approval_action: str = computed()
    approval_outcome: str = computed()


class TermsRow(Table, table=True):
    """A text that persons agree to."""

    __tablename__ = "terms"
    __table_args__ = {"schema": "kyc", "info": NOT_PERSONAL}

    id: UUID = id_column()
    kind: str = text()
    version: str = text()
    locale: str = text()
    sha256: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    effective_from: date = Field(sa_column=Column(Date, nullable=False))
    published_by: str = text()
    published_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class ConsentRow(Table, table=True):
    """What a person said of a text."""

    __tablename__ = "consent"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    person_id: UUID = reference()
    terms_id: UUID = reference(info=NOT_PERSONAL)
    given: bool = Field(sa_column=Column(Boolean, nullable=False))
    channel: str = text()
    recorded_by: str = text()
    recorded_at: datetime = timestamp_column()
