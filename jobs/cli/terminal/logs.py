"""What the library logs, on standard error where it is asked for."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum


class LogLevel(StrEnum):
    """From which level on."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@contextmanager
def logged(level: LogLevel) -> Iterator[None]:
    """Within it, what `emoney` logs from `level` on goes to standard error."""
    logger = logging.getLogger("emoney")
    before = logger.level
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
