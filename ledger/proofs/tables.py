"""The tables of the proof log."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from emoney.ledger.base.declarations import BOOKS, NOT_PERSONAL
from emoney.ledger.base.postgres.columns import timestamp_column
from emoney.ledger.base.postgres.table import Table


class LeafSourceRow(Table, table=True):
    """A table whose rows are leaves of the proof log, and what of them the leaves commit to."""

    __tablename__ = "leaf_source"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    kind: int = Field(sa_column=Column(SmallInteger, nullable=False, unique=True))
    relation: str = Field(sa_column=Column(Text, nullable=False))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    id_column: str = Field(sa_column=Column(Text, nullable=False))
    fields: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    xact: int = Field(sa_column=Column(BigInteger, nullable=False))


class LeafBlockRow(Table, table=True):
    """Up to 256 consecutive leaves of the proof log: their kinds, row ids and hashes, packed."""

    __tablename__ = "leaf_block"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    first: int = Field(sa_column=Column(BigInteger, primary_key=True))
    next: int = Field(sa_column=Column(BigInteger, nullable=False, unique=True))
    follows: int | None = Field(sa_column=Column(BigInteger))
    kinds: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    row_ids: bytes = Field(sa_column=Column(LargeBinary, nullable=False, info=BOOKS))
    hashes: bytes = Field(sa_column=Column(LargeBinary, nullable=False, info=BOOKS))
    last_xact: int = Field(sa_column=Column(BigInteger, nullable=False))
    last_id: UUID = Field(sa_column=Column(Uuid, nullable=False, info=BOOKS))
    last_kind: int = Field(sa_column=Column(SmallInteger, nullable=False))
    sealed_at: datetime = timestamp_column()


class TreeNodeRow(Table, table=True):
    """The hash of a complete subtree of the proof log."""

    __tablename__ = "tree_node"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    height: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    position: int = Field(sa_column=Column(BigInteger, primary_key=True))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class CheckpointRow(Table, table=True):
    """What the proof log was at a size, signed."""

    __tablename__ = "checkpoint"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    size: int = Field(sa_column=Column(BigInteger, primary_key=True))
    root: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    note: str = Field(sa_column=Column(Text, nullable=False))
    signed_at: datetime = timestamp_column()


class CosignatureRow(Table, table=True):
    """What a witness said of a checkpoint: its signature line."""

    __tablename__ = "cosignature"
    __table_args__ = {"schema": "ledger", "info": NOT_PERSONAL}

    size: int = Field(sa_column=Column(BigInteger, primary_key=True))
    witness: str = Field(sa_column=Column(Text, primary_key=True))
    line: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = timestamp_column()
