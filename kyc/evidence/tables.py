"""The tables of evidence, ratings and reviews."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Column, Date, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from emoney.kyc.declarations import DUE_DILIGENCE
from emoney.ledger.base.declarations import NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres.columns import computed, id_column, reference, text, timestamp_column
from emoney.ledger.base.postgres.table import Table


class ProviderRow(Table, table=True):
    """Whose word evidence may rest on from then on, for what; who registered it."""

    __tablename__ = "provider"
    __table_args__ = {
        "schema": "kyc",
        "info": declare(
            Category.PSEUDONYMOUS,
            "showing whose word evidence rests on, and who let it",
            Basis.LEGAL_OBLIGATION,
            "as long as the evidence",
        ),
    }

    name: str = Field(sa_column=Column(Text, primary_key=True))
    number: int = Field(sa_column=Column(Integer, primary_key=True))
    state: str = text()
    gives: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    methods: list[str] | None = Field(sa_column=Column(ARRAY(Text)))
    assurance: str = text()
    login: str | None = text(nullable=True)
    actor: str = text()
    reason: str = text()
    by_login: str = text()
    at: datetime = timestamp_column()


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
    approval_action: str = computed()
    approval_outcome: str = computed()
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


class RiskRatingRow(Table, table=True):
    """How a customer's risk was rated, from which factors, by which policy."""

    __tablename__ = "risk_rating"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    person_id: UUID = reference()
    rating: str = text()
    points: int = Field(sa_column=Column(Integer, nullable=False))
    factors: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    reasons: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    policy: str = text(info=NOT_PERSONAL)
    rated_by: str = text()
    reason: str = text()
    rated_at: datetime = timestamp_column()


class ReviewRow(Table, table=True):
    """When a person is to be looked at again."""

    __tablename__ = "review"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    person_id: UUID = id_column()
    rating: str = text()
    reviewed_at: datetime = timestamp_column()
    due_on: date = Field(sa_column=Column(Date, nullable=False))
    remind_on: date | None = Field(sa_column=Column(Date))


class ReviewDoneRow(Table, table=True):
    """A review that was made."""

    __tablename__ = "review_done"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    person_id: UUID = reference()
    was_due_on: date = Field(sa_column=Column(Date, nullable=False))
    next_due_on: date = Field(sa_column=Column(Date, nullable=False))
    reviewed_by: str = text()
    reason: str = text()
    reviewed_at: datetime = timestamp_column()
