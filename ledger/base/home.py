"""Where an installation keeps its files: the embedded database, the keyring, the AML history."""

import os
from pathlib import Path

import platformdirs

from emoney.ledger.base.errors import ConfigurationError


def home(given: Path | None = None) -> Path:
    """The directory of this installation, made when missing.

    `given`, else `EMONEY_HOME`, else the platform's user data directory. Raises ConfigurationError when it
    cannot be made.
    """
    chosen = given or Path(os.environ.get("EMONEY_HOME") or platformdirs.user_data_dir("emoney"))
    chosen = chosen.expanduser().absolute()
    try:
        chosen.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{chosen} cannot be the installation's directory ({error.strerror}): "
            "set EMONEY_HOME to one that this user may write."
        ) from error
    return chosen
