"""That an operator accepts a policy pack: a signed record."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0005"
down_revision = "kyc_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
