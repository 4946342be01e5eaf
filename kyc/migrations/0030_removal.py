"""Rows about persons may be removed, with the person they are about and not otherwise."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0030"
down_revision = "kyc_0023"
branch_labels = None
depends_on = "privacy_0020"


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
