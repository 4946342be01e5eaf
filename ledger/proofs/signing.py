"""Keys that sign: the log's, `keys/log-signing.key` under its home, and a witness's, `keys/witness.key`.

One line, as C2SP signed-note's tools write it: `PRIVATE+KEY+NAME+HASH+BASE64`, where NAME is the log's
name, its origin, or the witness's. It appears complete or not at all and is never replaced. Whoever has the
log's can sign another history, so checkpoints are kept elsewhere too; whoever loses it cannot continue the
log, so back it up.
"""

import base64
import contextlib
import os
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.secret_file import SecretFile
from emoney.ledger.proofs.errors import SigningKeyMissing, SigningKeyUnsafe, SigningKeyWrong
from emoney.ledger.proofs.verifying import POSIX_EPOCH, PublicKey, WitnessKey, cosigned_text

DIRECTORY = "keys"
FILE_BYTES_MAX = 4_096
NAME_MAX = 255
_MARK = "PRIVATE+KEY"
_SEED_BYTES = 32


class _Key:
    """A key in a file of its own. It never prints its secret."""

    FILE: ClassVar[str]
    KIND: ClassVar[bytes]
    CALLED: ClassVar[str]
    """Whose name it bears."""
    LOST: ClassVar[str]
    """What cannot be done without it."""

    def __init__(self, name: str, seed: bytes) -> None:
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.name}>"

    @property
    def public(self) -> PublicKey | WitnessKey:
        """What verifies: give it to whoever should be able to check."""
        raise NotImplementedError

    @property
    def _raw(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def _line(self, signature: bytes) -> str:
        encoded = base64.b64encode(self.public.hash + signature).decode()
        return f"\u2014 {self.name} {encoded}\n"

    @classmethod
    def create(cls, home: Path, name: str | None = None) -> Self:
        """Make the key of this home and load it; one that is there already is loaded and never replaced.

        `name`: the log's, such as `wallet.example/ledger`, or the witness's, in one word without a plus sign;
        by default one that is made up. Raises InvalidInput for another.
        """
        name = name or f"emoney.invalid/{cls.CALLED}/{new_id()}"
        if not 0 < len(name) <= NAME_MAX or "+" in name or not name.isprintable() or " " in name:
            raise InvalidInput(
                f"a {cls.CALLED}'s name has 1 to {NAME_MAX} printable characters, no space and no plus"
            )
        seed = os.urandom(_SEED_BYTES)
        made = cls(name, seed)
        secret = base64.b64encode(cls.KIND + seed).decode()
        line = f"{_MARK}+{name}+{made.public.hash.hex()}+{secret}\n"
        cls._file(home).write_once(line.encode())
        return cls.load(home)

    @classmethod
    def load(cls, home: Path) -> Self:
        """The key of this home.

        Raises SigningKeyMissing when there is none, SigningKeyUnsafe when others could read or replace it,
        SigningKeyWrong when it is not what was written.
        """
        file = cls._file(home)
        return cls._parse(file.read(), file.path)

    @classmethod
    def _file(cls, home: Path) -> SecretFile:
        return SecretFile(home / DIRECTORY / cls.FILE, FILE_BYTES_MAX, cls._missing, SigningKeyUnsafe)

    @classmethod
    def _parse(cls, raw: bytes, path: Path) -> Self:
        found = None
        with contextlib.suppress(ValueError):
            mark, plus, rest = raw.decode().rstrip("\n").partition(f"{_MARK}+")
            name, key_hash, secret = rest.split("+", 2)
            decoded = base64.b64decode(secret, validate=True)
            if (mark, plus, decoded[:1]) == ("", f"{_MARK}+", cls.KIND):
                key = cls(name, decoded[1:])
                found = key if key.public.hash.hex() == key_hash else None
        if found is None:  # outside the parsing: its errors would carry the file's content
            raise SigningKeyWrong(f"{path} is damaged: restore it from its backup. It is never made anew.")
        return found

    @classmethod
    def _missing(cls, path: Path) -> SigningKeyMissing:
        return SigningKeyMissing(f"There is no signing key at {path}. {cls.LOST}")


class SigningKey(_Key):
    """The key that signs this log's checkpoints. It never prints its secret."""

    FILE = "log-signing.key"
    KIND = PublicKey.KIND
    CALLED = "ledger"
    LOST = "Restore it from its backup: this log cannot go on without."

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.name

    @property
    def public(self) -> PublicKey:
        """What verifies: give it to whoever should be able to check."""
        return PublicKey(self.name, self._raw)

    def sign(self, size: int, root: bytes) -> str:
        """The signed note of the log's checkpoint at `size` leaves."""
        return self.sign_note(f"{self.origin}\n{size}\n{base64.b64encode(root).decode()}\n")

    def sign_note(self, text: str) -> str:
        """The signed note (C2SP signed-note) of `text`, whose first line says what kind of note it is: a
        checkpoint's is the log's name."""
        return f"{text}\n{self._line(self._key.sign(text.encode()))}"


class CosigningKey(_Key):
    """The key by which a witness cosigns the checkpoints of logs. It never prints its secret."""

    FILE = "witness.key"
    KIND = WitnessKey.KIND
    CALLED = "witness"
    LOST = "A witness without it needs another, under another name."

    @property
    def public(self) -> WitnessKey:
        """What verifies: give it to whoever demands this witness."""
        return WitnessKey(self.name, self._raw)

    def cosign(self, text: str, at: datetime) -> str:
        """The signature line (C2SP tlog-cosignature) of a note's text at this time, in whole seconds."""
        seconds = int((at - POSIX_EPOCH).total_seconds())
        signature = self._key.sign(cosigned_text(text, seconds))
        return self._line(seconds.to_bytes(8, "big") + signature)
