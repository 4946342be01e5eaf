"""Batches decided on what was read without a lock are written by one call."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0017"
down_revision = "ledger_0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
