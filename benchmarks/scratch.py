"""Databases to measure on: embedded, migrated, empty, with the server's ordinary durable commits."""

import atexit
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

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
    opened: dict[str, Database] = {}
    with _server() as (url, _):

        def administer(statement: str, *names: str) -> None:
            with psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as admin:
                admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

        def fresh(name: str) -> Database:
            administer("CREATE DATABASE {} TEMPLATE {}", name, embedded.DATABASE)
            opened[name] = Database(make_conninfo(url, dbname=name))
            return opened[name]

        try:
            yield fresh
        finally:
            for name, database in opened.items():
                database.close()
                administer("DROP DATABASE {} WITH (FORCE)", name)


@contextmanager
def _server() -> Iterator[tuple[str, Path]]:
    folder = Path(mkdtemp(prefix="emoney-bench-"))
    # registered before the server is, so it runs when the server has stopped, at this process's end
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)  # as root, the server runs as a user of its own
    url = embedded.start(folder)
    upgrade(url)
    yield url, folder


def settle(database: Database) -> None:
    """Statistics, visibility and dirty pages as they are between bursts: what follows is measured alone.

    Plans made on empty tables would be kept, and make one way slower than another for no reason of its own.
    """
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute("VACUUM (ANALYZE)")
        owner.execute("CHECKPOINT")
