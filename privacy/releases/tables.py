"""The tables of releases and published counts."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Float, LargeBinary, Numeric
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from emoney.ledger.base.declarations import NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres.columns import salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table

_ACCOUNTABILITY = declare(
    Category.PSEUDONYMOUS,
    "showing what left for analysis, by whom and under which guarantees",
    Basis.LEGAL_OBLIGATION,
    "as long as what left may be in use",
)
_PUBLISHED = {"schema": "privacy", "info": NOT_PERSONAL}


class ReleaseRow(Table, table=True):
    """A file of anonymised records that left. Append-only."""

    __tablename__ = "release"
    __table_args__ = _PUBLISHED

    id: UUID = Field(primary_key=True)
    plan: str
    plan_hash: bytes = Field(sa_type=LargeBinary)
    purpose: str
    domain: str | None = None
    epoch: int | None = None
    records: int
    suppressed: int
    restricted: int
    k_wanted: int
    k_reached: int
    sensitive: dict[str, Any] = Field(sa_type=JSONB)
    generalised: dict[str, Any] = Field(sa_type=JSONB)
    content_hash: bytes = Field(sa_type=LargeBinary)
    released_by: str = Field(sa_column_kwargs={"info": _ACCOUNTABILITY})
    released_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class CountBudgetRow(Table, table=True):
    """The privacy loss that all counts of one purpose may add up to. Append-only."""

    __tablename__ = "count_budget"
    __table_args__ = _PUBLISHED

    id: UUID = Field(primary_key=True)
    name: str = Field(unique=True)
    purpose: str
    epsilon: Decimal = Field(sa_type=Numeric(9, 6))
    opened_by: str = Field(sa_column_kwargs={"info": _ACCOUNTABILITY})
    opened_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class CountSpentRow(Table, table=True):
    """What is spent of a budget. It only grows."""

    __tablename__ = "count_spent"
    __table_args__ = _PUBLISHED

    budget: str = Field(primary_key=True)
    epsilon: Decimal = Field(sa_type=Numeric(9, 6))
    spent: Decimal = Field(sa_type=Numeric(9, 6))


class PublishedCountRow(Table, table=True):
    """Counts with their noise, as they were told. Append-only."""

    __tablename__ = "published_count"
    __table_args__ = _PUBLISHED

    id: UUID = Field(primary_key=True)
    budget: str
    question: str
    epsilon: Decimal = Field(sa_type=Numeric(9, 6))
    scale: float = Field(sa_type=Float(53))
    cells: dict[str, Any] = Field(sa_type=JSONB)
    published_by: str = Field(sa_column_kwargs={"info": _ACCOUNTABILITY})
    published_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()
