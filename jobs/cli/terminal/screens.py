"""Standard output and standard error as a person sees them. What draws is loaded when something is drawn."""

import shutil
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


class Screen:
    """A terminal, or what stands in its place."""

    def __init__(self, *, stderr: bool = False) -> None:
        self._stderr = stderr
        self._width: int | None = None

    @cached_property
    def console(self) -> "Console":
        """What draws on it."""
        from rich.console import Console

        return Console(stderr=self._stderr, width=self._width)

    @property
    def width(self) -> int:
        """Its columns; what COLUMNS says, or else 80, where it is no terminal."""
        return self._width or shutil.get_terminal_size().columns

    @width.setter
    def width(self, columns: int) -> None:
        self._width = columns
        self.__dict__.pop("console", None)

    @property
    def is_terminal(self) -> bool:
        """Whether somebody watches."""
        return (sys.stderr if self._stderr else sys.stdout).isatty()

    def print(self, *what: Any, **how: Any) -> None:
        """Print as rich does: markup, wrapped at the width."""
        self.console.print(*what, **how)

    def line(self, text: str = "", *, bold: bool = False) -> None:
        """Print a line as it is, but for signs that would move the cursor."""
        shown = "\n".join(map(printable, text.split("\n")))
        if bold and self.is_terminal:
            shown = f"\x1b[1m{shown}\x1b[0m"
        (sys.stderr if self._stderr else sys.stdout).write(f"{shown}\n")


def printable(text: str) -> str:
    """`text` without what a terminal would take for a command."""
    return (
        text
        if text.isprintable()
        else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    )


screen = Screen()
notices = Screen(stderr=True)
