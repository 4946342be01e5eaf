"""Risk ratings, periodic reviews, terms and consent."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0015"
down_revision = "kyc_0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
