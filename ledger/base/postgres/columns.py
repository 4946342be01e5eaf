"""Columns that tables of every package have."""

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, FetchedValue, Text, Uuid
from sqlmodel import Field

from emoney.ledger.base.declarations import NOT_PERSONAL


def id_column(*, info: dict[str, Any] | None = None) -> Any:
    """A UUID that names its row."""
    return Field(sa_column=Column(Uuid, primary_key=True, info=info))


def reference(*, nullable: bool = False, info: dict[str, Any] | None = None) -> Any:
    """A UUID of another row."""
    return Field(sa_column=Column(Uuid, nullable=nullable, info=info))


def text(*, nullable: bool = False, info: dict[str, Any] | None = None) -> Any:
    """Text that says nothing a person could be told by, unless `info` declares so."""
    return Field(sa_column=Column(Text, nullable=nullable, info=info))


def timestamp_column(*, nullable: bool = False) -> Any:
    """A point in time, with its zone."""
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable))


def xact() -> Any:
    """The transaction that wrote the row, by which the proof log finds it."""
    return Field(sa_column=Column(BigInteger, FetchedValue(), nullable=False, info=NOT_PERSONAL))


def salt() -> Any:
    """What keeps the row's leaf from being guessed."""
    return Field(sa_column=Column(Uuid, FetchedValue(), nullable=False, info=NOT_PERSONAL))


def computed(kind: Any = Text) -> Any:
    """What the database works out from the row's other columns, for comparing it with other tables."""
    return Field(sa_column=Column(kind, FetchedValue(), nullable=False, info=NOT_PERSONAL))
