"""A migration is a revision file and SQL beside it: up, a folder of its name; down, `NAME.down.sql`.

Its `upgrade` and `downgrade` take the connection: not Alembic's `op`, of which a process has one.
"""

from pathlib import Path

from emoney.ledger.base.postgres.database import Connection


def run_folder(connection: Connection, revision_file: str) -> None:
    """Run every SQL file of the folder beside a revision file (its `__file__`), in the order of names."""
    for path in sorted(Path(revision_file).with_suffix("").glob("*.sql")):
        _run(connection, path)


def run_sql(connection: Connection, revision_file: str, direction: str) -> None:
    """Run the SQL file of `direction` ("up" or "down") beside a revision file (its `__file__`)."""
    _run(connection, Path(revision_file).with_suffix(f".{direction}.sql"))


def _run(connection: Connection, path: Path) -> None:
    connection.execute(path.read_text(encoding="utf-8").encode())
