"""The roles of readers, the packs a KYC reader is given, and the register of breaches."""

from emoney.ledger.base.postgres.migration import run_sql

revision = "privacy_0011"
down_revision = "privacy_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(__file__, "up")


def downgrade() -> None:
    run_sql(__file__, "down")
