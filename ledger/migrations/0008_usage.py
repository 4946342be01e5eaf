"""Usage by periods, packed; and one pass over a batch where the posting trigger made two."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "ledger_0008"
down_revision = "ledger_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
