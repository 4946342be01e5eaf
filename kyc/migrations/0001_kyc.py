"""KYC: approvals, persons, evidence, wallets and their tiers."""

from emoney.ledger.base.postgres.migration import run_folder, run_sql

revision = "kyc_0001"
down_revision = None
branch_labels = ("kyc",)
depends_on = ("privacy_0001",)


def upgrade() -> None:
    run_folder(__file__)


def downgrade() -> None:
    run_sql(__file__, "down")
