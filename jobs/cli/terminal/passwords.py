"""Passwords: from a file that is its owner's alone, or from whoever sits at the terminal."""

import sys
from pathlib import Path

import typer

from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.secret_file import SecretFile

BYTES_MAX = 1_024


def _read(path: Path) -> str:
    """The password in a file of mode 0600. Raises ConfigurationError, which tells what is wrong with it."""
    stored = SecretFile(
        path.absolute(),
        BYTES_MAX,
        lambda missing: ConfigurationError(f"There is no password file {missing}."),
        ConfigurationError,
    ).read()
    try:
        return stored.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is no text: it has to hold a password, and nothing else.") from None


def _prompted(text: str, *, confirm: bool) -> str | None:
    """What is typed, unseen; None where nobody sits there, or nothing is typed."""
    if not sys.stdin.isatty():
        return None
    given: str = typer.prompt(
        text, hide_input=True, default="", show_default=False, err=True, confirmation_prompt=confirm
    )
    return given or None


def password(asked: str, file: Path | None, *, confirm: bool = False) -> str | None:
    """What a file says, where there is one, else whoever sits at the terminal; None: neither."""
    if file is not None:
        return _read(file)
    return _prompted(asked, confirm=confirm)
