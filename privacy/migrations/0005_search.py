"""Privacy, search: blind indexes, their keys and what they leak."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "privacy_0005"
down_revision = "privacy_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
