"""One more way to issue e-money: against e-money of another instrument or issuer."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0011"
down_revision = "ledger_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
