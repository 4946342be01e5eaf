"""Where an installation keeps its files: the embedded database, the keyring, the AML history."""

import os
import stat
import sys
from pathlib import Path

import platformdirs

from emoney.ledger.base.errors import ConfigurationError


def default_home() -> Path:
    """The platform's directory for a user's data; as root, one that the embedded server's user may enter."""
    if os.geteuid() == 0 and sys.platform == "linux":
        return Path("/var/lib/emoney")
    return Path(platformdirs.user_data_dir("emoney"))


def made(home: Path) -> Path:
    """The directory of an installation, made when missing. No directory that is there gets other permissions.

    A new one is its user's alone; as root others may pass it, for the embedded server's user. Raises
    ConfigurationError when it cannot be made, or when others can write in it or put another in its place.
    """
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)
        _demand_own(home)
    except OSError as error:
        raise ConfigurationError(
            f"{home} cannot be the installation's directory ({error.strerror}): "
            "set EMONEY_HOME to one that this user may write."
        ) from error
    return home


def _demand_own(home: Path) -> None:
    found = home.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(0, "it is no directory")
    if found.st_uid not in (os.geteuid(), 0):
        raise ConfigurationError(
            f"The home {home} belongs to another user ({found.st_uid}, not {os.geteuid()}), who could change "
            "the keys and the settings: set EMONEY_HOME to a directory of this user's."
        )
    if found.st_mode & 0o022:
        raise ConfigurationError(
            f"The home {home} has permissions {stat.S_IMODE(found.st_mode):04o}: others could put files of "
            f"theirs in it, such as settings. Look it through, then run `chmod go-w {home}`."
        )
    for above in home.resolve().parents:
        mode = above.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise ConfigurationError(
                f"Everybody can write in {above}, above the home {home}, and put another home in its place: "
                f"run `chmod o-w {above}`, or set EMONEY_HOME to a directory elsewhere."
            )
