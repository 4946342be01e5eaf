"""The tables of `privacy`, as its migration makes them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, Uuid
from sqlmodel import Field, SQLModel

from ledger.declarations import NOT_PERSONAL, Basis, Category, declare
from privacy import disclosure_tables, release_tables  # noqa: F401  mapped beside these

_KEY_RETENTION = "until the subject's records expire, then destroyed"
_ACCOUNTABILITY = declare(
    Category.PSEUDONYMOUS,
    "showing who opened which field, and why",
    Basis.LEGAL_OBLIGATION,
    "as long as the records it is about",
)


class SubjectKey(SQLModel, table=True):
    """A subject's data key of one version, wrapped; `wrapped` is empty once it is destroyed."""

    __tablename__ = "subject_key"
    __table_args__ = {
        "schema": "privacy",
        "info": declare(
            Category.PSEUDONYMOUS, "finding the key of a subject", Basis.LEGAL_OBLIGATION, _KEY_RETENTION
        ),
    }

    subject: UUID = Field(primary_key=True)
    version: int = Field(primary_key=True)
    wrapped: bytes | None = Field(
        default=None,
        repr=False,
        sa_type=LargeBinary,
        sa_column_kwargs={
            "info": declare(
                Category.KEY_MATERIAL, "sealing personal data", Basis.LEGAL_OBLIGATION, _KEY_RETENTION
            )
        },
    )
    kek: str
    state: str
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


class KeyEvent(SQLModel, table=True):
    """What happened to a subject key. Append-only."""

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
    subject: UUID
    version: int
    kek: str
    event: str
    actor: str | None = None
    reason: str | None = None
    happened_at: datetime = Field(sa_type=DateTime(timezone=True))
    xact: int = Field(sa_column=Column(BigInteger, nullable=False, info=NOT_PERSONAL))
    salt: UUID = Field(sa_column=Column(Uuid, nullable=False, info=NOT_PERSONAL))


class Opening(SQLModel, table=True):
    """One sealed field that was opened. Append-only."""

    __tablename__ = "opening"
    __table_args__ = {"schema": "privacy", "info": _ACCOUNTABILITY}

    id: UUID = Field(primary_key=True)
    actor: str
    purpose: str
    table_name: str
    column_name: str
    row_id: UUID
    subject: UUID
    opened_at: datetime = Field(sa_type=DateTime(timezone=True))
    xact: int = Field(sa_column=Column(BigInteger, nullable=False, info=NOT_PERSONAL))
    salt: UUID = Field(sa_column=Column(Uuid, nullable=False, info=NOT_PERSONAL))
