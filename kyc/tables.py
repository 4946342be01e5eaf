"""The KYC tables. Whatever tells who a person is stands in a sealed column."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from ledger.declarations import NOT_PERSONAL, Basis, Category, declare
from privacy import Sealed, SealedText

_RETENTION = "5 years after the end of the relationship"
_PURPOSE = "customer due diligence"

DUE_DILIGENCE = declare(Category.PSEUDONYMOUS, _PURPOSE, Basis.LEGAL_OBLIGATION, _RETENTION)
IDENTITY = declare(Category.IDENTITY, _PURPOSE, Basis.LEGAL_OBLIGATION, _RETENTION)
CONTACT = declare(Category.CONTACT, "reaching the holder", Basis.CONTRACT, _RETENTION)
GOVERNMENT_ID = declare(Category.GOVERNMENT_ID, _PURPOSE, Basis.LEGAL_OBLIGATION, _RETENTION)


def _sealed(info: dict[str, Any]) -> Any:
    return Field(default=None, sa_column=Column(SealedText, info=info))


class Person(SQLModel, table=True):
    """A natural person who holds wallets."""

    __tablename__ = "person"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    model_config = {"arbitrary_types_allowed": True}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    external_ref: str = Field(sa_column=Column(Text, unique=True, nullable=False))
    name: Sealed | None = _sealed(IDENTITY)
    birth_date: Sealed | None = _sealed(IDENTITY)
    phone: Sealed | None = _sealed(CONTACT)
    id_kind: Sealed | None = _sealed(GOVERNMENT_ID)
    id_number: Sealed | None = _sealed(GOVERNMENT_ID)
    address: Sealed | None = _sealed(IDENTITY)
    enrolled_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class Evidence(SQLModel, table=True):
    """One thing known of a person, and how."""

    __tablename__ = "evidence"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    person_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    state: str = Field(sa_column=Column(Text, nullable=False))
    method: str = Field(sa_column=Column(Text, nullable=False))
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class Wallet(SQLModel, table=True):
    """A holder's wallet: the ledger account, and the tier it stands at."""

    __tablename__ = "wallet"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    person_id: UUID | None = Field(sa_column=Column(Uuid))
    pack_id: str = Field(sa_column=Column(Text, nullable=False, info=NOT_PERSONAL))
    tier: str = Field(sa_column=Column(Text, nullable=False))
    tier_since: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class TierDecision(SQLModel, table=True):
    """Why a wallet stands at a tier: never edited."""

    __tablename__ = "tier_decision"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    account_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    pack_id: str = Field(sa_column=Column(Text, nullable=False, info=NOT_PERSONAL))
    tier: str = Field(sa_column=Column(Text, nullable=False))
    profile_id: UUID = Field(sa_column=Column(Uuid, nullable=False, info=NOT_PERSONAL))
    because: str = Field(sa_column=Column(Text, nullable=False))
    evidence: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    decided_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class PackAcceptance(SQLModel, table=True):
    """Who answers for a policy pack as it is: never edited."""

    __tablename__ = "pack_acceptance"
    __table_args__ = {
        "schema": "kyc",
        "info": declare(
            Category.PSEUDONYMOUS,
            "showing who accepted a policy pack for production",
            Basis.LEGAL_OBLIGATION,
            "as long as wallets are under the pack, and 5 years",
        ),
    }

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    pack_id: str = Field(sa_column=Column(Text, nullable=False, info=NOT_PERSONAL))
    content_hash: str = Field(sa_column=Column(Text, nullable=False, info=NOT_PERSONAL))
    accepted_by: str = Field(sa_column=Column(Text, nullable=False))
    accepted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    note: str = Field(sa_column=Column(Text, nullable=False))
