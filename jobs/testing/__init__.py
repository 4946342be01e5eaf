"""A testing kit for the code that embeds emoney: real databases, a clock that is moved, books in a state.

`emoney.testing` is where users import it from; this library's own tests use the same.
"""

from emoney.jobs.testing.books import Books, open_without_limits
from emoney.jobs.testing.clock import NOON, SetClock
from emoney.jobs.testing.databases import Template, copy_of, server

__all__ = ["server", "Template", "copy_of", "SetClock", "NOON", "Books", "open_without_limits"]
