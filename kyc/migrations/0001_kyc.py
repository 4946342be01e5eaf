"""KYC: approvals, persons, evidence, wallets and their tiers."""

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.migration import run_folder, run_sql

revision = "kyc_0001"
down_revision = None
branch_labels = ("kyc",)
depends_on = ("privacy_0001",)


def upgrade(connection: Connection) -> None:
    run_folder(connection, __file__)


def downgrade(connection: Connection) -> None:
    run_sql(connection, __file__, "down")
