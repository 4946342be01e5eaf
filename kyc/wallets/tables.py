"""The tables of wallets and of what was decided on them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from emoney.kyc.declarations import DUE_DILIGENCE
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
    approval_action: str = computed()
    approval_outcome: str = computed()


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
    xact: int = xact()


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
