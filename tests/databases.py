"""Databases for tests: a server with one migrated template, in memory where there is room, and its copies."""

import itertools
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from emoney.ledger.base.postgres import embedded

QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "512MB"}
"""Tests kill processes, not machines: what was written survives in the operating system."""

MEMORY, MEMORY_MIN = Path("/dev/shm"), 2 << 30
"""A database is a thousand files: to copy them on a disk takes up to twenty times as long as in memory."""

LEFT_MAX = 3
_names = itertools.count()
_left: deque[str] = deque()


@contextmanager
def server() -> Iterator[str]:
    """The URL of a running embedded server.

    Not under pytest's own directory, which a second run as root would close to the server's system user.
    """
    in_memory = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_MIN
    where = MEMORY if in_memory else None
    with tempfile.TemporaryDirectory(prefix="emoney-server-", dir=where, ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        url = embedded.start(Path(home))
        with psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as admin:
            for name, value in QUICK.items():
                admin.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            admin.execute("SELECT pg_reload_conf()")
        yield url


@contextmanager
def copy_of(url: str, template: str = embedded.DATABASE) -> Iterator[str]:
    """The URL of a copy of `template` on the server of `url`."""
    name = f"t{os.getpid()}_{next(_names)}"
    admin = make_conninfo(url, dbname="postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield make_conninfo(url, dbname=name)
    finally:
        # A database whose last connection has just ended takes a tenth of a second to drop: those before it.
        _left.append(name)
        while len(_left) > LEFT_MAX:
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {_left.popleft()} WITH (FORCE)")
