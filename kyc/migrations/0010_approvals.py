"""What a second person has to approve: requests and decisions."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0010"
down_revision = "kyc_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
