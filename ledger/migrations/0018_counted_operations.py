"""A profile says which operations are counted, by direction."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0018"
down_revision = "ledger_0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
