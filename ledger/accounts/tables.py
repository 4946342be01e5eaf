"""The tables of accounts: what they hold, what was changed, their freezes, parents and metadata."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Date, Integer, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from emoney.ledger.base.declarations import BOOKS, NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres.columns import timestamp_column, xact
from emoney.ledger.base.postgres.table import Table


class AccountRow(Table, table=True):
    """An account and what it holds."""

    __tablename__ = "account"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    currency: str = Field(sa_column=Column(Text, nullable=False))
    holder: UUID | None = Field(sa_column=Column(Uuid, index=True))
    external_ref: str | None = Field(sa_column=Column(Text, unique=True))
    profile_id: UUID | None = Field(sa_column=Column(Uuid))
    opened_at: datetime = timestamp_column()
    sign: int = Field(sa_column=Column(SmallInteger, nullable=False, info=NOT_PERSONAL))
    floor: int | None = Field(sa_column=Column(BigInteger, info=NOT_PERSONAL))
    frozen_debit: bool
    frozen_credit: bool
    closed_at: datetime | None = timestamp_column(nullable=True)
    debits_posted: int = Field(sa_column=Column(BigInteger, nullable=False))
    credits_posted: int = Field(sa_column=Column(BigInteger, nullable=False))
    debits_pending: int = Field(sa_column=Column(BigInteger, nullable=False))
    credits_pending: int = Field(sa_column=Column(BigInteger, nullable=False))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    last_posted_at: datetime | None = timestamp_column(nullable=True)
    ceiling: int | None = Field(sa_column=Column(BigInteger, info=NOT_PERSONAL))
    counted_on: date | None = Field(sa_column=Column(Date))
    counters: list[int] | None = Field(sa_column=Column(ARRAY(BigInteger)))
    counted_from: int | None = Field(sa_column=Column(BigInteger))


class AccountChangeRow(Table, table=True):
    """What was changed about an account, by whom and why."""

    __tablename__ = "account_change"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    number: int = Field(sa_column=Column(Integer, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    frozen_debit: bool | None
    frozen_credit: bool | None
    freeze_kind: str | None = Field(sa_column=Column(Text))
    freeze_debit: bool | None
    freeze_credit: bool | None
    approval_id: UUID | None = Field(sa_column=Column(Uuid, unique=True))
    floor: int | None = Field(sa_column=Column(BigInteger, info=NOT_PERSONAL))
    ceiling: int | None = Field(sa_column=Column(BigInteger, info=NOT_PERSONAL))
    parent_id: UUID | None
    profile_id: UUID | None
    was_under: UUID | None
    actor: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = timestamp_column()
    xact: int = xact()
    id: UUID = Field(sa_column=Column(Uuid, nullable=False))


class FreezeKindRow(Table, table=True):
    """Why an account may be frozen, and how that is lifted."""

    __tablename__ = "freeze_kind"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    name: str = Field(sa_column=Column(Text, primary_key=True))
    takes_two: str | None = Field(sa_column=Column(Text))
    lifting: str | None = Field(sa_column=Column(Text))


class AccountFreezeRow(Table, table=True):
    """A freeze that stands."""

    __tablename__ = "account_freeze"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    kind: str = Field(sa_column=Column(Text, primary_key=True))
    debit: bool
    credit: bool
    actor: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    since: datetime = timestamp_column()


class AccountParentRow(Table, table=True):
    """Below which account another one stands."""

    __tablename__ = "account_parent"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    parent_id: UUID = Field(sa_column=Column(Uuid, nullable=False, index=True))


class AccountMetadataRow(Table, table=True):
    """What the operator keeps about an account; the ledger does not look into it."""

    __tablename__ = "account_metadata"
    __table_args__ = {"schema": "ledger", "info": BOOKS}

    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    metadata_: dict[str, Any] = Field(
        sa_column=Column(
            "metadata",
            JSONB,
            nullable=False,
            info=declare(
                Category.PSEUDONYMOUS,
                "the operator's own management of the account; personal data is kept out by contract of use",
                Basis.CONTRACT,
                "until the operator replaces it, at most as long as the account's books",
            ),
        )
    )
    changed_at: datetime = timestamp_column()
