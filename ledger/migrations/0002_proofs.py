"""The proof log: leaves in sequence, signed checkpoints."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0002"
down_revision = "ledger_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
