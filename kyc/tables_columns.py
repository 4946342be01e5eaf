"""Columns that many KYC tables have, and what they declare of themselves."""

from typing import Any

from sqlalchemy import Column, Text, Uuid
from sqlmodel import Field

from emoney.ledger.base.declarations import Basis, Category, declare

_RETENTION = "5 years after the end of the relationship"
_PURPOSE = "customer due diligence"

DUE_DILIGENCE = declare(Category.PSEUDONYMOUS, _PURPOSE, Basis.LEGAL_OBLIGATION, _RETENTION)
IDENTITY = declare(Category.IDENTITY, _PURPOSE, Basis.LEGAL_OBLIGATION, _RETENTION)
CONTACT = declare(Category.CONTACT, "reaching the holder", Basis.CONTRACT, _RETENTION)
GOVERNMENT_ID = declare(Category.GOVERNMENT_ID, _PURPOSE, Basis.LEGAL_OBLIGATION, _RETENTION)


def id_column(*, info: dict[str, Any] | None = None) -> Any:
    """A UUID that names its row."""
    return Field(sa_column=Column(Uuid, primary_key=True, info=info))


def reference(*, nullable: bool = False, info: dict[str, Any] | None = None) -> Any:
    """A UUID of another row."""
    return Field(sa_column=Column(Uuid, nullable=nullable, info=info))


def text(*, nullable: bool = False, info: dict[str, Any] | None = None) -> Any:
    """Text that says nothing a person could be told by, unless `info` declares so."""
    return Field(sa_column=Column(Text, nullable=nullable, info=info))
