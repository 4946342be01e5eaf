"""Columns that tables of every package have."""

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Uuid
from sqlmodel import Field

from emoney.ledger.base.declarations import NOT_PERSONAL


def timestamp_column(*, nullable: bool = False) -> Any:
    """A point in time, with its zone."""
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable))


def xact() -> Any:
    """The transaction that wrote the row, by which the proof log finds it."""
    return Field(sa_column=Column(BigInteger, nullable=False, info=NOT_PERSONAL))


def salt() -> Any:
    """What keeps the row's leaf from being guessed."""
    return Field(sa_column=Column(Uuid, nullable=False, info=NOT_PERSONAL))
