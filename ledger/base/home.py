"""Where an installation keeps its files: the embedded database, the keyring, the AML history."""

import os
from pathlib import Path

import platformdirs

from emoney.ledger.base.errors import ConfigurationError


def path_of(given: Path | None = None) -> Path:
    """Where the directory of this installation is, or would be: `home` without making it."""
    chosen = given or Path(os.environ.get("EMONEY_HOME") or platformdirs.user_data_dir("emoney"))
    return chosen.expanduser().absolute()


def home(given: Path | None = None) -> Path:
    """The directory of this installation, made when missing.

    `given`, else `EMONEY_HOME`, else the platform's user data directory. Raises ConfigurationError when it
    cannot be made.
    """
    chosen = path_of(given)
    try:
        chosen.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{chosen} cannot be the installation's directory ({error.strerror}): "
            "set EMONEY_HOME to one that this user may write."
        ) from error
    return chosen
