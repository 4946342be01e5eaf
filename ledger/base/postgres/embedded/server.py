"""The embedded PostgreSQL: a real server under the installation's home, for want of an operator's own.

The server belongs to every process that uses it and stops with the last of them. When run as root the
server runs as its own system user, as PostgreSQL demands. It listens on a Unix socket only, and every login
needs its password (`logins`). The home keeps

| `postgres/`         | the data, the socket, the server's log                                            |
| `logins/`           | the passwords of its logins, a file each                                          |
| `.postgres-users`   | locked, shared, by every process that uses the server, as long as it lives        |
| `.postgres-turn`    | locked by the one that starts or stops it                                         |
"""

import atexit
import fcntl
import hashlib
import logging
import os
import re
import shutil
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emoney.ledger.base import forks
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.postgres import logins
from emoney.ledger.base.postgres.embedded import programs
from emoney.ledger.base.postgres.embedded.programs import User

_log = logging.getLogger(__name__)

DATABASE = "emoney"
START_S = 120
"""How long a server may take to be ready, on a busy machine and after a crash."""

SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES_MAX = 103
"""What every supported system takes for the path of a socket."""

_ORDER = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
"""How texts are ordered: the same on every machine and under any user's language."""

_SHELL_QUOTABLE = re.compile(r"""[^"$`\\\n]+""")
"""Data directories that pg_ctl can name to a shell: it puts them in double quotes, and no more."""

_SHELL_SAFE = re.compile(r"[\w/.,:=@%+-]+", re.ASCII)
"""Paths that pg_ctl can hand to the server through a shell."""


def start(home: Path) -> str:
    """Start the server of this home, or join it when it runs; the URL of its `emoney` database.

    The URL is of the application's login (`logins`), which exists from the first migration on. Raises
    ConfigurationError when the server cannot start, naming its log, or when its user cannot come to the home.
    """
    home = home.resolve()
    data = home / "postgres"
    if not _SHELL_QUOTABLE.fullmatch(str(data)):
        raise ConfigurationError(
            f"The embedded PostgreSQL cannot start under {data}: "
            'EMONEY_HOME needs a path without ", $, ` and \\.'
        )
    try:
        with _turn(home):
            found = _running(data) or _start(home, data)
            _users.join(home)
    except ConfigurationError:
        raise
    except (programs.Failed, OSError) as error:
        raise ConfigurationError(
            f"The embedded PostgreSQL under {data} did not start ({type(error).__name__}). "
            f"Read {data / 'log'}, or set EMONEY_DATABASE_URL to a server of your own."
        ) from error
    _log.info("the embedded PostgreSQL runs in %s", data)
    return logins.url_of(home, found, DATABASE)


def stop(home: Path) -> bool:
    """Stop the server of this home, unless another process uses it; whether it is stopped.

    One whose users were killed runs on until the next leaves, or this is called.
    """
    home = home.resolve()
    data = home / "postgres"
    if _running(data) is None:
        return True
    with _turn(home):
        if not _users.leave(home):
            return False
        _stop(data)
    return _running(data) is None


class _Users:
    """The servers that this process uses: for each home a file that is locked, shared, meanwhile.

    The kernel lets go of a lock whose process was killed. A forked child is no user for its parent's being
    one: it lets its copies go, which leaves the parent's lock alone.
    """

    def __init__(self) -> None:
        self.turn = threading.RLock()
        self._held: dict[Path, int] = {}
        forks.watch(self)

    def in_child(self) -> None:
        """See `forks.Forked`."""
        self.turn = threading.RLock()
        for file in self._held.values():
            os.close(file)
        self._held.clear()

    def join(self, home: Path) -> None:
        """Use the server from here on, to this process's end."""
        if home in self._held:
            return
        if not self._held:
            atexit.register(self._leave_all, os.getpid())
        file = _opened(home / ".postgres-users")
        fcntl.flock(file, fcntl.LOCK_SH)
        self._held[home] = file

    def leave(self, home: Path) -> bool:
        """Use the server no more; whether nobody does. Inside `_turn`."""
        file = self._held.pop(home, None)
        if file is None:
            file = _opened(home / ".postgres-users")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(file)
        return True

    def _leave_all(self, process: int) -> None:
        """At the process's end: stop the servers whose last user this was, and say nothing about any."""
        if process != os.getpid():
            return
        for home in list(self._held):
            try:
                stop(home)
            except (OSError, ConfigurationError):  # the home is gone
                continue


