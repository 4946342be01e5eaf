"""Pseudonyms by domain and epoch, and re-identification by two persons."""

from ledger.migration import run_sql

revision = "privacy_0010"
down_revision = "privacy_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
