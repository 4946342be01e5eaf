"""Row-level security: KYC readers read the tables themselves, and of each the rows of their packs."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "kyc_0031"
down_revision = "kyc_0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
