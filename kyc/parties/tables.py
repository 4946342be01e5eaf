"""The tables of parties: owners of entities, guardians of minors, accounts of agents and merchants."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, Column, Integer, Uuid
from sqlmodel import Field

from emoney.kyc.declarations import DUE_DILIGENCE
from emoney.ledger.base.postgres.columns import id_column, reference, text, timestamp_column
from emoney.ledger.base.postgres.table import Table


class OwnershipStatementRow(Table, table=True):
    """Who owns an entity, as stated at a moment; shares in basis points."""

    __tablename__ = "ownership_statement"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    entity_id: UUID = reference()
    named_bp: int = Field(sa_column=Column(Integer, nullable=False))
    dispersed_bp: int = Field(sa_column=Column(Integer, nullable=False))
    recorded_by: str = text()
    reason: str = text()
    recorded_at: datetime = timestamp_column()


class OwnershipRow(Table, table=True):
    """One owner in a statement."""

    __tablename__ = "ownership"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    statement_id: UUID = id_column()
    owner_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    share_bp: int = Field(sa_column=Column(Integer, nullable=False))
    control: bool = Field(sa_column=Column(Boolean, nullable=False))
    senior_manager: bool = Field(sa_column=Column(Boolean, nullable=False))


class GuardianshipRow(Table, table=True):
    """Who answers for a minor, and until which year at the latest."""

    __tablename__ = "guardianship"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    minor_id: UUID = reference()
    guardian_id: UUID = reference()
    authority: str = text()
    until_year: int = Field(sa_column=Column(Integer, nullable=False))
    recorded_by: str = text()
    recorded_at: datetime = timestamp_column()
    ended_at: datetime | None = timestamp_column(nullable=True)
    ended_reason: str | None = text(nullable=True)


class BusinessAccountRow(Table, table=True):
    """An agent's float or a merchant's account, whose it is, and under which agent it works."""

    __tablename__ = "business_account"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    account_id: UUID = id_column()
    person_id: UUID | None = reference(nullable=True)
    role: str = text()
    under_account: UUID | None = reference(nullable=True)
    recorded_by: str = text()
    reason: str = text()
    recorded_at: datetime = timestamp_column()
