"""Privacy, keys: key-encryption keys, states, dual control, rotation."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "privacy_0004"
down_revision = "privacy_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
