"""Claims without a hash where the row tells what was sent; the log's blocks within their pages."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0019"
down_revision = "ledger_0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
