"""Wrapped keys made ready for use: which may be used for what, unwrapped in bulk, cached.

What the cache may do: it saves the provider's work only. The rows are read anew in every call, so that a key
destroyed elsewhere is noticed at once, and a key made in a transaction that was rolled back is never used.
After a fork the child has a cache of its own, and shares no lock with its parent.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from emoney.ledger.base import forks
from emoney.privacy.errors import KeyCompromised, KeyDestroyed, KeyExpired
from emoney.privacy.keys.keks import Providers
from emoney.privacy.keys.providers.protocol import Wrapped

CACHE_KEYS_MAX = 20_000

Owner = TypeVar("Owner", bound=Hashable)
Ready = TypeVar("Ready")


class KeyState(StrEnum):
    """Where a key stands in its life."""

    PRE_ACTIVE = "pre-active"
    ACTIVE = "active"
    DECRYPT_ONLY = "decrypt-only"
    COMPROMISED = "compromised"
    DESTROYED = "destroyed"


class Act(StrEnum):
    """What a key is asked for."""

    SEAL = "seal"
    OPEN = "open"
    ROTATE = "rotate"
    """Opening in order to seal under another key: the way out of a compromised or expired one."""


class KeyRow(NamedTuple, Generic[Owner]):
    """A wrapped key as the database has it. `owner`: the subject's id, or the index's name."""

    owner: Owner
    version: int
    kek: str
    provider: str
    kek_state: str
    kek_open_until: datetime
    state: str
    wrapped: bytes | None
    seal_until: datetime
    open_until: datetime


def demand_usable(row: KeyRow[Owner], act: Act, now: datetime) -> None:
    """Raises KeyDestroyed, KeyCompromised or KeyExpired when the key may not be used so, now.

    The end of the originator's window is no error here: sealing then takes a new version.
    """
    usable = row.state == row.kek_state == KeyState.ACTIVE
    if usable and now < row.open_until and now < row.kek_open_until:
        return
    named = f"The key of {row.owner}, version {row.version},"
    if KeyState.DESTROYED in (row.state, row.kek_state):
        raise KeyDestroyed(f"{named} was destroyed; nothing is sealed or opened with it.")
    if act is Act.ROTATE:
        return
    if KeyState.COMPROMISED in (row.state, row.kek_state):
        above = row.state != KeyState.COMPROMISED
        remedy = "rotate" if above else "rotate fields"
        raise KeyCompromised(
            f"{named}{' or the one above it' if above else ''} is marked compromised: run `emoney privacy "
            f"{remedy}` first."
        )
    if row.state == KeyState.PRE_ACTIVE:
        raise KeyExpired(f"{named} is not active yet.")
    if now >= min(row.open_until, row.kek_open_until):
        raise KeyExpired(
            f"{named} or the one above it is past its cryptoperiod: run `emoney privacy rotate`."
        )


class Unwrapper(Generic[Owner, Ready]):
    """Turns rows into keys ready for use. Safe to share between threads.

    `context`: what a wrapped key is bound to. `make`: the ready key of a version and its bytes.
    """

    def __init__(
        self,
        providers: Providers,
        context: Callable[[Owner, int], bytes],
        make: Callable[[int, bytes], Ready],
        keys_max: int = CACHE_KEYS_MAX,
    ) -> None:
        self._providers = providers
        self._context = context
        self._make = make
        self._keys_max = keys_max
        self.in_child()
        forks.watch(self)

    def in_child(self) -> None:
        """See `forks.Forked`."""
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[Owner, int], tuple[str, bytes, Ready]] = OrderedDict()

    def ready(self, rows: Sequence[KeyRow[Owner]]) -> dict[tuple[Owner, int], Ready]:
        """The keys of rows that may be used, one provider call for each not in the cache."""
        found: dict[tuple[Owner, int], Ready] = {}
        missing: dict[tuple[str, str], list[KeyRow[Owner]]] = {}
        with self._lock:
            for row in rows:
                key_id = (row[0], row[1])
                cached = self._cache.get(key_id)
                if cached and cached[1] == row.wrapped and cached[0] == row.kek:
                    self._cache.move_to_end(key_id)
                    found[key_id] = cached[2]
                else:
                    missing.setdefault((row.provider, row.kek), []).append(row)
        for (provider, kek), some in missing.items():
            wrapped = [Wrapped(row.wrapped or b"", self._context(row.owner, row.version)) for row in some]
            keys = self._providers.named(provider).unwrap_many(wrapped, kek=kek)
            made = [(row, self._make(row.version, key)) for row, key in zip(some, keys, strict=True)]
            with self._lock:
                for row, key in made:
                    key_id = (row.owner, row.version)
                    found[key_id] = key
                    self._cache[key_id] = (kek, row.wrapped or b"", key)
                while len(self._cache) > self._keys_max:
                    self._cache.popitem(last=False)
        return found

    def keep(self, owner: Owner, version: int, kek: str, wrapped: bytes, key: bytes) -> None:
        """Remember a key that was just made, so that its first use asks no provider."""
        with self._lock:
            self._cache[owner, version] = (kek, wrapped, self._make(version, key))
            while len(self._cache) > self._keys_max:
                self._cache.popitem(last=False)

    def forget(self, owner: Owner, version: int) -> None:
        """Drop a key from memory."""
        with self._lock:
            self._cache.pop((owner, version), None)
