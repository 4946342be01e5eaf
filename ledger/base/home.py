"""Where an installation keeps its files: the embedded database, the keyring, the AML history."""

from pathlib import Path

import platformdirs

from emoney.ledger.base.errors import ConfigurationError


def default_home() -> Path:
    """The platform's directory for a user's data."""
    return Path(platformdirs.user_data_dir("emoney"))


def made(home: Path) -> Path:
    """The directory of an installation, made when missing. Raises ConfigurationError when it cannot be."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{home} cannot be the installation's directory ({error.strerror}): "
            "set EMONEY_HOME to one that this user may write."
        ) from error
    return home
