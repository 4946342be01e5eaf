"""Key-encryption keys: the protocol of what holds them, and the local keyring that does so by default.

The local keyring is one file, `keys/keyring.json` under the installation's home:

    format      1
    created_at  when, ISO 8601
    current     the id of the key that new subject keys are wrapped under
    keys        id -> {use, key (AES-256, base64)}
    check       SHA-256 of all the above as canonical JSON: tells damage, not tampering

It appears complete or not at all and is never replaced. Whoever has this file and the database has
everything, so back it up apart from the database. A wrapped key is

    1 byte   format, 1
    12 bytes random nonce
    n bytes  the key under AES-256-GCM
    16 bytes tag

and is bound to the id of its key-encryption key and to the caller's context.
"""

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.clock import Clock, system_clock
from ledger.database import Connection
from ledger.queries import queries_beside
from ledger.secret_file import SecretFile
from privacy.errors import CannotOpen, KeyringDamaged, KeyringMissing, KeyringUnsafe, KeyUnavailable
from privacy.framing import framed

_queries = queries_beside(__file__)

DIRECTORY, FILE = "keys", "keyring.json"
FORMAT = 1
KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
FILE_BYTES_MAX = 1 << 20
_USE = "wrap subject keys"
_DOMAIN = b"emoney/privacy/key-wrap"


class KeyProvider(Protocol):
    """Whatever wraps keys under key-encryption keys that it does not give away."""

    @property
    def current(self) -> str:
        """The id of the key-encryption key for new wrappings."""

    def wrap(self, key: bytes, *, kek: str, context: bytes) -> bytes:
        """`key` sealed under the key-encryption key `kek` and bound to `context`.

        Raises KeyUnavailable when the provider has no such key-encryption key.
        """

    def unwrap(self, wrapped: bytes, *, kek: str, context: bytes) -> bytes:
        """The key that `wrap` was given.

        Raises CannotOpen when `wrapped` is damaged or of another key or context, KeyUnavailable when the
        provider has no such key-encryption key.
        """


class LocalKeyring:
    """Key-encryption keys in a file that only its owner can read."""

    def __init__(self, current: str, keys: Mapping[str, bytes]) -> None:
        self._current = current
        self._keys = {name: AESGCM(key) for name, key in keys.items()}

    def __repr__(self) -> str:
        return f"<LocalKeyring of {len(self._keys)} keys>"

    @property
    def current(self) -> str:
        """The id of the key-encryption key for new wrappings."""
        return self._current

    @property
    def names(self) -> frozenset[str]:
        """The ids of all key-encryption keys held."""
        return frozenset(self._keys)

    def wrap(self, key: bytes, *, kek: str, context: bytes) -> bytes:
        """See KeyProvider."""
        nonce = os.urandom(NONCE_BYTES)
        return bytes([FORMAT]) + nonce + self._key(kek).encrypt(nonce, key, _associated(kek, context))

    def unwrap(self, wrapped: bytes, *, kek: str, context: bytes) -> bytes:
        """See KeyProvider."""
        key = self._key(kek)
        if len(wrapped) != 1 + NONCE_BYTES + KEY_BYTES + TAG_BYTES or wrapped[0] != FORMAT:
            raise CannotOpen
        nonce, sealed = wrapped[1 : 1 + NONCE_BYTES], wrapped[1 + NONCE_BYTES :]
        try:
            return key.decrypt(nonce, sealed, _associated(kek, context))
        except InvalidTag:
            raise CannotOpen from None

    def _key(self, kek: str) -> AESGCM:
        try:
            return self._keys[kek]
        except KeyError:
            raise KeyUnavailable(
                f"The key-encryption key {kek} is not in this keyring. Use the keyring that this database's "
                f"keys were made with, or restore it from its backup to {DIRECTORY}/{FILE} under EMONEY_HOME."
            ) from None

    @classmethod
    def create(cls, home: Path, clock: Clock = system_clock) -> "LocalKeyring":
        """Make the keyring of this home, with one new key, and load it.

        A keyring that is there already, or that another process makes at the same moment, is loaded instead
        and never replaced.
        """
        name = f"local-{os.urandom(8).hex()}"
        key = base64.b64encode(os.urandom(KEY_BYTES)).decode()
        content: dict[str, Any] = {
            "format": FORMAT,
            "created_at": clock().isoformat(),
            "current": name,
            "keys": {name: {"use": _USE, "key": key}},
        }
        content["check"] = _check(content)
        _file(home).write_once(json.dumps(content, indent=1).encode())
        return cls.load(home)

    @classmethod
    def load(cls, home: Path) -> "LocalKeyring":
        """The keyring of this home.

        Raises KeyringMissing when there is none, KeyringUnsafe when anyone but its owner could read or
        replace it, KeyringDamaged when it is not what was written.
        """
        file = _file(home)
        return cls(*_parse(file.read(), file.path))


def open_keyring(home: Path, connection: Connection, clock: Clock = system_clock) -> LocalKeyring:
    """The local keyring of this home, which must be the one that this database's keys were made with.

    A new one is made only for a database without subject keys: a fresh keyring beside existing keys would
    hide that the old one was lost. Raises KeyringMissing, KeyringUnsafe, KeyringDamaged or KeyUnavailable.
    """
    in_use = {row[0] for row in connection.execute(_queries.keks_in_use.sql)}
    try:
        keyring = LocalKeyring.load(home)
    except KeyringMissing:
        if in_use:
            raise
        return LocalKeyring.create(home, clock)
    if absent := sorted(in_use - keyring.names):
        raise KeyUnavailable(
            f"This database holds keys wrapped under {absent[0]}, which {home / DIRECTORY / FILE} does not "
            "have: it is the keyring of another installation. Put back the one this database was made with."
        )
    return keyring


def _associated(kek: str, context: bytes) -> bytes:
    return framed(_DOMAIN, bytes([FORMAT]), kek.encode(), context)


def _file(home: Path) -> SecretFile:
    return SecretFile(home / DIRECTORY / FILE, FILE_BYTES_MAX, _missing, KeyringUnsafe)


def _parse(raw: bytes, path: Path) -> tuple[str, dict[str, bytes]]:
    damaged = f"{path} is damaged: restore it from its backup. It is never made anew beside existing keys."
    try:
        content = json.loads(raw)
        keys = {
            name: base64.b64decode(entry["key"], validate=True) for name, entry in content["keys"].items()
        }
        sound = (
            content["check"] == _check(content)
            and content["current"] in keys
            and all(len(key) == KEY_BYTES for key in keys.values())
        )
        version, current = content["format"], content["current"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise KeyringDamaged(damaged)  # outside the handler: a parser's error would carry the file's content
    if version != FORMAT:
        raise KeyringDamaged(f"{path} has format {version!r}; this version reads {FORMAT}.")
    return str(current), keys


def _check(content: Mapping[str, Any]) -> str:
    body = {name: value for name, value in content.items() if name != "check"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _missing(path: Path) -> KeyringMissing:
    return KeyringMissing(
        f"There is no keyring at {path}. Restore it from its backup: no sealed field opens without it."
    )
