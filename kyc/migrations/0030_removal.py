"""Rows about persons may be removed, with the person they are about and not otherwise."""

from ledger.migration import run_sql

revision = "kyc_0030"
down_revision = "kyc_0023"
branch_labels = None
depends_on = "privacy_0001"


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
