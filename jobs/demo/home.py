"""The demo's own installation: made afresh for every run, and never in a directory that is not the demo's."""

import shutil
from pathlib import Path

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres import embedded

MARKER = "MADE_BY_EMONEY_DEMO"
REPORTS = ("monitoring.html", "privacy-assessment.html")
_MARKER_TEXT = "emoney demo wrote this directory and removes it at its next run. Nothing here is real.\n"


class OccupiedDirectory(InvalidInput):
    """The directory the demo would use holds something that the demo did not make. Nothing was removed."""


def fresh_home(home: Path) -> Path:
    """Make `home` an empty directory with the demo's marker; a former demo's is removed first.

    Beside it the demo writes REPORTS. Raises OccupiedDirectory when there is content without the marker,
    no plain directory, or no way to write.
    """
    if home.is_symlink() or (home.exists() and not home.is_dir()):
        raise OccupiedDirectory(f"{home} is no plain directory; give the demo another --out")
    if not (home / MARKER).is_file() and any((home.parent / name).exists() for name in REPORTS):
        raise OccupiedDirectory(
            f"{home.parent} holds reports that the demo did not write: give another --out, or move them away"
        )
    if home.is_dir() and any(home.iterdir()):
        if not (home / MARKER).is_file():
            raise OccupiedDirectory(
                f"{home} holds something that the demo did not write (there is no {MARKER} in it): "
                "give another --out, or move it away"
            )
        if not embedded.stop(home):
            raise OccupiedDirectory(f"another process uses the database under {home}: wait until it ends")
        shutil.rmtree(home)
    try:
        home.mkdir(parents=True, exist_ok=True)
        (home / MARKER).write_text(_MARKER_TEXT, encoding="utf-8")
    except OSError as error:
        raise OccupiedDirectory(f"{home} cannot be written ({error.strerror}); give another --out") from error
    return home
