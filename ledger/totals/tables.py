"""The tables of day totals."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, LargeBinary, SmallInteger, Text, Uuid
from sqlmodel import Field

from emoney.ledger.base.declarations import BOOKS, NOT_PERSONAL
from emoney.ledger.base.postgres.columns import timestamp_column, xact
from emoney.ledger.base.postgres.table import Table


class DayTotalRow(Table, table=True):
    """A day's transfers, as a range of transactions, and the digest of what accounts came to by them."""

    __tablename__ = "day_total"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    number: int = Field(sa_column=Column(BigInteger, primary_key=True))
    id: UUID = Field(sa_column=Column(Uuid, nullable=False, unique=True))
    since_xact: int = Field(sa_column=Column(BigInteger, nullable=False, unique=True))
    until_xact: int = Field(sa_column=Column(BigInteger, nullable=False, unique=True))
    transfers: int = Field(sa_column=Column(BigInteger, nullable=False))
    first_posted_at: datetime = timestamp_column()
    last_posted_at: datetime = timestamp_column()
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    made_at: datetime = timestamp_column()
    xact: int = xact()


class DayTotalPartRow(Table, table=True):
    """The digests of a part of the accounts: of what they moved in a day, and of what they came to."""

    __tablename__ = "day_total_part"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    number: int = Field(sa_column=Column(BigInteger, primary_key=True))
    part: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    movements: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    states: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class DayTotalFundRow(Table, table=True):
    """What was received and issued on an account of funds until a day total."""

    __tablename__ = "day_total_fund"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    number: int = Field(sa_column=Column(BigInteger, primary_key=True))
    account_id: UUID = Field(sa_column=Column(Uuid, primary_key=True, info=BOOKS))
    purpose: str = Field(sa_column=Column(Text, primary_key=True))
    received: int = Field(sa_column=Column(BigInteger, nullable=False))
    drawn: int = Field(sa_column=Column(BigInteger, nullable=False))
