"""The tables of keys and of what happened to them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Column, Date, LargeBinary
from sqlmodel import Field

from emoney.ledger.base.declarations import NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres.columns import computed, salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table
from emoney.privacy.declarations import KEY_RETENTION, WRAPPED


class SubjectKeyRow(Table, table=True):
    """A subject's data key of one version, wrapped; `wrapped` is empty once it is destroyed."""

    __tablename__ = "subject_key"
    __table_args__ = {
        "schema": "privacy",
        "info": declare(
            Category.PSEUDONYMOUS, "finding the key of a subject", Basis.LEGAL_OBLIGATION, KEY_RETENTION
        ),
    }

    subject: UUID = Field(primary_key=True)
    version: int = Field(primary_key=True)
    wrapped: bytes | None = Field(
        default=None,
        repr=False,
        sa_type=LargeBinary,
        sa_column_kwargs={"info": WRAPPED},
    )
    kek: str
    state: str
    created_at: datetime = timestamp_column()
    seal_until: datetime = timestamp_column()
    open_until: datetime = timestamp_column()
    made_by: UUID | None = None


class KeyEventRow(Table, table=True):
    """What happened to a key. Append-only."""

    __tablename__ = "key_event"
    __table_args__ = {
        "schema": "privacy",
        "info": declare(
            Category.PSEUDONYMOUS,
            "showing when a key was made and destroyed, by whom and why",
            Basis.LEGAL_OBLIGATION,
            "life of the installation",
        ),
    }

    id: UUID = Field(primary_key=True)
    kind: str
    subject: UUID | None = None
    index_name: str | None = None
    domain: str | None = None
    version: int | None = None
    kek: str
    event: str
    actor: str | None = None
    reason: str | None = None
    happened_at: datetime = timestamp_column()
    by_login: str = computed()
    xact: int = xact()
    salt: UUID = salt()


class FormerWrappingRow(Table, table=True):
    """What a key was wrapped as before it moved under another key-encryption key. The database writes it."""

    __tablename__ = "former_wrapping"
    __table_args__ = {
        "schema": "privacy",
        "info": declare(
            Category.PSEUDONYMOUS,
            "putting a key back that was written over",
            Basis.LEGAL_OBLIGATION,
            "30 days, or until the key is destroyed",
        ),
    }

    id: UUID = Field(primary_key=True)
    kind: str
    subject: UUID | None = None
    name: str | None = None
    version: int
    kek: str
    wrapped: bytes = Field(repr=False, sa_type=LargeBinary, sa_column_kwargs={"info": WRAPPED})
    by_login: str
    at: datetime = timestamp_column()


class KeyEncryptionKeyRow(Table, table=True):
    """A key-encryption key: what it is for and where it stands. The key is in its provider."""

    __tablename__ = "kek"
    __table_args__ = {"schema": "privacy", "info": NOT_PERSONAL}

    id: str = Field(primary_key=True)
    provider: str
    use: str
    expires_month: date | None = Field(default=None, sa_column=Column(Date))
    state: str
    created_at: datetime = timestamp_column()
    seal_until: datetime = timestamp_column()
    open_until: datetime = timestamp_column()
