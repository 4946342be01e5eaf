"""Wallets above a cap when the day ends."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0022"
down_revision = "kyc_0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
