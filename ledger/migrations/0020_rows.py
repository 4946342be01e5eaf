"""What was decided is sent as rows, not column by column; and small costs of writing them."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0020"
down_revision = "ledger_0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
