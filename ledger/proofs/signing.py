"""The log's signing key: an Ed25519 key in `keys/log-signing.key` under the installation's home.

One line, as C2SP signed-note's tools write it: `PRIVATE+KEY+NAME+HASH+BASE64`, where NAME is the log's
name, its origin. It appears complete or not at all and is never replaced. Whoever has it can sign another
history, so checkpoints are kept elsewhere too; whoever loses it cannot continue the log, so back it up.
"""

import base64
import contextlib
import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import InvalidInput
from ledger.ids import new_id
from ledger.proofs.errors import SigningKeyMissing, SigningKeyUnsafe, SigningKeyWrong
from ledger.proofs.verifying import ED25519, PublicKey

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
        text = f"{self.origin}\n{size}\n{base64.b64encode(root).decode()}\n"
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
        directory = home / DIRECTORY
        with contextlib.suppress(FileExistsError):  # one that is there is judged like any other
            directory.mkdir(mode=0o700)
        seed = os.urandom(_SEED_BYTES)
        made = cls(name, seed)
        secret = base64.b64encode(ED25519 + seed).decode()
        folder = _open_directory(directory)
        try:
            _write_once(folder, f"{_MARK}+{name}+{made.public.hash.hex()}+{secret}\n".encode())
        finally:
            os.close(folder)
        return cls.load(home)

    @classmethod
    def load(cls, home: Path) -> "SigningKey":
        """The key of this home.

        Raises SigningKeyMissing when there is none, SigningKeyUnsafe when others could read or replace it,
        SigningKeyWrong when it is not what was written.
        """
        path = home / DIRECTORY / FILE
        folder = _open_directory(home / DIRECTORY)
        try:
            raw = _read_private(folder, path)
        finally:
            os.close(folder)
        return _parse(raw, path)


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


def _open_directory(directory: Path) -> int:
    try:
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise _missing(directory / FILE) from None
    except OSError as error:
        raise SigningKeyUnsafe(f"{directory} cannot be opened as a directory: {error.strerror}.") from None
    try:
        _demand_private(os.fstat(folder), directory, "0700")
    except SigningKeyUnsafe:
        os.close(folder)
        raise
    return folder


def _read_private(folder: int, path: Path) -> bytes:
    try:
        # non-blocking, or a pipe put in the file's place would hang the start
        handle = os.open(FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        raise _missing(path) from None
    except OSError as error:
        raise SigningKeyUnsafe(f"{path} cannot be opened as a file: {error.strerror}.") from None
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise SigningKeyUnsafe(f"{path} must be a plain file.")
        _demand_private(found, path, "0600")
        return file.read(FILE_BYTES_MAX)


def _demand_private(found: os.stat_result, path: Path, wanted: str) -> None:
    if found.st_mode & 0o077:
        raise SigningKeyUnsafe(
            f"{path} has permissions {stat.S_IMODE(found.st_mode):04o} and must have {wanted}: others "
            f"could sign in this log's name. If nobody did, run `chmod {wanted} {path}`; else treat it as "
            "stolen."
        )
    if found.st_uid != os.geteuid():
        raise SigningKeyUnsafe(f"{path} belongs to another user ({found.st_uid}, not {os.geteuid()}).")


def _write_once(folder: int, content: bytes) -> None:
    """Put the complete file in place unless one is there: written aside, then linked, which is exclusive."""
    aside = f".{FILE}.{os.urandom(8).hex()}"
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first, and its key stands
            os.link(aside, FILE, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.unlink(aside, dir_fd=folder)
        os.fsync(folder)


def _missing(path: Path) -> SigningKeyMissing:
    return SigningKeyMissing(
        f"There is no signing key at {path}. Restore it from its backup: this log cannot go on without."
    )
