"""The tables of officers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Integer, LargeBinary, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from emoney.ledger.base.declarations import Basis, Category, declare
from emoney.ledger.base.postgres.columns import salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table

_OFFICERS = declare(
    Category.PSEUDONYMOUS,
    "showing who may act for the operator, and who let them",
    Basis.LEGAL_OBLIGATION,
    "as long as what they decided",
)


class OfficerRow(Table, table=True):
    """An officer, and the login under which it acts."""

    __tablename__ = "officer"
    __table_args__ = {"schema": "ledger", "info": _OFFICERS}

    name: str = Field(sa_column=Column(Text, primary_key=True))
    login: str = Field(sa_column=Column(Text, nullable=False, unique=True))


class OfficerChangeRow(Table, table=True):
    """What an officer is from then on; who changed it, and under which login of the database."""

    __tablename__ = "officer_change"
    __table_args__ = {"schema": "ledger", "info": _OFFICERS}

    officer: str = Field(sa_column=Column(Text, primary_key=True))
    number: int = Field(sa_column=Column(Integer, primary_key=True))
    id: UUID = Field(sa_column=Column(Uuid, nullable=False, unique=True))
    state: str = Field(sa_column=Column(Text, nullable=False))
    roles: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    key: bytes | None = Field(sa_column=Column(LargeBinary))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    by_login: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class SignatureRuleRow(Table, table=True):
    """Whether all that takes two persons is signed; the last row counts."""

    __tablename__ = "signature_rule"
    __table_args__ = {"schema": "ledger", "info": _OFFICERS}

    number: int = Field(sa_column=Column(Integer, primary_key=True))
    id: UUID = Field(sa_column=Column(Uuid, nullable=False, unique=True))
    demanded: bool
    actor: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    by_login: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()
