"""How far long work has come, told to whoever listens, such as a progress bar."""

from typing import Protocol


class Progress(Protocol):
    """Told a phase's name, how much of it is done, and of how much where that is known."""

    def __call__(self, phase: str, done: int, of: int | None, /) -> None: ...


def silent(_phase: str, _done: int, _of: int | None, /) -> None:
    """Nobody listens: the default of whatever tells its progress."""
