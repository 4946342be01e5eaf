"""The operation by which dormant e-money is moved apart and back."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0013"
down_revision = "ledger_0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
