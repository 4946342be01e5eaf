"""The log's signing key: an Ed25519 key in `keys/log-signing.key` under the installation's home.

One line, as C2SP signed-note's tools write it: `PRIVATE+KEY+NAME+HASH+BASE64`, where NAME is the log's
name, its origin. It appears complete or not at all and is never replaced. Whoever has it can sign another
history, so checkpoints are kept elsewhere too; whoever loses it cannot continue the log, so back it up.
"""

import base64
import contextlib
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.secret_file import SecretFile
from emoney.ledger.proofs.errors import SigningKeyMissing, SigningKeyUnsafe, SigningKeyWrong
from emoney.ledger.proofs.verifying import ED25519, PublicKey

DIRECTORY, FILE = "keys", "log-signing.key"
FILE_BYTES_MAX = 4_096
ORIGIN_MAX = 255
_MARK = "PRIVATE+KEY"
_SEED_BYTES = 32


class SigningKey:
    """The key that signs this log's checkpoints. It never prints its secret."""

    def __init__(self, origin: str, seed: bytes) -> None:
        self.origin = origin
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    def __repr__(self) -> str:
        return f"<SigningKey of {self.origin}>"

    @property
    def public(self) -> PublicKey:
        """What verifies: give it to whoever should be able to check."""
        return PublicKey(self.origin, self._key.public_key().public_bytes_raw())

    def sign(self, size: int, root: bytes) -> str:
        """The signed note of the log's checkpoint at `size` leaves."""
        return self.sign_note(f"{self.origin}\n{size}\n{base64.b64encode(root).decode()}\n")

    def sign_note(self, text: str) -> str:
        """The signed note (C2SP signed-note) of `text`, whose first line says what kind of note it is: a
        checkpoint's is the log's name."""
        signature = base64.b64encode(self.public.hash + self._key.sign(text.encode())).decode()
        return f"{text}\n\u2014 {self.origin} {signature}\n"

    @classmethod
    def create(cls, home: Path, origin: str | None = None) -> "SigningKey":
        """Make the key of this home and load it; one that is there already is loaded and never replaced.

        `origin`: the log's name, such as `wallet.example/ledger`, in one word without a plus sign; by default
        one that is made up. Raises InvalidInput for another.
        """
        name = origin or f"emoney.invalid/ledger/{new_id()}"
        if not 0 < len(name) <= ORIGIN_MAX or "+" in name or not name.isprintable() or " " in name:
            raise InvalidInput(
                f"a log's name has 1 to {ORIGIN_MAX} printable characters, no space and no plus"
            )
        seed = os.urandom(_SEED_BYTES)
        made = cls(name, seed)
        secret = base64.b64encode(ED25519 + seed).decode()
        line = f"{_MARK}+{name}+{made.public.hash.hex()}+{secret}\n"
        _file(home).write_once(line.encode())
        return cls.load(home)

    @classmethod
    def load(cls, home: Path) -> "SigningKey":
        """The key of this home.

        Raises SigningKeyMissing when there is none, SigningKeyUnsafe when others could read or replace it,
        SigningKeyWrong when it is not what was written.
        """
        file = _file(home)
        return _parse(file.read(), file.path)


def _file(home: Path) -> SecretFile:
    return SecretFile(home / DIRECTORY / FILE, FILE_BYTES_MAX, _missing, SigningKeyUnsafe)


def _parse(raw: bytes, path: Path) -> SigningKey:
    found = None
    with contextlib.suppress(ValueError):
        mark, plus, rest = raw.decode().rstrip("\n").partition(f"{_MARK}+")
        name, key_hash, secret = rest.split("+", 2)
        decoded = base64.b64decode(secret, validate=True)
        if (mark, plus, decoded[:1]) == ("", f"{_MARK}+", ED25519):
            key = SigningKey(name, decoded[1:])
            found = key if key.public.hash.hex() == key_hash else None
    if found is None:  # outside the parsing: its errors would carry the file's content
        raise SigningKeyWrong(f"{path} is damaged: restore it from its backup. It is never made anew.")
    return found


def _missing(path: Path) -> SigningKeyMissing:
    return SigningKeyMissing(
        f"There is no signing key at {path}. Restore it from its backup: this log cannot go on without."
    )
