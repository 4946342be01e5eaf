"""A migration is a revision file and SQL beside it: `NAME.up.sql` or a folder `NAME`, and `NAME.down.sql`."""

from pathlib import Path

from alembic import op


def run_folder(revision_file: str) -> None:
    """Run the SQL files of the folder that a revision file (its `__file__`) is named after, in name order."""
    for path in sorted(Path(revision_file).with_suffix("").glob("*.sql")):
        _run(path)


def run_sql(revision_file: str, direction: str) -> None:
    """Run the SQL file of `direction` ("up" or "down") beside a revision file (its `__file__`)."""
    _run(Path(revision_file).with_suffix(f".{direction}.sql"))


def _run(path: Path) -> None:
    # the driver's own connection: many statements in one text, and no parameter syntax in the way
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(path.read_text(encoding="utf-8"))
