"""Forked processes: what a child must not share with its parent is made anew in the child.

A server that loads the application once and forks its workers (gunicorn --preload, Celery) has opened the
installation in the parent: sockets, locks that another thread may hold, sessions with key services.
"""

import os
import sys
from importlib import import_module
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """Something with a part that is one process's own."""

    def in_child(self) -> None:
        """Called in a new child, where no other thread runs: leave the parent's part alone, and have none."""


_all: WeakSet[Forked] = WeakSet()


def watch(forked: Forked) -> None:
    """Have `in_child` called in every child, as long as the object lives."""
    _all.add(forked)


def _in_child() -> None:
    for forked in list(_all):
        forked.in_child()


def _before() -> None:
    """Wait until what other threads are importing of ours is there: a child would wait for them for ever."""
    for name, module in list(sys.modules.items()):
        ours = name.partition(".")[0] in _LOADED_LATE
        if ours and getattr(getattr(module, "__spec__", None), "_initializing", False):
            import_module(name)


_LOADED_LATE = frozenset({"emoney", "sqlmodel", "sqlalchemy", "psycopg", "pydantic"})

if hasattr(os, "register_at_fork"):  # there are systems that do not fork
    os.register_at_fork(before=_before, after_in_child=_in_child)
