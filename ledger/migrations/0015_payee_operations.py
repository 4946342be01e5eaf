"""Which operations a profile counts by payee: only those that a rule of its pack measures so."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0015"
down_revision = "ledger_0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
