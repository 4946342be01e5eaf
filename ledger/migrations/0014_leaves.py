"""More kinds of leaves: holds and their ends, reversals, events, and what other packages declare."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0014"
down_revision = "ledger_0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
