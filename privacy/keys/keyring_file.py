"""The local keyring's file.

It is `keys/keyring.json` under the installation's home, in format 2:

    format      2
    created_at  when, ISO 8601
    root        how the root key is kept, see privacy/keys/root_key.py
    keys        id -> {use, created_at, wrapped}: AES-256 keys under the root, base64 of nonce and ciphertext,
                bound to id and use
    destroyed   the ids of keys that were here and were destroyed: one that a database misses was lost, or is
                one of these
    check       HMAC-SHA-256 under the root over all the above as canonical JSON: tells tampering
"""

import base64
import hmac
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from emoney.ledger.base.secret_file import SecretFile
from emoney.privacy.errors import KeyringDamaged, KeyringMissing, KeyringUnsafe
from emoney.privacy.keys import root_key
from emoney.privacy.keys.framing import framed
from emoney.privacy.keys.options import RootKeyOptions
from emoney.privacy.keys.providers.protocol import KeyUse
from emoney.privacy.keys.root_key import RootKey

DIRECTORY, FILE = "keys", "keyring.json"
FORMAT = 2
FILE_BYTES_MAX = 1 << 20
NONCE_BYTES = 12
_DOMAIN = b"emoney/privacy/keyring-entry"


@dataclass(frozen=True, slots=True, eq=False)
class LocalKey:
    """A key-encryption key of the local keyring. Prints without its content."""

    use: KeyUse
    created_at: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a keyring's file holds."""

    created_at: str
    root: RootKey = field(repr=False)
    keys: Mapping[str, LocalKey] = field(repr=False)
    destroyed: frozenset[str] = frozenset()


class KeyringFile:
    """The file at its place under `home`. `options`: how its root key is kept."""

    def __init__(self, home: Path, options: RootKeyOptions | None = None) -> None:
        self.options = options or RootKeyOptions()
        self.directory = home / DIRECTORY
        self.path = self.directory / FILE
        self._file = SecretFile(self.path, FILE_BYTES_MAX, _missing, KeyringUnsafe)

    def read(self, root: bytes | None = None) -> Content:
        """The content. Raises KeyringMissing, KeyringUnsafe, KeyringDamaged, KeyringLocked.

        `root`: the root key's bytes, where they come from elsewhere than the file says.
        """
        raw = self._file.read()
        parsed = _parsed(raw)
        if parsed is not None and parsed.get("format", FORMAT) != FORMAT:
            raise KeyringDamaged(f"{self.path} has format {parsed['format']!r}; this version reads {FORMAT}.")
        content = None if parsed is None else self._content(parsed, root)
        if content is None:  # raised outside any handler: a parser's error would carry the file's content
            raise KeyringDamaged(
                f"{self.path} is damaged: restore it from its backup. It is never made anew beside keys."
            )
        return content

    def create(self, content: Content) -> None:
        """Write the first content, unless there is a file already, which then stands."""
        self._file.write_once(_written(content))

    def change(self, change: Callable[[Content], Mapping[str, LocalKey]]) -> Content:
        """Replace the keys by what `change` makes of the content, alone among all processes; returns the
        new. What it leaves out is destroyed."""
        with self._file.locked():
            before = self.read()
            keys = change(before)
            destroyed = before.destroyed | (before.keys.keys() - keys.keys())
            after = Content(before.created_at, before.root, keys, destroyed)
            self._file.replace(_written(after))
        return after

    def _content(self, parsed: dict[str, Any], secret: bytes | None) -> Content | None:
        if not isinstance(parsed.get("root"), dict):
            return None
        kept = parsed["root"]
        root = root_key.load(self.directory, kept, self.options) if secret is None else RootKey(secret, kept)
        try:
            if not hmac.compare_digest(str(parsed["check"]), _check(parsed, root)):
                return None
            cipher = _cipher(root)
            keys = {
                name: LocalKey(
                    KeyUse(entry["use"]), str(entry["created_at"]), _unwrapped(cipher, name, entry)
                )
                for name, entry in parsed["keys"].items()
            }
            created_at = str(parsed["created_at"])
            destroyed = frozenset(map(str, parsed.get("destroyed", ())))
        except (ValueError, KeyError, TypeError, AttributeError, InvalidTag):
            return None
        return Content(created_at, root, keys, destroyed)


def _parsed(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _written(content: Content) -> bytes:
    cipher = _cipher(content.root)
    keys = {}
    for name, key in content.keys.items():
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + cipher.encrypt(nonce, key.secret, framed(_DOMAIN, name.encode(), key.use.encode()))
        keys[name] = {
            "use": key.use.value,
            "created_at": key.created_at,
            "wrapped": base64.b64encode(sealed).decode(),
        }
    body: dict[str, Any] = {
        "format": FORMAT,
        "created_at": content.created_at,
        "root": dict(content.root.kept),
        "keys": keys,
        "destroyed": sorted(content.destroyed),
    }
    body["check"] = _check(body, content.root)
    return json.dumps(body, indent=1).encode()


def _unwrapped(cipher: AESGCM, name: str, entry: Mapping[str, Any]) -> bytes:
    sealed = base64.b64decode(entry["wrapped"], validate=True)
    associated = framed(_DOMAIN, name.encode(), KeyUse(entry["use"]).encode())
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)


def _cipher(root: RootKey) -> AESGCM:
    return AESGCM(root.derive(b"wrap"))


def _check(body: Mapping[str, Any], root: RootKey) -> str:
    checked = {name: value for name, value in body.items() if name != "check"}
    canonical = json.dumps(checked, sort_keys=True, separators=(",", ":")).encode()
    return hmac.digest(root.derive(b"check"), canonical, "sha256").hex()


def _missing(path: Path) -> KeyringMissing:
    return KeyringMissing(
        f"There is no keyring at {path}. Restore it from its backup: no sealed field opens without it."
    )
