"""The tables of decisions: approvals, features, restrictions, overrides, freezes. All append-only."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from emoney.kyc.tables_columns import DUE_DILIGENCE, id_column, reference, text
from emoney.ledger.base.declarations import NOT_PERSONAL
from emoney.ledger.base.postgres.columns import salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table


class ApprovalRequestRow(Table, table=True):
    """What one person asked for, and until when another may approve it."""

    __tablename__ = "approval_request"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    action: str = text(info=NOT_PERSONAL)
    subject: UUID = reference()
    details: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    reason: str = text()
    requested_by: str = text()
    requested_at: datetime = timestamp_column()
    expires_at: datetime = timestamp_column()


class ApprovalDecisionRow(Table, table=True):
    """What the second person said. Repeats its request, so that the database can compare the two."""

    __tablename__ = "approval_decision"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    request_id: UUID = id_column()
    action: str = text(info=NOT_PERSONAL)
    subject: UUID = reference()
    requested_by: str = text()
    requested_at: datetime = timestamp_column()
    expires_at: datetime = timestamp_column()
    outcome: str = text()
    decided_by: str = text()
    reason: str = text()
    decided_at: datetime = timestamp_column()


class RestrictionStepRow(Table, table=True):
    """A step of a restriction, with the balance and the cap it was made at."""

    __tablename__ = "restriction_step"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    account_id: UUID = reference()
    step: str = text()
    cause: str = text()
    profile_id: UUID = reference(info=NOT_PERSONAL)
    balance: int = Field(sa_column=Column(BigInteger, nullable=False))
    cap: int | None = Field(sa_column=Column(BigInteger, info=NOT_PERSONAL))
    next_at: datetime | None = timestamp_column(nullable=True)
    source: str = text(info=NOT_PERSONAL)
    made_at: datetime = timestamp_column()


class WalletFeaturesRow(Table, table=True):
    """What a wallet is, as stated at a moment: the last statement counts."""

    __tablename__ = "wallet_features"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    account_id: UUID = reference()
    number: int = Field(sa_column=Column(Integer, nullable=False, info=NOT_PERSONAL))
    reloadable: bool | None = Field(sa_column=Column(Boolean))
    one_country: bool | None = Field(sa_column=Column(Boolean))
    goods_only: bool | None = Field(sa_column=Column(Boolean))
    loaded_with_cash: bool = Field(sa_column=Column(Boolean, nullable=False))
    phone_not_validated: bool = Field(sa_column=Column(Boolean, nullable=False))
    cohorts: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    recorded_by: str = text()
    reason: str = text()
    recorded_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class EndOfDayRunRow(Table, table=True):
    """A day of a pack that was dealt with after it ended."""

    __tablename__ = "end_of_day_run"
    __table_args__ = {"schema": "kyc", "info": NOT_PERSONAL}

    pack_id: str = Field(sa_column=Column(Text, primary_key=True))
    day: date = Field(sa_column=Column(Date, primary_key=True))
    wallets: int = Field(sa_column=Column(BigInteger, nullable=False))
    above: int = Field(sa_column=Column(BigInteger, nullable=False))
    finished_at: datetime = timestamp_column()


class EndOfDayExcessRow(Table, table=True):
    """A wallet that ended a day above a cap."""

    __tablename__ = "end_of_day_excess"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    account_id: UUID = reference()
    day: date = Field(sa_column=Column(Date, nullable=False))
    rule: str = text(info=NOT_PERSONAL)
    cap: int = Field(sa_column=Column(BigInteger, nullable=False, info=NOT_PERSONAL))
    held: int = Field(sa_column=Column(BigInteger, nullable=False))
    in_a_row: int = Field(sa_column=Column(Integer, nullable=False))
    step: str = text()
    source: str = text(info=NOT_PERSONAL)
    recorded_at: datetime = timestamp_column()


class TierOverrideRow(Table, table=True):
    """A tier set by two persons, until when."""

    __tablename__ = "tier_override"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    account_id: UUID = reference()
    pack_id: str = text(info=NOT_PERSONAL)
    tier: str = text()
    made_at: datetime = timestamp_column()
    until: datetime = timestamp_column()
    approval_id: UUID = reference()
    approval_action: str = text(info=NOT_PERSONAL)
    approval_outcome: str = text(info=NOT_PERSONAL)


class FreezeRow(Table, table=True):
    """A wallet stopped by one person, or let go by two."""

    __tablename__ = "freeze"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    account_id: UUID = reference()
    debit: bool = Field(sa_column=Column(Boolean, nullable=False))
    credit: bool = Field(sa_column=Column(Boolean, nullable=False))
    reason: str = text()
    made_by: str = text()
    made_at: datetime = timestamp_column()
    approval_id: UUID | None = reference(nullable=True)
    approval_action: str = text(info=NOT_PERSONAL)
    approval_outcome: str = text(info=NOT_PERSONAL)
