"""Transfers and entries by month, so that posting stays as quick as history grows."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0012"
down_revision = "ledger_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
