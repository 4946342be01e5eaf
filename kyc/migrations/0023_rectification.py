"""Details of persons can be rectified; what they were is kept."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0023"
down_revision = "kyc_0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
