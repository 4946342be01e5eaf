"""A decided batch may be sent before the one it follows is answered."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0022"
down_revision = "ledger_0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
