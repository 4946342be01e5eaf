"""What a wallet is, such as not reloadable, is kept with it."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0021"
down_revision = "kyc_0020"
branch_labels = None
depends_on = ("ledger_0001",)


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
