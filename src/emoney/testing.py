"""A testing kit: real databases from a template, a clock that is set and moved, books in a state.

With pytest, import the fixtures into a `conftest.py`:

    from emoney.testing import emoney_books, emoney_clock, emoney_installation, emoney_template  # noqa: F401

They need pytest; the rest does not.
"""

from typing import TYPE_CHECKING, Any

from emoney.jobs.testing import NOON, Books, SetClock, Template, copy_of, open_without_limits, server

if TYPE_CHECKING:
    from emoney.jobs.testing.fixtures import emoney_books, emoney_clock, emoney_installation, emoney_template

__all__ = [
    "Template",
    "server",
    "copy_of",
    "SetClock",
    "NOON",
    "Books",
    "open_without_limits",
    "emoney_template",
    "emoney_clock",
    "emoney_installation",
    "emoney_books",
]


def __getattr__(name: str) -> Any:
    """The fixtures, loaded when they are asked for: who tests without pytest needs none."""
    if name in __all__:
        from emoney.jobs.testing import fixtures

        return getattr(fixtures, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
