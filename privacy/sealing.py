"""The vault: seals fields, and opens them for a purpose that is logged.

Layout of a sealed field, format 1:

    offset  bytes
    0       1    format, 1
    1       4    version of the subject's key, big endian
    5       32   commitment to that key
    37      12   nonce, random (96 bits; one key seals a person's few fields, far below 2^32)
    49      n    AES-256-GCM ciphertext of the padded value; n is a multiple of 32
    49 + n  16   tag

The padded value is its length in two bytes, big endian, its UTF-8, and zero bytes up to a multiple of 32:
short values of one kind, such as names, all have ciphertexts of one length.

Associated data, each part behind its length: a domain tag, format, key version, table, column, row, subject.
So a ciphertext opens only where it was sealed. It does not tell an older value of the same place from the
newest one.

Costs. `seal_many` and `open` take one query for the keys of all fields of a call, whatever their number;
`open` adds one COPY into the log. The log rows are written in the caller's transaction, before any field is
opened: a caller who rolls back after opening also rolls back the log.
"""

import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag

from ledger.clock import Clock, system_clock
from ledger.database import Connection
from ledger.ids import new_id
from privacy.errors import CannotOpen, InvalidField, TooManyFields
from privacy.framing import framed
from privacy.keyring import KeyProvider
from privacy.keys import CACHE_KEYS_MAX, DataKey, SubjectKeys, checked_name
from privacy.purposes import known
from privacy.sealed import Sealed

FORMAT = 1
VALUE_BYTES_MAX = 4096
FIELDS_MAX = 100_000
PADDING_BYTES = 32
_DOMAIN = b"emoney/privacy/sealed-field"
_KEY_VERSION = slice(1, 5)
_COMMITMENT = slice(5, 37)
_NONCE = slice(37, 49)
_BODY = slice(49, None)
_SHORTEST = 49 + PADDING_BYTES + 16
_LONGEST = 49 + (VALUE_BYTES_MAX // PADDING_BYTES + 1) * PADDING_BYTES + 16
_NAME_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field stands: `table` with its schema ("kyc.person"), `column`, and the id of the `row`."""

    table: str
    column: str
    row: UUID

    def __post_init__(self) -> None:
        for name in (self.table, self.column):
            if not isinstance(name, str) or not 1 <= len(name) <= _NAME_LENGTH_MAX or not name.isascii():
                raise InvalidField(f"A table or column is named by 1 to {_NAME_LENGTH_MAX} ASCII characters.")
        if not isinstance(self.row, UUID):
            raise InvalidField(f"The row of {self.table}.{self.column} is named by a UUID.")


@dataclass(frozen=True, slots=True)
class ClearField:
    """A value to seal, with the person it is about and its place."""

    subject: UUID
    place: Place
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedField:
    """A sealed value to open, with the person it is about and its place."""

    subject: UUID
    place: Place
    sealed: Sealed


class Vault:
    """Seals and opens the fields of a database. Safe to share between threads.

    `provider`: holds the key-encryption keys, see `privacy.keyring.open_keyring`.
    """

    def __init__(
        self, provider: KeyProvider, clock: Clock = system_clock, *, cache_keys_max: int = CACHE_KEYS_MAX
    ) -> None:
        self._clock = clock
        self.keys = SubjectKeys(provider, clock, cache_keys_max)

    def seal(self, connection: Connection, *, subject: UUID, place: Place, value: str) -> Sealed:
        """Seal one value. See `seal_many`."""
        return self.seal_many(connection, [ClearField(subject, place, value)])[0]

    def seal_many(self, connection: Connection, fields: Sequence[ClearField]) -> list[Sealed]:
        """Seal values, in the order given, each under its subject's key, made when the subject has none.

        A value is 1 to 4096 bytes of UTF-8 without NUL. Keys of new subjects are made in one order, so two
        calls never wait for each other in a circle; two transactions of several calls each might, and
        PostgreSQL then ends one of them. Raises InvalidField before anything is written when a value is not
        fit, TooManyFields, KeyDestroyed.
        """
        _demand_few(fields)
        padded = [_padded(item) for item in fields]
        keys = self.keys.for_sealing(connection, {item.subject for item in fields}) if fields else {}
        return [
            Sealed(_encrypt(keys[item.subject], item, value))
            for item, value in zip(fields, padded, strict=True)
        ]

    def open(
        self, connection: Connection, items: Sequence[SealedField], *, purpose: str, actor: str
    ) -> list[str]:
        """The contents of sealed fields, in the order given, each opening logged in this transaction.

        `purpose`: one of `privacy.Purpose`. `actor`: who asks, as an id of the operator's own (1 to 200
        printable characters, no personal data). All fields open or none does. Raises UnknownPurpose,
        InvalidActor, TooManyFields, CannotOpen, KeyDestroyed.
        """
        reason, who = known(purpose), checked_name(actor, "actor")
        _demand_few(items)
        if not items:
            return []
        versions = [_key_version(item.sealed) for item in items]
        ids = [(item.subject, version) for item, version in zip(items, versions, strict=True)]
        keys = self.keys.for_opening(connection, ids)
        if any(key_id not in keys for key_id in ids):
            raise CannotOpen
        self._log(connection, items, reason.value, who)
        return [_decrypt(keys[key_id], item) for key_id, item in zip(ids, items, strict=True)]

    def _log(self, connection: Connection, items: Sequence[SealedField], purpose: str, actor: str) -> None:
        now = self._clock()
        columns = "id, actor, purpose, table_name, column_name, row_id, subject, opened_at"
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY privacy.opening ({columns}) FROM STDIN") as copy,
        ):
            for item in items:
                at = item.place
                copy.write_row((new_id(), actor, purpose, at.table, at.column, at.row, item.subject, now))


def _demand_few(fields: Sequence[object]) -> None:
    if len(fields) > FIELDS_MAX:
        raise TooManyFields(f"{len(fields)} fields in one call; at most {FIELDS_MAX} are taken.")


def _padded(item: ClearField) -> bytes:
    where = f"{item.place.table}.{item.place.column}"
    encoded = _encoded(item.value)
    if encoded is None:
        raise InvalidField(f"The value for {where} must be text: valid Unicode without NUL characters.")
    if not 1 <= len(encoded) <= VALUE_BYTES_MAX:
        raise InvalidField(
            f"The value for {where} has {len(encoded)} bytes; a sealed field takes 1 to {VALUE_BYTES_MAX}."
        )
    framed_value = len(encoded).to_bytes(2, "big") + encoded
    return framed_value + bytes(-len(framed_value) % PADDING_BYTES)


def _encoded(value: str) -> bytes | None:
    """UTF-8, or nothing: the codec's own error would carry the value along."""
    try:
        return value.encode() if isinstance(value, str) and "\0" not in value else None
    except UnicodeEncodeError:
        return None


