"""Where an installation keeps its files: the embedded database, the keyring, the AML history."""

import os
from pathlib import Path

import platformdirs


def home(given: Path | None = None) -> Path:
    """The directory of this installation, made when missing.

    `given`, else `EMONEY_HOME`, else the platform's user data directory.
    """
    chosen = given or Path(os.environ.get("EMONEY_HOME") or platformdirs.user_data_dir("emoney"))
    chosen = chosen.expanduser().absolute()
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen
