"""Event delivery: consumers' places, attempts, dead letters."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0003"
down_revision = "ledger_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
