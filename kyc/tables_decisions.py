"""The tables of decisions: features, restrictions, overrides. All append-only."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from emoney.kyc.tables_columns import DUE_DILIGENCE, id_column, reference, text
from emoney.ledger.base.declarations import NOT_PERSONAL
from emoney.ledger.base.postgres.columns import salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table


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
