"""The salt of a logged opening comes with its row, so that many rows are written at once."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "privacy_0023"
down_revision = "privacy_0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
