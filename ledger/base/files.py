"""Files that are whole or not there: written aside, forced to the disk, then put in place."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def replace_file(path: Path, write: Callable[[Path], object]) -> Path:
    """Put what `write` writes to the path it is given at `path`, whole or not at all; returns `path`.

    An earlier file there is replaced. The directory is made when missing; only the owner may read the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        aside.touch(mode=0o600, exist_ok=False)
        write(aside)
        sync(aside)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return path


def sync(path: Path) -> None:
    """Make a file's content, or a directory's entries, survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
