"""Privacy, sealed fields: their versions, refused openings, approved purposes."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "privacy_0003"
down_revision = "privacy_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
