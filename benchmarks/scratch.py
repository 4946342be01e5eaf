"""Databases to measure on: embedded, migrated, empty, with the server's ordinary durable commits."""

import atexit
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from emoney.jobs.migrate import upgrade
from emoney.jobs.testing.prefunded import prefund
from emoney.jobs.testing.set_clocks import free_clock
from emoney.ledger import Database
from emoney.ledger.base.postgres import embedded
from emoney.ledger.base.postgres.logins import as_superuser

Fresh = Callable[[str], Database]
"""Makes an empty, migrated database of this name."""


_LOG_MIB = 4096  # of the callers' part; a checkpoint in it comes by the clock


@contextmanager
def scratch_database() -> Iterator[tuple[Database, Path]]:
    """The database, and an empty directory beside it."""
    with scratch_server() as fresh, TemporaryDirectory() as folder:
        yield fresh("scratch"), Path(folder)


@contextmanager
def scratch_server() -> Iterator[Fresh]:
    """A server on which databases are made by name, each a copy of one that was migrated; gone at the end."""
    opened: dict[str, Database] = {}
    template = _server()

    def administer(statement: str, *names: str) -> None:
        with psycopg.connect(make_conninfo(template, dbname="postgres"), autocommit=True) as admin:
            admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def fresh(name: str) -> Database:
        administer("CREATE DATABASE {} TEMPLATE {}", name, embedded.DATABASE)
        opened[name] = Database(make_conninfo(template, dbname=name))
        return opened[name]

    try:
        yield fresh
    finally:
        for name, database in opened.items():
            database.close()
            administer("DROP DATABASE {} WITH (FORCE)", name)


@cache
def _server() -> str:
    """The URL of a migrated, empty database on this process's own server, which ends with the process."""
    folder = Path(mkdtemp(prefix="emoney-bench-"))
    # registered before the server is, so it runs when the server has stopped, at this process's end
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o711)  # as root, the server runs as a user of its own
    url = as_superuser(embedded.start(folder))
    upgrade(url)
    prefund(url)
    free_clock(url, actor="bench", reason="months are posted in minutes")
    return url


def run_in(database: Database) -> None:
    """Give the server the log that its own advice asks for at such rates, and let that go round once.

    With a gigabyte, the default, it would begin a checkpoint twice a minute, and after each write every page
    that changes to the log in full. When it has gone round, the server writes into files that it has used
    before; a fresh one makes each anew, for 15 to 50 ms in which nothing is committed.
    """
    with psycopg.connect(database.url, autocommit=True) as owner:
        for setting in ("min_wal_size", "max_wal_size"):
            owner.execute(
                sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(setting), f"{_LOG_MIB}MB")
            )
        owner.execute("SELECT pg_reload_conf()")
        for _ in range(_LOG_MIB // 16):
            owner.execute("SELECT pg_logical_emit_message(false, 'run in', repeat('.', 16 * 1024 * 1024))")
        owner.execute("CHECKPOINT")


def settle(database: Database) -> None:
    """Statistics, visibility and dirty pages as they are between bursts: what follows is measured alone.

    Plans made on empty tables would be kept, and make one way slower than another for no reason of its own.
    """
    tidy(database)
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute("CHECKPOINT")


def tidy(database: Database) -> None:
    """Vacuum, before PostgreSQL does it while something else is measured."""
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute("VACUUM (ANALYZE)")
