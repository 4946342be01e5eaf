"""Groups are claimed, those sent before, too."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0023"
down_revision = "ledger_0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
