"""The tables of pseudonyms and re-identification."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, FetchedValue, LargeBinary
from sqlmodel import Field

from emoney.ledger.base.declarations import NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres.columns import salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table

_ANALYSIS = declare(
    Category.PSEUDONYMOUS,
    "standing for subjects in one domain of analysis",
    Basis.LEGITIMATE_INTEREST,
    "until the records of the domain expire",
)
_ACCOUNTABILITY = declare(
    Category.PSEUDONYMOUS,
    "showing who learned whom a pseudonym stands for, and why",
    Basis.LEGAL_OBLIGATION,
    "as long as the records it is about",
)
_KEY = declare(
    Category.KEY_MATERIAL,
    "making pseudonyms of one domain and epoch",
    Basis.LEGITIMATE_INTEREST,
    "until the records of the domain expire",
)


class PseudonymDomainRow(Table, table=True):
    """One purpose of analysis. Append-only."""

    __tablename__ = "pseudonym_domain"
    __table_args__ = {"schema": "privacy", "info": NOT_PERSONAL}

    name: str = Field(primary_key=True)
    purpose: str
    reversible: bool
    created_by: str = Field(sa_column_kwargs={"info": _ACCOUNTABILITY})
    created_at: datetime = timestamp_column()


class PseudonymEpochRow(Table, table=True):
    """A domain's epoch; its wrapped key moves between key-encryption keys, or is destroyed."""

    __tablename__ = "pseudonym_epoch"
    __table_args__ = {"schema": "privacy", "info": NOT_PERSONAL}

    id: UUID = Field(unique=True)
    domain: str = Field(primary_key=True)
    epoch: int = Field(primary_key=True)
    reversible: bool
    wrapped: bytes | None = Field(
        default=None, repr=False, sa_type=LargeBinary, sa_column_kwargs={"info": _KEY}
    )
    kek: str | None = None
    started_by: str = Field(sa_column_kwargs={"info": _ACCOUNTABILITY})
    started_at: datetime = timestamp_column()
    destroyed_at: datetime | None = Field(  # left out of an INSERT: the application may only set it later
        default=None, sa_column=Column(DateTime(timezone=True), FetchedValue())
    )
    xact: int = xact()
    salt: UUID = salt()


class PseudonymTokenRow(Table, table=True):
    """The random pseudonym of a subject. Never changed; closed to the application."""

    __tablename__ = "pseudonym_token"
    __table_args__ = {"schema": "privacy", "info": _ANALYSIS}

    domain: str = Field(primary_key=True)
    epoch: int = Field(primary_key=True)
    subject: UUID = Field(primary_key=True)
    token: bytes = Field(repr=False, sa_type=LargeBinary)
    reversible: bool
    made_at: datetime = timestamp_column()


class ReidentificationRow(Table, table=True):
    """Whom an approved request disclosed. Append-only."""

    __tablename__ = "reidentification"
    __table_args__ = {"schema": "privacy", "info": _ACCOUNTABILITY}

    request_id: UUID = Field(primary_key=True)
    action: str
    outcome: str
    subject: UUID
    disclosed_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()
