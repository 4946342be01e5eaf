"""Accounts: ceilings, closing, a record of every change, metadata, the hierarchy of the chart."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0009"
down_revision = "ledger_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
