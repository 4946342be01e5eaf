"""Duplicates: fingerprints, candidates, decisions, and links that two persons approved."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0014"
down_revision = "kyc_0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
