"""The table of breaches."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from emoney.ledger.base.declarations import Basis, Category, declare
from emoney.ledger.base.postgres.columns import timestamp_column
from emoney.ledger.base.postgres.table import Table


class BreachRow(Table, table=True):
    """What was known of a breach at a time. Append-only; the highest number is what is known now."""

    __tablename__ = "breach"
    __table_args__ = {
        "schema": "privacy",
        "info": declare(
            Category.PSEUDONYMOUS,
            "documenting breaches for the supervisory authority (GDPR art. 33(5))",
            Basis.LEGAL_OBLIGATION,
            "life of the installation",
        ),
    }

    breach_id: UUID = Field(primary_key=True)
    number: int = Field(primary_key=True)
    noticed_at: datetime = timestamp_column()
    what: str
    categories: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    subjects: int = Field(sa_column=Column(BigInteger, nullable=False))
    measures: str
    notified_at: datetime | None = timestamp_column(nullable=True)
    late_reason: str | None = None
    no_risk_reason: str | None = None
    recorded_by: str
    recorded_at: datetime = timestamp_column()
