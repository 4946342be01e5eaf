"""An acceptance of a policy pack rests on the approval of a second person."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0018"
down_revision = "kyc_0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
