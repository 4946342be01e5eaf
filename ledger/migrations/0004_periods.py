"""Closed periods, and what as-of questions need."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0004"
down_revision = "ledger_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
