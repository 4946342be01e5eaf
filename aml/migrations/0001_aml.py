"""AML: extractions, alerts and their evidence."""

from emoney.ledger.base.postgres.migration import run_folder, run_sql

revision = "aml_0001"
down_revision = None
branch_labels = ("aml",)
depends_on = ("kyc_0001",)


def upgrade() -> None:
    run_folder(__file__)


def downgrade() -> None:
    run_sql(__file__, "down")
