"""The bytes of a sealed field, without a database: laid out in docs/sealed-fields.md.

Format 2:

    offset  bytes
    0       1    format, 2
    1       1    suite, 1: AES-256-GCM, key and commitment by HMAC-SHA-256
    2       4    version of the subject's key, big endian
    6       4    version of the field, big endian
    10      32   commitment to that key
    42      12   nonce, random (96 bits; one key seals a person's few fields, far below 2^32)
    54      n    AES-256-GCM ciphertext of the padded value; n is a multiple of 32
    54 + n  16   tag

The padded value is its length in two bytes, big endian, its UTF-8, and zero bytes up to a multiple of 32:
short values of one kind, such as names, all have ciphertexts of one length.

Associated data: a domain tag, format and suite, table and column, each behind its length, then row,
subject, key version and field version, which have fixed lengths. So a ciphertext opens only where it was
sealed.
"""

import os
from functools import lru_cache
from hmac import compare_digest
from struct import Struct
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag

from emoney.privacy.errors import CannotOpen
from emoney.privacy.keys.framing import framed
from emoney.privacy.keys.subject_keys import DataKey

FORMAT, SUITE = 2, 1
VALUE_BYTES_MAX = 4096
PADDING_BYTES = 32
VERSION_MAX = (1 << 31) - 1  # PostgreSQL's integer is signed
_VERSIONS = Struct(">II").pack
_DOMAIN = b"emoney/privacy/sealed-field"
HEAD = bytes([FORMAT, SUITE])
_HEADER_MEANT = 10
"""Up to where a header says something that is not compared with a key."""
COMMITMENT = slice(10, 42)
"""Where the commitment to the key stands: a mark by which copies of a field are recognised."""
_NONCE, _SEALED = slice(42, 54), slice(54, None)
_TAG = 16
_BODY_MAX = (VALUE_BYTES_MAX // PADDING_BYTES + 1) * PADDING_BYTES


class Header(NamedTuple):
    """What a ciphertext says of itself."""

    key_version: int
    field_version: int


def padded(encoded: bytes) -> bytes:
    """The bytes that are encrypted for a value of 1 to VALUE_BYTES_MAX bytes."""
    framed_value = len(encoded).to_bytes(2, "big") + encoded
    return framed_value + bytes(-len(framed_value) % PADDING_BYTES)


def header(raw: bytes) -> Header:
    """The header of a ciphertext. Raises CannotOpen for what cannot be one."""
    return _header(raw[:_HEADER_MEANT], len(raw))


@lru_cache(maxsize=4096)
def _header(begin: bytes, length: int) -> Header:
    """Fields mostly have one key version, one field version and few lengths, so few headers are read anew."""
    body = length - _SEALED.start - _TAG
    if begin[:2] != HEAD or not PADDING_BYTES <= body <= _BODY_MAX or body % PADDING_BYTES:
        raise CannotOpen
    found = Header(int.from_bytes(begin[2:6], "big"), int.from_bytes(begin[6:10], "big"))
    if not found.field_version or max(found) > VERSION_MAX:
        raise CannotOpen
    return found


def whose(row: UUID, subject: UUID) -> bytes:
    """What every field of a row that is about one subject is bound to."""
    return row.bytes + subject.bytes


def encrypt(key: DataKey, table: str, column: str, whose: bytes, field_version: int, value: bytes) -> bytes:
    """The ciphertext of a padded value. `whose`: from `whose`."""
    versions = _VERSIONS(key.version, field_version)
    nonce = os.urandom(12)
    associated = _named(table, column) + whose + versions
    return b"".join((HEAD, versions, key.commitment, nonce, key.cipher.encrypt(nonce, value, associated)))


def decrypt(key: DataKey, table: str, column: str, whose: bytes, raw: bytes) -> bytes:
    """The padded value of a ciphertext whose header was read. Raises CannotOpen, whatever the reason."""
    if not compare_digest(raw[COMMITMENT], key.commitment):
        raise CannotOpen
    try:
        return key.cipher.decrypt(raw[_NONCE], raw[_SEALED], _named(table, column) + whose + raw[2:10])
    except InvalidTag:
        raise CannotOpen from None


def value_of(padded_value: bytes) -> str:
    """The text in a padded value."""
    return padded_value[2 : 2 + (padded_value[0] << 8 | padded_value[1])].decode()


@lru_cache(maxsize=4096)
def _named(table: str, column: str) -> bytes:
    return framed(_DOMAIN, HEAD, table.encode(), column.encode())
