"""A migration is a revision file and two SQL files beside it: `NAME.up.sql` and `NAME.down.sql`."""

from pathlib import Path

from alembic import op


def run_sql(revision_file: str, direction: str) -> None:
    """Run the SQL file of `direction` ("up" or "down") beside a revision file (its `__file__`)."""
    path = Path(revision_file).with_suffix(f".{direction}.sql")
    # the driver's own connection: many statements in one text, and no parameter syntax in the way
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(path.read_text(encoding="utf-8"))
