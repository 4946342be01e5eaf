"""Reversals and refunds: transfers that give back another one, in full or in part."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0007"
down_revision = "ledger_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
