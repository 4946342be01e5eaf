"""Refusals stand among the transfers of their batch in the order in which they were decided."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0024"
down_revision = "ledger_0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
