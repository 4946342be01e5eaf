"""KYC: sealed details can be sealed anew, and found by blind index."""

from ledger.migration import run_sql

revision = "kyc_0020"
down_revision = "kyc_0018"
branch_labels = None
depends_on = ("privacy_0001",)


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
