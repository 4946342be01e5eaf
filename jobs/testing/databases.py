"""Databases for tests: a server with one migrated template, in memory where there is room, and its copies."""

import itertools
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from emoney.jobs.installation import Emoney
from emoney.jobs.migrate import upgrade
from emoney.jobs.testing.prefunded import prefund
from emoney.jobs.testing.set_clocks import free_clock
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.postgres import embedded
from emoney.ledger.base.postgres.logins import as_superuser

QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "512MB"}
"""Tests kill processes, not machines: what was written survives in the operating system."""

MEMORY, MEMORY_MIN = Path("/dev/shm"), 2 << 30  # noqa: S108 - a directory of random name is made in it
"""A database is a thousand files: to copy them on a disk takes up to twenty times as long as in memory."""

LEFT_MAX = 3
_names = itertools.count()
_left: dict[str, deque[str]] = {}
"""Copies that are over and not dropped yet, by server."""


@contextmanager
def server() -> Iterator[str]:
    """The URL of a running embedded server, with an empty database, as its superuser; the server and its
    files go at the end.

    It does not wait for the disk: what it holds is lost when the machine stops.
    """
    # Not under pytest's own directory, which a second run as root would close to the server's system user.
    in_memory = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_MIN
    where = MEMORY if in_memory else None
    with tempfile.TemporaryDirectory(prefix="emoney-server-", dir=where, ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o711)  # as root the server runs as a user of its own
        try:
            url = as_superuser(embedded.start(Path(home)))
            with psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as admin:
                for name, value in QUICK.items():
                    admin.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value))
                admin.execute("SELECT pg_reload_conf()")
            yield url
        finally:
            embedded.stop(Path(home))  # before its files go, and not when the process ends


@contextmanager
def copy_of(url: str, template: str | None = None) -> Iterator[str]:
    """The URL of a copy of the database at `url`, or of the one named `template`, on the same server.

    Nobody may be connected to the original. The copy is dropped at the end, or a few copies later.
    """
    original = sql.Identifier(template or str(conninfo_to_dict(url)["dbname"]))
    name = f"t{os.getpid()}_{next(_names)}"
    admin = make_conninfo(url, dbname="postgres")
    left = _left.setdefault(admin, deque())
    with psycopg.connect(admin, autocommit=True) as connection:
        # A database whose last connection has just ended takes a tenth of a second to drop: those before it.
        # Before the next is made, which would have the server write their pages first.
        while len(left) > LEFT_MAX:
            dropped = sql.Identifier(left.popleft())
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(dropped))
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), original
            )
        )
    try:
        yield make_conninfo(url, dbname=name)
    finally:
        left.append(name)


class Template:
    """A migrated, empty database at `url` from which each test gets a copy of its own.

    Make one for all tests with `Template.running()`: the schema is made once, a copy takes a moment. Issues
    are `prefunded` in it: each account of funds that is opened has a receipt of more than any test issues.
    Its policy on clocks is unbounded, so that tests set theirs.
    """

    def __init__(self, url: str) -> None:
        upgrade(url)
        prefund(url)
        free_clock(url)
        self.url = url

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """A template on a server of its own, which stops at the end."""
        with server() as url:
            yield cls(url)

    @contextmanager
    def copy(self) -> Iterator[str]:
        """The URL of a fresh database with the schema and nothing in it, as its owner."""
        with copy_of(self.url) as url:
            yield url

    @contextmanager
    def installation(self, home: Path, clock: Clock = system_clock) -> Iterator[Emoney]:
        """An open installation on a fresh copy. `home`: an empty directory for its keys and its history."""
        with self.copy() as url, Emoney.open(url, home, clock) as opened:
            yield opened
