"""The ledger's schema, from the SQL files of the folder beside this file."""

from emoney.ledger.base.postgres.migration import run_folder, run_sql

revision = "ledger_0001"
down_revision = None
branch_labels = ("ledger",)
depends_on = None


def upgrade() -> None:
    run_folder(__file__)


def downgrade() -> None:
    run_sql(__file__, "down")
