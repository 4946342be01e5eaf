"""Dormancy and the death of a holder, by steps."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0016"
down_revision = "kyc_0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
