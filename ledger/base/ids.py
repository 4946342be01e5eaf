"""Identifiers: client-made, time-ordered UUIDs (version 7, RFC 9562).

`new_id` is for new things. `derived_id` gives the same id for the same thing, so that replaying an
operator's file finds what it posted before; it keeps the time order that makes indexes grow at one end.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import uuid_utils
from uuid_utils.compat import uuid7

from emoney.ledger.base.errors import InvalidInput

_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return uuid7()


def new_ids(count: int) -> Iterator[bytes]:
    """The bytes of fresh UUIDv7s, each made when it is asked for."""
    return (uuid_utils.uuid7().bytes for _ in range(count))


def derived_id(at: datetime, *parts: str) -> UUID:
    """The UUIDv7 whose time is `at` and whose 74 remaining bits are a SHA-256 of `parts`.

    Parts are length-prefixed before hashing, so ("ab", "c") and ("a", "bc") differ.
    Raises InvalidInput for an `at` without a time zone, whose id would depend on the machine's.
    """
    if at.tzinfo is None:
        raise InvalidInput("an id is derived from a time with a time zone")
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    noise = int.from_bytes(digest.digest()[:10], "big") >> 6
    high, low = noise >> 62, noise & ((1 << 62) - 1)
    milliseconds = int(at.timestamp() * 1000) & ((1 << 48) - 1)
    return UUID(int=(milliseconds << 80) | _VERSION_7 | (high << 64) | _VARIANT | low)


def content_id(content: bytes) -> UUID:
    """The UUID (version 8) that follows from `content` by SHA-256: equal content, equal id."""
    number = int.from_bytes(hashlib.sha256(content).digest()[:16], "big")
    return UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | (0x8 << 76) | _VARIANT)
