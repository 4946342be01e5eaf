"""The key of a pseudonym epoch is destroyed by two persons, releases say how many persons were left out
because of a restriction, and tokens are counted without forgetting them."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "privacy_0025"
down_revision = "privacy_0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
