"""Tier decisions are leaves of the ledger's proof log."""

from ledger.migration import run_sql

revision = "kyc_0011"
down_revision = "kyc_0001"
branch_labels = None
depends_on = ("ledger_0011",)


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
