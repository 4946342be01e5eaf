"""The KYC tables. Whatever tells who a person is stands in a sealed column."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Date, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

import emoney.kyc.tables_decisions
import emoney.kyc.tables_life
import emoney.kyc.tables_parties
import emoney.kyc.tables_rectification  # noqa: F401  mapped there, found here
from emoney.kyc.tables_columns import CONTACT, DUE_DILIGENCE, GOVERNMENT_ID, IDENTITY, id_column, text
from emoney.ledger.base.declarations import NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres.columns import salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table
from emoney.privacy import Sealed, SealedText


def _sealed(info: dict[str, Any]) -> Any:
    return Field(default=None, sa_column=Column(SealedText, info=info))


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


class EvidenceRow(Table, table=True):
    """One thing known of a person, how, how surely and until when: as it stands now."""

    __tablename__ = "evidence"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    person_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    kind: str = text()
    number: int = Field(sa_column=Column(Integer, nullable=False))
    state: str = text()
    method: str = text()
    assurance: str = text()
    expires_on: date | None = Field(sa_column=Column(Date))
    recorded_by: str = text()
    reason: str = text()
    provider: str | None = text(nullable=True)
    approval_id: UUID | None = Field(sa_column=Column(Uuid))
    approval_action: str = text(info=NOT_PERSONAL)
    approval_outcome: str = text(info=NOT_PERSONAL)
    recorded_at: datetime = timestamp_column()


class EvidenceStateRow(Table, table=True):
    """A state that evidence was in: written by the database itself."""

    __tablename__ = "evidence_state"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    evidence_id: UUID = id_column()
    number: int = Field(sa_column=Column(Integer, primary_key=True))
    state: str = text()
    method: str = text()
    assurance: str = text()
    expires_on: date | None = Field(sa_column=Column(Date))
    recorded_by: str = text()
    reason: str = text()
    provider: str | None = text(nullable=True)
    approval_id: UUID | None = Field(sa_column=Column(Uuid))
    recorded_at: datetime = timestamp_column()


class WalletRow(Table, table=True):
    """A holder's wallet: the ledger account, and the tier it stands at."""

    __tablename__ = "wallet"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    person_id: UUID | None = Field(sa_column=Column(Uuid))
    pack_id: str = Field(sa_column=Column(Text, nullable=False, info=NOT_PERSONAL))
    tier: str = Field(sa_column=Column(Text, nullable=False))
    tier_since: datetime = timestamp_column()
    restriction: str | None = text(nullable=True)
    restriction_cause: str | None = text(nullable=True)
    restriction_next_at: datetime | None = timestamp_column(nullable=True)
    override_until: datetime | None = timestamp_column(nullable=True)


class TierDecisionRow(Table, table=True):
    """Why a wallet stands at a tier: never edited."""

    __tablename__ = "tier_decision"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    account_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    pack_id: str = Field(sa_column=Column(Text, nullable=False, info=NOT_PERSONAL))
    tier: str = Field(sa_column=Column(Text, nullable=False))
    profile_id: UUID = Field(sa_column=Column(Uuid, nullable=False, info=NOT_PERSONAL))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    evidence: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    decided_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class PackAcceptanceRow(Table, table=True):
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
    accepted_at: datetime = timestamp_column()
    note: str = Field(sa_column=Column(Text, nullable=False))
    approval_id: UUID | None = Field(sa_column=Column(Uuid))
    approval_action: str = text(info=NOT_PERSONAL)
    approval_subject: UUID = Field(sa_column=Column(Uuid, nullable=False, info=NOT_PERSONAL))
    approval_outcome: str = text(info=NOT_PERSONAL)
