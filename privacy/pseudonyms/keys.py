"""The key of one pseudonym domain and epoch: random, wrapped under a key-encryption key of no other use.

Nothing else about pseudonyms knows how keys are wrapped.
"""

import os

from emoney.ledger.base.clock import Clock
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.privacy.keys import keks
from emoney.privacy.keys.framing import framed
from emoney.privacy.keys.keks import Providers
from emoney.privacy.keys.providers.protocol import KEY_BYTES, KeyUse

_CONTEXT = b"emoney/privacy/pseudonym-key"


def fresh_key() -> bytes:
    """A key for a new epoch of a domain."""
    return os.urandom(KEY_BYTES)


@all_or_nothing
def wrapped_key(
    connection: Connection, providers: Providers, clock: Clock, key: bytes, domain: str, epoch: int
) -> tuple[bytes, str]:
    """A key, wrapped and bound to domain and epoch, and the active key-encryption key it is under."""
    kek, holder = keks.current(connection, providers, KeyUse.PSEUDONYM_KEYS, clock)
    return holder.wrap(key, kek=kek, context=_context(domain, epoch)), kek


def domain_key(
    providers: Providers, domain: str, epoch: int, *, wrapped: bytes, kek: str, provider: str
) -> bytes:
    """The key of a domain and epoch, 32 bytes. Raises CannotOpen when it is of another, KeyUnavailable."""
    return providers.named(provider).unwrap(wrapped, kek=kek, context=_context(domain, epoch))


def _context(domain: str, epoch: int) -> bytes:
    return framed(_CONTEXT, domain.encode(), epoch.to_bytes(4, "big"))
