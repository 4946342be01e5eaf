"""Forked processes: what a child must not share with its parent is made anew in the child.

A server that loads the application once and forks its workers (gunicorn --preload, Celery) has opened the
installation in the parent: sockets, locks that another thread may hold, sessions with key services.
"""

import os
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


if hasattr(os, "register_at_fork"):  # there are systems that do not fork
    os.register_at_fork(after_in_child=_in_child)
