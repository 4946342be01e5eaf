"""The table of runs of rotation."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from emoney.ledger.base.declarations import Basis, Category, declare
from emoney.ledger.base.postgres.columns import timestamp_column
from emoney.ledger.base.postgres.table import Table

_CONTROL = declare(
    Category.PSEUDONYMOUS,
    "showing who asked for a key's end or copy, and who agreed",
    Basis.LEGAL_OBLIGATION,
    "life of the installation",
)


class RotationRow(Table, table=True):
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
