"""Releases of anonymised records, and counts published under a budget of differential privacy."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "privacy_0022"
down_revision = "privacy_0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
