"""Directories of pytest's for an embedded server that runs as a user of its own, as it does for root."""

import os
from pathlib import Path


def passable(directory: Path) -> Path:
    """`directory`, with those above it that pytest made for its own user alone, for others to pass."""
    if os.geteuid() == 0:
        for each in (directory, *directory.parents):
            if not (mode := each.stat().st_mode) & 0o001:
                each.chmod(mode | 0o001)
    return directory
