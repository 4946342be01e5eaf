"""A database to measure on: embedded, migrated, empty, with the server's ordinary durable commits."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from jobs.migrate import upgrade
from ledger import Database, embedded


@contextmanager
def scratch_database() -> Iterator[tuple[Database, Path]]:
    """The database, and an empty directory beside it."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # as root, the server runs as a user of its own
        url = embedded.start(Path(folder))
        upgrade(url)
        database = Database(url)
        try:
            yield database, Path(folder)
        finally:
            database.close()
