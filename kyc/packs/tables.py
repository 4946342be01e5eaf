"""The table of accepted packs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Text, Uuid
from sqlmodel import Field

from emoney.ledger.base.declarations import NOT_PERSONAL, Basis, Category, declare
from emoney.ledger.base.postgres.columns import computed, salt, timestamp_column, xact
from emoney.ledger.base.postgres.table import Table


class PackAcceptanceRow(Table, table=True):
    """Who answers for a policy pack as it is: never edited."""

    __tablename__ = "pack_acceptance"
    __table_args__ = {
        "schema": "kyc",
        "info": declare(
            Category.PSEUDONYMOUS,
            "showing who accepted a policy pack for production",
            Basis.LEGAL_OBLIGATION,
            "as long as wallets are under the pack, and 5 years",
        ),
    }

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    pack_id: str = Field(sa_column=Column(Text, nullable=False, info=NOT_PERSONAL))
    content_hash: str = Field(sa_column=Column(Text, nullable=False, info=NOT_PERSONAL))
    accepted_by: str = Field(sa_column=Column(Text, nullable=False))
    accepted_at: datetime = timestamp_column()
    note: str = Field(sa_column=Column(Text, nullable=False))
    approval_id: UUID | None = Field(sa_column=Column(Uuid))
    approval_action: str = computed()
    approval_subject: UUID = computed(Uuid)
    approval_outcome: str = computed()
    xact: int = xact()
    salt: UUID = salt()