_users = _Users()


@contextmanager
def _turn(home: Path) -> Iterator[None]:
    """Alone among all processes and threads that start or stop the server of this home."""
    with _users.turn:
        file = _opened(home / ".postgres-turn")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)


def _opened(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _running(data: Path) -> Path | None:
    """The directory of the running server's socket, waiting for one that is not ready yet; None without."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        if len(lines) < 5 or not _answers(Path(lines[4]) / SOCKET_NAME):
            return None
        if len(lines) >= 8 and lines[7].strip() == "ready":
            return Path(lines[4])
        time.sleep(0.1)
    return None


def _answers(path: Path) -> bool:
    """Whether a server listens there: a process's id may be another's by now, a socket tells."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
        try:
            tried.connect(str(path))
        except OSError:
            return False
    return True


def _start(home: Path, data: Path) -> Path:
    """Start the server; the directory of its socket."""
    user = programs.server_user()
    programs.demand_reachable(home, user)
    if not (data / "PG_VERSION").exists():
        _make(home, data, user)
    elif not (home / logins.DIRECTORY).exists():
        raise ConfigurationError(
            f"The database under {data} was made by an earlier version, whose server asked for no password, "
            "and was not started: nothing was changed. Set EMONEY_HOME to a new directory and run "
            "`emoney init`."
        )
    where = _socket_directory(data)
    arguments = ("-D", str(data), "-w", "-t", str(START_S), "-o", '-h ""', "-o", f"-k {where}")
    programs.run("pg_ctl", *arguments, "-l", str(data / "log"), "start", user=user)
    return where


def _stop(data: Path) -> None:
    user = programs.server_user()
    for mode in ("fast", "immediate"):
        try:
            programs.run("pg_ctl", "-D", str(data), "-w", "-m", mode, "stop", user=user)
        except programs.Failed:
            if _running(data) is not None:
                continue
        return


def _make(home: Path, data: Path, user: User | None) -> None:
    """A new server's data, with its first logins and the database, beside its place until it is whole."""
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise ConfigurationError(
            f"The embedded PostgreSQL cannot start: {data} is there and holds no database. Move it away, or "
            "set EMONEY_DATABASE_URL to a server of your own."
        )
    stored = logins.make_passwords(home)
    made, password = home / ".postgres-new", home / ".postgres-password"
    shutil.rmtree(made, ignore_errors=True)
    password.unlink(missing_ok=True)
    made.mkdir(mode=0o700)
    try:
        with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(stored[logins.SUPERUSER])
        if user is not None:
            for each in (made, password):
                os.chown(each, *user)
        authentication = ("--auth-local=scram-sha-256", "--auth-host=scram-sha-256", f"--pwfile={password}")
        named = (f"--username={logins.SUPERUSER}", "--encoding=UTF8", "--no-instructions")
        programs.run("initdb", "-D", str(made), *authentication, *named, *_ORDER, user=user)
        statements = "".join(f"{each};\n" for each in logins.first_statements(stored, DATABASE))
        # alone with its files, over no socket: nobody can log in before all is as it has to be
        alone = ("--single", "-c", "exit_on_error=true", "-D", str(made), "template1")
        programs.run("postgres", *alone, user=user, given=statements)
        made.rename(data)
    finally:
        password.unlink(missing_ok=True)
        shutil.rmtree(made, ignore_errors=True)


def _socket_directory(data: Path) -> Path:
    """Where the server's socket goes: its data directory, or else a private one with a short plain path."""
    if _fits(data):
        return data
    if os.geteuid() == 0:
        raise ConfigurationError(
            f"The path {data} is too long for a socket, or has blanks or signs that a shell would "
            f"take for its own: as root, EMONEY_HOME needs a plain path of at most "
            f"{SOCKET_PATH_BYTES_MAX - len('/postgres/' + SOCKET_NAME)} bytes."
        )
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
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
