"""The installation that a command works on, opened once and closed when the command ends."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emoney.jobs.installation import Emoney
    from emoney.ledger.base.postgres.database import Connection


@dataclass(frozen=True, slots=True)
class Acting:
    """The officer under whose login a command runs, and with which key it signs.

    The files: where the password stands, the key, and its passphrase; what is in none is asked for.
    """

    officer: str | None = None
    password_file: Path | None = None
    key_file: Path | None = None
    passphrase_file: Path | None = None


_NOBODY = Acting()
_acting: ContextVar[Acting] = ContextVar("acting", default=_NOBODY)


@contextmanager
def acting_as(acting: Acting) -> Iterator[None]:
    """Within this, installations are opened under an officer's login."""
    token = _acting.set(acting)
    try:
        yield
    finally:
        _acting.reset(token)


def officer() -> str | None:
    """The officer under whose login the command runs; None: under that of the installation."""
    return _acting.get().officer


@contextmanager
def opened() -> Iterator["Emoney"]:
    """The installation of this environment. Its keys are read when the command first needs them."""
    from emoney.jobs.installation import Emoney

    acting = _acting.get()
    name, password = acting.officer, None if acting.officer is None else _password(acting)
    with (
        _signing(acting),
        Emoney.open(keys_at_once=False, officer=name, officer_password=password) as emoney,
    ):
        yield emoney


@contextmanager
def opened_connection() -> Iterator[tuple["Emoney", "Connection"]]:
    """The installation and one transaction in it, committed at the end and rolled back on an error."""
    with opened() as emoney, emoney.sole_connection() as connection:
        yield emoney, connection


def _password(acting: Acting) -> str | None:
    """None: libpq looks for one in its password file."""
    from emoney.jobs.cli.terminal.passwords import password

    return password(f"Password of {acting.officer} (none: the one in .pgpass)", acting.password_file)


def _signing(acting: Acting) -> AbstractContextManager[None]:
    """Within this the command signs, where it was given a key."""
    if acting.key_file is None:
        return nullcontext()
    from emoney.jobs.cli.terminal.passwords import password
    from emoney.ledger.officers import KeyFile, signing_with

    passphrase = password(f"Passphrase of {acting.key_file.name}", acting.passphrase_file)
    return signing_with(KeyFile.load(acting.key_file, passphrase))
