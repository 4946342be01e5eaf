"""The ledger: accounts, balances, transfers, entries, refusals, limit profiles and usage counters."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0001"
down_revision = None
branch_labels = ("ledger",)
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
