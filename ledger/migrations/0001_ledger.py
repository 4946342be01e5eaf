"""The ledger's schema, from the SQL files of the folder beside this file."""

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.migration import run_folder, run_sql

revision = "ledger_0001"
down_revision = None
branch_labels = ("ledger",)
depends_on = None


def upgrade(connection: Connection) -> None:
    run_folder(connection, __file__)


def downgrade(connection: Connection) -> None:
    run_sql(connection, __file__, "down")
