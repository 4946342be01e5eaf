"""Pseudonyms by domain and epoch, and re-identification by two persons."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "privacy_0021"
down_revision = "privacy_0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
