"""Evidence: states with their history, and who stands behind each."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0011"
down_revision = "kyc_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
