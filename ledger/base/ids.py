"""Identifiers: client-made, time-ordered UUIDs (version 7, RFC 9562).

`new_id` is for new things. `derived_id` gives the same id for the same thing, so that replaying an
operator's file finds what it posted before; it keeps the time order that makes indexes grow at one end.
A `Key` is an operator's own text in the place of an id.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from unicodedata import is_normalized
from uuid import UUID

import uuid_utils
from uuid_utils.compat import uuid7

from emoney.ledger.base.errors import InvalidId, InvalidInput
from emoney.ledger.base.names import REFERENCE_MAX, has_hidden, is_reference

_TEXT = re.compile(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}")
_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


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
    milliseconds = (at - _EPOCH) // _MILLISECOND & ((1 << 48) - 1)  # in whole numbers: a float may be less
    return UUID(int=(milliseconds << 80) | _VERSION_7 | (high << 64) | _VARIANT | low)


def content_id(content: bytes) -> UUID:
    """The UUID (version 8) that follows from `content` by SHA-256: equal content, equal id."""
    number = int.from_bytes(hashlib.sha256(content).digest()[:16], "big")
    return UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | (0x8 << 76) | _VARIANT)


_NO_TIME = 1 << 127
"""Later than every month that has a partition, so that no id of a key ever lies in one's way."""


@dataclass(frozen=True, slots=True)
class Key:
    """An operator's own idempotency key, such as `Key("order-4711")`, wherever an id is taken.

    `text`: 1 to 128 characters, no personal data; one key for one request, of whatever kind, in the whole
    ledger. Case matters: `order-1` and `Order-1` are two keys. What looks alike is one spelling, or refused:
    no blanks at the ends, nothing unseen, letters with marks in Unicode's composed form (NFC). Raises
    InvalidId, which says what is wrong. Ids of keys are in no order of time, so a ledger that posts millions
    under keys pays for it in its indexes: where a time is known and kept, `derived_id(at, text)` does not.
    """

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not is_reference(self.text):
            raise InvalidId(f"a key is a text of 1 to {REFERENCE_MAX} characters without NUL")
        if self.text.isascii() and self.text.isprintable() and self.text[0] != " " != self.text[-1]:
            return
        if self.text != self.text.strip():
            raise InvalidId("a key has no blanks or line ends at its ends")
        if has_hidden(self.text):
            raise InvalidId("a key has no control characters, and no zero-width or other unseen ones")
        if not is_normalized("NFC", self.text):
            raise InvalidId("a key is a text in Unicode's composed form: normalise it to NFC")

    @property
    def id(self) -> UUID:
        """The id that stands for the key: a UUID (version 8) that follows from its text alone."""
        return UUID(int=content_id(b"key|" + self.text.encode()).int | _NO_TIME)


Id = UUID | str | Key
"""What is taken for an id: a UUID, the text of one, or a Key."""


def as_id(given: object, what: str = "id") -> UUID:
    """The UUID that is given as such, as its text, or as a Key. Raises InvalidId; `what` it is of."""
    if type(given) is UUID:
        return given
    if isinstance(given, Key):
        return given.id
    if isinstance(given, str) and _TEXT.fullmatch(given):
        return UUID(given)
    if isinstance(given, UUID | uuid_utils.UUID):
        return UUID(int=given.int)
    raise InvalidId(
        f'{what}: give a UUID or its text, or Key("…") for a text of your own, not {named(given)}'
    )


def key_of(given: object) -> str | None:
    """The text of a Key, None for what is none."""
    return given.text if isinstance(given, Key) else None


def named(given: object) -> str:
    """What a value is, for an error that must not tell the value."""
    return "a text that is no UUID" if isinstance(given, str) else f"a value of type {type(given).__name__}"
