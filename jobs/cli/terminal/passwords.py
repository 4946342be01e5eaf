"""Passwords: from a file that is its owner's alone, or from whoever sits at the terminal."""

import sys
from pathlib import Path

import typer

from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.secret_file import SecretFile

BYTES_MAX = 1_024


def read_password(path: Path) -> str:
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


def prompted(text: str, *, confirm: bool = False) -> str | None:
    """What is typed, unseen; None where nobody sits there, or nothing is typed."""
    if not sys.stdin.isatty():
        return None
    given: str = typer.prompt(
        text, hide_input=True, default="", show_default=False, err=True, confirmation_prompt=confirm
    )
    return given or None


def passphrase(key: Path, file: Path | None, *, confirm: bool = False) -> str | None:
    """The passphrase of the key in a file: what another file says, or whoever sits at the terminal."""
    if file is not None:
        return read_password(file)
    return prompted(f"Passphrase of {key.name}", confirm=confirm)
