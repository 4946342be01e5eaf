"""Parties of all kinds: legal entities and owners, minors and guardians, agents and merchants."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0013"
down_revision = "kyc_0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
