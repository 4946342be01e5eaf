"""The command line in this process, as an operator's staff types it."""

import io
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from emoney.jobs.cli import main
from emoney.jobs.cli.output import screen

WIDTH = 200
"""Columns of the terminal: wide enough that no table of a test is folded."""


class Ended(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


def commands(patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]) -> Command:
    """Runs `emoney` with the arguments given; `given` comes on standard input."""
    # Not by COLUMNS alone: the terminal's width may have been read when the module was imported.
    patch.setattr(screen, "width", WIDTH)

    def call(*arguments: str, given: str = "") -> Ended:
        patch.setattr(sys, "argv", ["emoney", *arguments])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        captured.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        return Ended(code, *captured.readouterr())

    return call
