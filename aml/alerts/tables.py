"""The tables of alerts, each column with what it holds and for how long."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from emoney.ledger.base.declarations import NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres.columns import timestamp_column
from emoney.ledger.base.postgres.table import Table

_KEPT = "5 years from the end of the relationship or the transaction (AMLD art. 40, AMLR art. 77)"

WATCHED = declare(Category.SUSPICION, "monitoring for money laundering", Basis.LEGAL_OBLIGATION, _KEPT)
"""For columns that show who is watched and why: disclosing them to that person would be tipping off."""


class AlertRow(Table, table=True):
    """An episode of one subject that a scenario found."""

    __tablename__ = "alert"
    __table_args__ = {"schema": "aml", "info": WATCHED}

    id: UUID = Field(primary_key=True)
    scenario: str
    scenario_version: str = Field(sa_column_kwargs={"info": NOT_PERSONAL})
    subject: UUID
    subject_ref: str
    currency: str = Field(sa_column_kwargs={"info": NOT_PERSONAL})
    window_start: datetime = timestamp_column()
    window_end: datetime = timestamp_column()
    score: float
    why: str
    status: str = "open"
    detected_at: datetime = timestamp_column()
    changed_at: datetime = timestamp_column()


class AlertTransferRow(Table, table=True):
    """A transfer that is evidence of an alert, and the part it plays."""

    __tablename__ = "alert_transfer"
    __table_args__ = {"schema": "aml", "info": WATCHED}

    alert_id: UUID = Field(primary_key=True, foreign_key="aml.alert.id")
    transfer_id: UUID = Field(primary_key=True)
    reference: str | None = None
    part: str
    at: datetime = timestamp_column()


class AlertAccountRow(Table, table=True):
    """An account involved in an alert."""

    __tablename__ = "alert_account"
    __table_args__ = {"schema": "aml", "info": WATCHED}

    alert_id: UUID = Field(primary_key=True, foreign_key="aml.alert.id")
    account_id: UUID = Field(primary_key=True)
    account_ref: str
    part: str
