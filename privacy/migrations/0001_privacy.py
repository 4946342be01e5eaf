"""Privacy: keys, sealed fields, openings, search, pseudonyms, releases, rights, breaches, readers."""

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.migration import run_folder, run_sql

revision = "privacy_0001"
down_revision = None
branch_labels = ("privacy",)
depends_on = ("ledger_0001",)


def upgrade(connection: Connection) -> None:
    run_folder(connection, __file__)


def downgrade(connection: Connection) -> None:
    run_sql(connection, __file__, "down")