def _associated(item: ClearField | SealedField, key_version: bytes) -> bytes:
    at = item.place
    return framed(
        _DOMAIN,
        bytes([FORMAT]),
        key_version,
        at.table.encode(),
        at.column.encode(),
        at.row.bytes,
        item.subject.bytes,
    )


def _encrypt(key: DataKey, item: ClearField, padded: bytes) -> bytes:
    version = key.version.to_bytes(4, "big")
    nonce = os.urandom(12)
    body = key.cipher.encrypt(nonce, padded, _associated(item, version))
    return bytes([FORMAT]) + version + key.commitment + nonce + body


def _key_version(sealed: Sealed) -> int:
    raw = sealed.ciphertext
    length_fits = _SHORTEST <= len(raw) <= _LONGEST and (len(raw) - _SHORTEST) % PADDING_BYTES == 0
    if not length_fits or raw[0] != FORMAT or raw[1] & 0x80:  # PostgreSQL's integer is signed
        raise CannotOpen
    return int.from_bytes(raw[_KEY_VERSION], "big")


def _decrypt(key: DataKey, item: SealedField) -> str:
    raw = item.sealed.ciphertext
    if not hmac.compare_digest(raw[_COMMITMENT], key.commitment):
        raise CannotOpen
    try:
        padded = key.cipher.decrypt(raw[_NONCE], raw[_BODY], _associated(item, raw[_KEY_VERSION]))
    except InvalidTag:
        raise CannotOpen from None
    return padded[2 : 2 + int.from_bytes(padded[:2], "big")].decode()
