"""Signatures of officers over what takes two persons: what was asked for, and what was decided on it.

Ed25519 (RFC 8032) over one line that names what it is, and JSON with sorted keys and no blanks, in UTF-8. A
decision's names the request by the hash of its bytes, so it covers that, too. Times are in UTC, to the
microsecond. What is signed is a leaf of the proof log, and so is the key: an auditor needs neither the
database nor the operator to check one (docs/control.md).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from emoney.ledger.base.errors import ConfigurationError, InvalidRequest
from emoney.ledger.base.secret_file import SecretFile

REQUEST, DECISION = b"emoney request v1\n", b"emoney decision v1\n"
PASSPHRASE_MIN = 12
FILE_BYTES_MAX = 4_096


class Signer(Protocol):
    """What signs for an officer: a key in a file, or wherever the operator keeps one."""

    @property
    def public_key(self) -> bytes:
        """32 bytes, as it is registered."""

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""


class KeyFile:
    """An officer's key in a file of its own, encrypted under a passphrase. It never prints its secret."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "<an officer's key>"

    @property
    def public_key(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    @classmethod
    def make(cls, path: Path, passphrase: str) -> "KeyFile":
        """A new key in a new file of mode 0600; the directory has 0700, and is made where it is missing.

        Raises InvalidRequest, ConfigurationError.
        """
        if not isinstance(passphrase, str) or len(passphrase) < PASSPHRASE_MIN:
            raise InvalidRequest(f"a passphrase has {PASSPHRASE_MIN} characters, or more")
        key = Ed25519PrivateKey.generate()
        encryption = BestAvailableEncryption(passphrase.encode())
        written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        file = _file(path)
        file.write_once(written)
        if file.read() != written:
            raise ConfigurationError(f"{path} is there already, and is not replaced.")
        return cls(key)

    @classmethod
    def load(cls, path: Path, passphrase: str | None) -> "KeyFile":
        """The key in a file of mode 0600. Raises ConfigurationError, which quotes nothing of it."""
        written = _file(path).read()
        try:
            key = load_pem_private_key(written, None if passphrase is None else passphrase.encode())
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigurationError(f"{path} holds no Ed25519 key, or not one of this passphrase.")
        return cls(key)


def _file(path: Path) -> SecretFile:
    return SecretFile(
        path.absolute(),
        FILE_BYTES_MAX,
        lambda missing: ConfigurationError(f"There is no key {missing}."),
        ConfigurationError,
    )


_signer: ContextVar[Signer | None] = ContextVar("signer", default=None)


@contextmanager
def signing_with(signer: Signer | None) -> Iterator[None]:
    """Within this, and this task or thread, what takes two persons is signed."""
    token = _signer.set(signer)
    try:
        yield
    finally:
        _signer.reset(token)


def signed(message: bytes) -> bytes | None:
    """The signature of whoever acts here; None where nobody signs."""
    signer = _signer.get()
    return None if signer is None else signer.sign(message)


def request_bytes(
    request_id: UUID,
    action: str,
    about: UUID | str,
    details: Mapping[str, Any],
    actor: str,
    reason: str,
    requested_at: datetime,
    expires_at: datetime,
) -> bytes:
    """What an officer signs who asks."""
    said = {
        "id": str(request_id),
        "action": action,
        "about": str(about),
        "details": details,
        "actor": actor,
        "reason": reason,
        "requested_at": _time(requested_at),
        "expires_at": _time(expires_at),
    }
    return REQUEST + _canonical(said)


def decision_bytes(request: bytes, outcome: str, actor: str, reason: str, decided_at: datetime) -> bytes:
    """What an officer signs who decides; `request`: the bytes of what was asked for."""
    said = {
        "request": sha256(request).hexdigest(),
        "outcome": outcome,
        "actor": actor,
        "reason": reason,
        "decided_at": _time(decided_at),
    }
    return DECISION + _canonical(said)


def is_signed(message: bytes, signature: bytes, keys: Iterable[bytes]) -> bool:
    """Whether it is the signature of one of these public keys over `message`."""
    for key in keys:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except InvalidSignature:
            continue
        return True
    return False


def _canonical(said: dict[str, Any]) -> bytes:
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
