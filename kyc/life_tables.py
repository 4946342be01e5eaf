"""The tables of a relationship's course: duplicates, links, reviews, dormancy, death, terms, consent."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, LargeBinary, Text, Uuid
from sqlmodel import Field, SQLModel

from kyc.table_columns import DUE_DILIGENCE, id_column, moment, reference, text
from ledger.declarations import NOT_PERSONAL, Basis, Category, declare
from privacy import Sealed, SealedText

KEY = declare(Category.KEY_MATERIAL, "finding duplicates", Basis.LEGAL_OBLIGATION, "life of the installation")


class FingerprintKey(SQLModel, table=True):
    """The key of a blind index, sealed."""

    __tablename__ = "fingerprint_key"
    __table_args__ = {"schema": "kyc", "info": NOT_PERSONAL}

    model_config = {"arbitrary_types_allowed": True}

    id: UUID = id_column()
    index_name: str = text()
    sealed: Sealed = Field(sa_column=Column(SealedText, nullable=False, info=KEY))
    made_at: datetime = moment()


class Fingerprint(SQLModel, table=True):
    """A keyed code of a value of a person: tells equal values, and no value."""

    __tablename__ = "fingerprint"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    code: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    index_name: str = Field(sa_column=Column(Text, primary_key=True, info=NOT_PERSONAL))
    person_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))


class Duplicate(SQLModel, table=True):
    """Two records with an equal value, and in which index."""

    __tablename__ = "duplicate"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    person_a: UUID = id_column()
    person_b: UUID = id_column()
    ground: str = Field(sa_column=Column(Text, primary_key=True))
    found_at: datetime = moment()


class DuplicateDecision(SQLModel, table=True):
    """What a human said of two records."""

    __tablename__ = "duplicate_decision"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    person_a: UUID = reference()
    person_b: UUID = reference()
    verdict: str = text()
    decided_by: str = text()
    because: str = text()
    decided_at: datetime = moment()
    request_id: UUID | None = reference(nullable=True)


class PersonLink(SQLModel, table=True):
    """Two records taken as of one person, or one taken apart again."""

    __tablename__ = "person_link"
    __table_args__ = {"schema": "kyc", "info": DUE_DILIGENCE}

    id: UUID = id_column()
    person_id: UUID = reference()
    into_id: UUID = reference()
    made_at: datetime = moment()
    approval_id: UUID = reference()
    approval_action: str = text(info=NOT_PERSONAL)
    approval_outcome: str = text(info=NOT_PERSONAL)
