"""Databases to measure on: embedded, migrated, empty, with the server's ordinary durable commits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from jobs.migrate import upgrade
from ledger import Database, embedded

Fresh = Callable[[str], Database]
"""Makes an empty, migrated database of this name."""


@contextmanager
def scratch_database() -> Iterator[tuple[Database, Path]]:
    """The database, and an empty directory beside it."""
    with _server() as (url, folder):
        database = Database(url)
        try:
            yield database, folder
        finally:
            database.close()


@contextmanager
def scratch_server() -> Iterator[Fresh]:
    """A server on which databases are made by name, each a copy of one that was migrated."""
    opened: list[Database] = []
    with _server() as (url, _):

        def fresh(name: str) -> Database:
            with psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as admin:
                admin.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                        sql.Identifier(name), sql.Identifier(embedded.DATABASE)
                    )
                )
            opened.append(Database(make_conninfo(url, dbname=name)))
            return opened[-1]

        try:
            yield fresh
        finally:
            for database in opened:
                database.close()


@contextmanager
def _server() -> Iterator[tuple[str, Path]]:
    with TemporaryDirectory(prefix="emoney-bench-") as folder:
        Path(folder).chmod(0o755)  # as root, the server runs as a user of its own
        url = embedded.start(Path(folder))
        upgrade(url)
        yield url, Path(folder)


def settle(database: Database) -> None:
    """Statistics, visibility and dirty pages as they are between bursts: what follows is measured alone.

    Plans made on empty tables would be kept, and make one way slower than another for no reason of its own.
    """
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute("VACUUM (ANALYZE)")
        owner.execute("CHECKPOINT")
