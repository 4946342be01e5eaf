"""The client of a key service: it has connections, and threads, of the process that made it."""

from collections.abc import Callable
from typing import Any

from emoney.ledger.base import forks
from emoney.privacy.errors import ProviderUnreachable

_of_parents: list[Any] = []
"""Clients of a parent process, held so that nobody ends their connections here."""


class Client:
    """A client, and how a forked process makes one of its own. `again`: None where it cannot."""

    def __init__(self, made: Any, again: Callable[[], Any] | None = None) -> None:
        self._made, self._again = made, again
        forks.watch(self)

    def in_child(self) -> None:
        """See `forks.Forked`."""
        _of_parents.append(self._made)
        self._made = None

    @property
    def own(self) -> Any:
        """This process's. Raises ProviderUnreachable where a forked one cannot make it."""
        if self._made is None:
            if self._again is None:
                raise ProviderUnreachable(
                    "The key service's client belongs to the process that this one was forked from: "
                    "make a Vault of its own here."
                )
            self._made = self._again()
        return self._made
