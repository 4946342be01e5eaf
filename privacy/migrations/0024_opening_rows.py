"""A row of the log of openings tells of all fields of one row that a call opened."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "privacy_0024"
down_revision = "privacy_0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
