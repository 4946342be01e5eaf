"""Requests of persons, restrictions, legal holds, and the removal of rows that nothing else may remove."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "privacy_0020"
down_revision = "privacy_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
