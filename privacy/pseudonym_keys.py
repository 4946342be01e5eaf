"""The key of one pseudonym domain and epoch: random, wrapped by the key provider, of no other use.

Nothing else about pseudonyms knows how keys are wrapped.
"""

import os

from privacy.framing import framed
from privacy.keyring import KEY_BYTES, KeyProvider

_CONTEXT = b"emoney/privacy/pseudonym-key"


def new_domain_key(provider: KeyProvider, domain: str, epoch: int) -> tuple[bytes, str]:
    """A fresh key, wrapped and bound to domain and epoch, and the key-encryption key it is under."""
    kek = provider.current
    return provider.wrap(os.urandom(KEY_BYTES), kek=kek, context=_context(domain, epoch)), kek


def domain_key(provider: KeyProvider, domain: str, epoch: int, *, wrapped: bytes, kek: str) -> bytes:
    """The key of a domain and epoch, 32 bytes. Raises CannotOpen when it is of another, KeyUnavailable."""
    return provider.unwrap(wrapped, kek=kek, context=_context(domain, epoch))


def rewrapped(provider: KeyProvider, domain: str, epoch: int, *, wrapped: bytes, kek: str, to: str) -> bytes:
    """The key of a domain and epoch, wrapped under the key-encryption key `to`. Raises as domain_key does."""
    key = domain_key(provider, domain, epoch, wrapped=wrapped, kek=kek)
    return provider.wrap(key, kek=to, context=_context(domain, epoch))


def _context(domain: str, epoch: int) -> bytes:
    return framed(_CONTEXT, domain.encode(), epoch.to_bytes(4, "big"))
