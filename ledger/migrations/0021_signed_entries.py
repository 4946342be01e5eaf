"""Amounts of entries are signed: debits positive, credits negative; no column for the side."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0021"
down_revision = "ledger_0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
