"""The root key of the local keyring: 32 random bytes that wrap its key-encryption keys, and how they are
kept.

Either in a file of their own, `keys/root.key` (elsewhere with `EMONEY_ROOT_KEY_FILE`, such as a mounted
secret), or under a passphrase, `EMONEY_KEYRING_PASSPHRASE`, stretched by Argon2id (RFC 9106) and asked for
at every start.

A root is backed up in m of n shares (SLIP-39: Shamir's scheme with checksums, as words that can be written
down). Fewer than m shares tell nothing.
"""

import base64
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.secret_file import SecretFile
from emoney.privacy.errors import KeyringDamaged, KeyringLocked, KeyringMissing, KeyringUnsafe
from emoney.privacy.keys.framing import framed
from emoney.privacy.keys.options import RootKeyOptions

FILE = "root.key"
PASSPHRASE_VARIABLE = "EMONEY_KEYRING_PASSPHRASE"  # noqa: S105  the variable's name
ROOT_BYTES, SALT_BYTES, NONCE_BYTES = 32, 16, 12
PASSPHRASE_CHARACTERS = (12, 1024)
SHARES_MAX = 16
ITERATIONS, LANES, MEMORY_KIB = 3, 4, 64 * 1024
"""Argon2id as RFC 9106 recommends where memory is scarce."""

_DOMAIN = b"emoney/privacy/root-key"
_KEY_FILE, _PASSPHRASE = "key file", "argon2id"


@dataclass(frozen=True, slots=True, eq=False)
class RootKey:
    """A root key and, as the keyring's file states it, how it is kept. Prints without its content."""

    secret: bytes = field(repr=False)
    kept: Mapping[str, Any] = field(repr=False)

    def derive(self, label: bytes) -> bytes:
        """A key for one use, by HMAC-SHA-256 under a label."""
        return hmac.digest(self.secret, _DOMAIN + b"/" + label, "sha256")


def make(directory: Path, options: RootKeyOptions, secret: bytes | None = None) -> RootKey:
    """A root for a new keyring: under the passphrase where one is set, else in a key file, made when missing.

    `secret`: one that shares gave back; a fresh one by default.
    """
    passphrase = options.passphrase
    if passphrase is None:
        file = _file(directory, options)
        if not file.path.exists():
            file.write_once(base64.b64encode(secret or os.urandom(ROOT_BYTES)) + b"\n")
        found = _read(file)
        if secret is not None and not hmac.compare_digest(found, secret):
            raise KeyringUnsafe(f"{file.path} holds another root key: move it away before restoring.")
        return RootKey(found, {"kind": _KEY_FILE})
    low, high = PASSPHRASE_CHARACTERS
    if not low <= len(passphrase) <= high:
        raise KeyringLocked(f"{PASSPHRASE_VARIABLE} must have {low} to {high} characters.")
    secret = secret or os.urandom(ROOT_BYTES)
    salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
    cost = {"iterations": ITERATIONS, "lanes": LANES, "memory_kib": MEMORY_KIB}
    sealed = AESGCM(_stretched(passphrase, salt, cost)).encrypt(nonce, secret, _associated(salt, cost))
    kept = {"kind": _PASSPHRASE, **cost, "salt": _text(salt), "wrapped": _text(nonce + sealed)}
    return RootKey(secret, kept)


def load(directory: Path, kept: Mapping[str, Any], options: RootKeyOptions) -> RootKey:
    """The root of an existing keyring, kept as its file says.

    Raises KeyringLocked without the right passphrase, KeyringMissing without the key file.
    """
    if kept.get("kind") == _KEY_FILE:
        return RootKey(_read(_file(directory, options)), kept)
    passphrase = options.passphrase
    if not passphrase:
        raise KeyringLocked(f"The keyring is under a passphrase: set {PASSPHRASE_VARIABLE}.")
    try:
        salt, wrapped = base64.b64decode(kept["salt"]), base64.b64decode(kept["wrapped"])
        cost = {name: int(kept[name]) for name in ("iterations", "lanes", "memory_kib")}
        sound = (
            1 <= cost["iterations"] <= 100
            and 1 <= cost["lanes"] <= 16
            and 8 * cost["lanes"] <= cost["memory_kib"] <= 1 << 21
            and len(salt) == SALT_BYTES
        )
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise KeyringDamaged("The keyring does not say soundly how its root key is kept.")
    try:
        key = AESGCM(_stretched(passphrase, salt, cost))
        secret = key.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _associated(salt, cost))
    except InvalidTag:
        raise KeyringLocked(f"The passphrase in {PASSPHRASE_VARIABLE} does not open this keyring.") from None
    return RootKey(secret, kept)


def split(root: RootKey, *, shares: int, threshold: int) -> list[str]:
    """The root as `shares` lines of words, any `threshold` of which give it back. Raises InvalidInput."""
    check_split(shares, threshold)
    return list(generate_mnemonics(1, [(threshold, shares)], root.secret)[0])


def check_split(shares: int | None, threshold: int | None) -> None:
    """That a root can be split so. Raises InvalidInput."""
    if shares is None or threshold is None or not 2 <= threshold <= shares <= SHARES_MAX:
        raise InvalidInput(
            f"A root is split in 2 to {SHARES_MAX} shares, with a threshold of 2 or more of them."
        )


def combine(shares: Sequence[str]) -> bytes:
    """The root that shares were made of. Raises InvalidInput for too few, mistyped or foreign ones."""
    try:
        found = bytes(combine_mnemonics([share.strip().lower() for share in shares]))
    except (MnemonicError, ValueError):  # its text quotes words of the shares
        found = b""
    if len(found) != ROOT_BYTES:
        raise InvalidInput(
            "These shares do not give a root key back: too few of them, one mistyped, or of different splits."
        )
    return found


def _file(directory: Path, options: RootKeyOptions) -> SecretFile:
    path = (options.file or directory / FILE).expanduser().absolute()
    return SecretFile(path, 256, _missing, KeyringUnsafe)


def _read(file: SecretFile) -> bytes:
    try:
        secret = base64.b64decode(file.read().strip(), validate=True)
    except ValueError:
        secret = b""
    if len(secret) != ROOT_BYTES:
        raise KeyringDamaged(f"{file.path} is damaged: restore it from its backup or from its shares.")
    return secret


def _missing(path: Path) -> KeyringMissing:
    return KeyringMissing(f"There is no root key at {path}. Restore it from its backup or from its shares.")


def _stretched(passphrase: str, salt: bytes, cost: Mapping[str, int]) -> bytes:
    stretch = Argon2id(
        salt=salt,
        length=32,
        iterations=cost["iterations"],
        lanes=cost["lanes"],
        memory_cost=cost["memory_kib"],
    )
    return stretch.derive(passphrase.encode("utf-8", "surrogateescape"))


def _associated(salt: bytes, cost: Mapping[str, int]) -> bytes:
    numbers = [cost[name].to_bytes(4, "big") for name in ("iterations", "lanes", "memory_kib")]
    return framed(_DOMAIN, b"passphrase", salt, *numbers)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
