"""The tables of a relationship's course: duplicates, links, reviews, dormancy, death, terms, consent."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from emoney.kyc.tables_columns import DUE_DILIGENCE, id_column, reference, text
from emoney.ledger.base.declarations import NOT_PERSONAL
from emoney.ledger.base.postgres.columns import timestamp_column
from emoney.ledger.base.postgres.table import Table


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
    approval_action: str = text(info=NOT_PERSONAL)
    approval_outcome: str = text(info=NOT_PERSONAL)


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


class DormancyRow(Table, table=True):
    """Where an unused wallet stands."""

    __tablename__ = "dormancy"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    account_id: UUID = id_column()
    stage: str = text()
    inactive_since: datetime = timestamp_column()
    blocked_at: datetime | None = timestamp_column(nullable=True)
    next_at: datetime | None = timestamp_column(nullable=True)
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))


class DormancyStepRow(Table, table=True):
    """A step of an unused wallet, with the transfer that moved its balance."""

    __tablename__ = "dormancy_step"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    account_id: UUID = reference()
    stage: str = text()
    transfer_id: UUID | None = reference(nullable=True)
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    source: str = text(info=NOT_PERSONAL)
    reason: str = text()
    made_by: str = text()
    made_at: datetime = timestamp_column()


class DormancyExemptionRow(Table, table=True):
    """Why no step is made for a wallet."""

    __tablename__ = "dormancy_exemption"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    account_id: UUID = reference()
    ground: str = text()
    recorded_by: str = text()
    reason: str = text()
    since: datetime = timestamp_column()
    ended_at: datetime | None = timestamp_column(nullable=True)


class DeathRow(Table, table=True):
    """How far a holder's death is known and settled."""

    __tablename__ = "death"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    person_id: UUID = id_column()
    stage: str = text()


class DeathStepRow(Table, table=True):
    """A step after a death was reported."""

    __tablename__ = "death_step"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    person_id: UUID = reference()
    stage: str = text()
    evidence_id: UUID | None = reference(nullable=True)
    made_by: str = text()
    reason: str = text()
    made_at: datetime = timestamp_column()
    approval_id: UUID | None = reference(nullable=True)
    approval_action: str = text(info=NOT_PERSONAL)
    approval_outcome: str = text(info=NOT_PERSONAL)
