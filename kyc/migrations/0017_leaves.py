"""Tier decisions are leaves of the ledger's proof log."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0017"
down_revision = "kyc_0016"
branch_labels = None
depends_on = ("ledger_0001",)


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
