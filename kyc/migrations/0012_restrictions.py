"""Wallets above their tier: restrictions by stages, and overrides of a tier."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0012"
down_revision = "kyc_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
