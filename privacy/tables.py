"""The tables of `privacy`, as its migration makes them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Column, Date, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

import emoney.privacy.tables_pseudonyms
import emoney.privacy.tables_readers
import emoney.privacy.tables_releases
import emoney.privacy.tables_rights  # noqa: F401  mapped there, found here
from emoney.ledger.base.declarations import NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres.columns import salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table

_KEY_RETENTION = "until the subject's records expire, then destroyed"
_ACCOUNTABILITY = declare(
    Category.PSEUDONYMOUS,
    "showing who opened which field, and why",
    Basis.LEGAL_OBLIGATION,
    "as long as the records it is about",
)


_WRAPPED = declare(Category.KEY_MATERIAL, "sealing personal data", Basis.LEGAL_OBLIGATION, _KEY_RETENTION)
_CONTROL = declare(
    Category.PSEUDONYMOUS,
    "showing who asked for a key's end or copy, and who agreed",
    Basis.LEGAL_OBLIGATION,
    "life of the installation",
)
_SEARCH = declare(
    Category.PSEUDONYMOUS,
    "finding a person by a near-unique value without opening any",
    Basis.LEGAL_OBLIGATION,
    "as long as the value it is a code of",
)


class SubjectKey(Table, table=True):
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
        sa_column_kwargs={"info": _WRAPPED},
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
    xact: int = xact()
    salt: UUID = salt()


class Opening(Table, table=True):
    """Sealed fields of one row that were opened together. Append-only.

    `column_name`: the field's column, or of several fields their columns with commas between.
    """

    __tablename__ = "opening"
    __table_args__ = {"schema": "privacy", "info": _ACCOUNTABILITY}

    id: UUID = Field(primary_key=True)
    actor: str
    purpose: str
    table_name: str
    column_name: str
    row_id: UUID
    subject: UUID
    opened_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class OpeningRefusal(Table, table=True):
    """A call that opened nothing, and why. Append-only."""

    __tablename__ = "opening_refusal"
    __table_args__ = {"schema": "privacy", "info": _ACCOUNTABILITY}

    id: UUID = Field(primary_key=True)
    actor: str
    purpose: str | None = None
    reason: str
    fields: int
    table_name: str
    subject: UUID | None = None
    refused_at: datetime = timestamp_column()
    xact: int = xact()
    salt: UUID = salt()


class PurposeList(Table, table=True):
    """The purposes that an approved assessment lists. Append-only; the newest holds."""

    __tablename__ = "purpose_list"
    __table_args__ = {"schema": "privacy", "info": _ACCOUNTABILITY}

    id: UUID = Field(primary_key=True)
    assessment: str
    purposes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    approved_by: str
    approved_at: datetime = timestamp_column()
    xact: int = xact()


class SealedRow(Table, table=True):
    """Whose a row with sealed columns is, and the version that each of them stands at."""

    __tablename__ = "sealed_row"
    __table_args__ = {
        "schema": "privacy",
        "info": declare(
            Category.PSEUDONYMOUS,
            "telling the newest value of a sealed field from older ones",
            Basis.LEGAL_OBLIGATION,
            _KEY_RETENTION,
        ),
    }

    row_id: UUID = Field(primary_key=True)
    table_name: str = Field(primary_key=True)
    subject: UUID
    versions: dict[str, int] = Field(sa_column=Column(JSONB, nullable=False))


class KeyEncryptionKey(Table, table=True):
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


class Rotation(Table, table=True):
    """A run of rotation; one without an end was interrupted."""

    __tablename__ = "rotation"
    __table_args__ = {"schema": "privacy", "info": _CONTROL}

    id: UUID = Field(primary_key=True)
    kind: str
    actor: str
    started_at: datetime = timestamp_column()
    keys: int
    fields: int
    finished_at: datetime | None = timestamp_column(nullable=True)


class IndexKey(Table, table=True):
    """The key of a blind index, of one version, wrapped."""

    __tablename__ = "index_key"
    __table_args__ = {"schema": "privacy", "info": NOT_PERSONAL}

    index_name: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    wrapped: bytes | None = Field(
        default=None, repr=False, sa_type=LargeBinary, sa_column_kwargs={"info": _WRAPPED}
    )
    kek: str
    state: str
    created_at: datetime = timestamp_column()
    seal_until: datetime = timestamp_column()
    open_until: datetime = timestamp_column()
    made_by: UUID | None = None


class IndexEntry(Table, table=True):
    """The code of a row's value in a blind index."""

    __tablename__ = "index_entry"
    __table_args__ = {"schema": "privacy", "info": _SEARCH}

    code: bytes = Field(primary_key=True, sa_type=LargeBinary)
    index_name: str = Field(primary_key=True)
    key_version: int = Field(primary_key=True)
    row_id: UUID = Field(primary_key=True)
    subject: UUID


class IndexLeakage(Table, table=True):
    """What a blind index tells one who has it but not its key, as measured. Append-only."""

    __tablename__ = "index_leakage"
    __table_args__ = {"schema": "privacy", "info": NOT_PERSONAL}

    id: UUID = Field(primary_key=True)
    index_name: str
    measured_at: datetime = timestamp_column()
    entries: int
    distinct_codes: int
    most_frequent: int
    rank_matched: float
    refused: bool
