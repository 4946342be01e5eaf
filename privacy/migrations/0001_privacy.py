"""Privacy: subject keys and the log of openings."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "privacy_0001"
down_revision = None
branch_labels = ("privacy",)
depends_on = ("ledger_0001",)


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
