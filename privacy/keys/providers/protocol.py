"""What a key provider does, whichever it is."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import NamedTuple, Protocol

KEY_BYTES = 32
"""Of every key that is wrapped: AES-256, HMAC-SHA-256."""


class KeyUse(StrEnum):
    """What a key-encryption key wraps. One key, one use."""

    SUBJECT_KEYS = "wrap subject keys"
    INDEX_KEYS = "wrap index keys"
    PSEUDONYM_KEYS = "wrap pseudonym keys"


class Wrapped(NamedTuple):
    """A key, wrapped or not, with the context it is bound to."""

    key: bytes
    context: bytes


class KeyProvider(Protocol):
    """Wraps keys under key-encryption keys (KEKs) that it does not give away. Safe to share between threads.

    A KEK is named by the id that `create` returned. Every method raises ProviderUnreachable when the service
    does not answer within its bounds, KeyGone when the service says that the key is destroyed, waits to be,
    or never was, and KeyUnavailable when the key may not be used for another reason.
    """

    @property
    def name(self) -> str:
        """Which provider this is, as the key inventory shows it: "local", "aws-kms", …"""

    def first(self, use: KeyUse) -> str | None:
        """The KEK that an operator prepared for this use, where there is one; else one is created."""

    def create(self, use: KeyUse) -> str:
        """Make a KEK for this use; returns its id, of at most 200 characters."""

    def wrap(self, key: bytes, *, kek: str, context: bytes) -> bytes:
        """`key` (32 bytes) sealed under `kek` and bound to `context`."""

    def unwrap(self, wrapped: bytes, *, kek: str, context: bytes) -> bytes:
        """The key that `wrap` was given. Raises CannotOpen when `wrapped` is damaged or bound elsewhere."""

    def wrap_many(self, keys: Sequence[Wrapped], *, kek: str) -> list[bytes]:
        """`wrap` for each, in order."""

    def unwrap_many(self, wrapped: Sequence[Wrapped], *, kek: str) -> list[bytes]:
        """`unwrap` for each, in order; fails when one does."""

    def destroy(self, kek: str) -> None:
        """Destroy a KEK: at once, or after the waiting time that the service insists on.

        Raises KeyGone when it is gone already.
        """


class EachAlone:
    """`wrap_many` and `unwrap_many` by one call for each key, `_AT_ONCE` of them at a time."""

    _AT_ONCE = 1

    def wrap(self, key: bytes, *, kek: str, context: bytes) -> bytes:
        """See KeyProvider."""
        raise NotImplementedError

    def unwrap(self, wrapped: bytes, *, kek: str, context: bytes) -> bytes:
        """See KeyProvider."""
        raise NotImplementedError

    def wrap_many(self, keys: Sequence[Wrapped], *, kek: str) -> list[bytes]:
        """See KeyProvider."""
        return self._each(lambda it: self.wrap(it.key, kek=kek, context=it.context), keys)

    def unwrap_many(self, wrapped: Sequence[Wrapped], *, kek: str) -> list[bytes]:
        """See KeyProvider."""
        return self._each(lambda it: self.unwrap(it.key, kek=kek, context=it.context), wrapped)

    def _each(self, work: Callable[[Wrapped], bytes], items: Sequence[Wrapped]) -> list[bytes]:
        if self._AT_ONCE == 1 or len(items) == 1:
            return [work(item) for item in items]
        with ThreadPoolExecutor(self._AT_ONCE) as pool:
            return list(pool.map(work, items))
