"""One transfer costs PostgreSQL less."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0026"
down_revision = "ledger_0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
