"""Changes of accounts are leaves of the proof log themselves."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0016"
down_revision = "ledger_0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
