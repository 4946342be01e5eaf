"""Closed periods with their totals, and disputes with their outcomes."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0010"
down_revision = "ledger_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
