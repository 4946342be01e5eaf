"""The tables of unused wallets and of deaths."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column
from sqlmodel import Field

from emoney.kyc.declarations import DUE_DILIGENCE
from emoney.ledger.base.declarations import NOT_PERSONAL
from emoney.ledger.base.postgres.columns import computed, id_column, reference, text, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table


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
    xact: int = xact()


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
    approval_action: str = computed()
    approval_outcome: str = computed()
