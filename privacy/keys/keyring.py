"""The local keyring: the key provider by default. Its keys are in a file, under a root key kept apart from
it.

Whoever has the file, the root key and the database has everything, so back them up apart. A wrapped key is

    1 byte   format, 1
    12 bytes random nonce
    n bytes  the key under AES-256-GCM
    16 bytes tag

and is bound to the id of its key-encryption key and to the caller's context.
"""

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from emoney.ledger.base import forks
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.errors import CannotOpen, KeyGone, KeyringMissing, KeyUnavailable
from emoney.privacy.keys import root_key
from emoney.privacy.keys.framing import framed
from emoney.privacy.keys.keyring_file import DIRECTORY, FILE, NONCE_BYTES, Content, KeyringFile, LocalKey
from emoney.privacy.keys.options import RootKeyOptions
from emoney.privacy.keys.providers.protocol import KEY_BYTES, EachAlone, KeyUse

_queries: Any = queries_beside(__file__)

FORMAT = 1
TAG_BYTES = 16
_DOMAIN = b"emoney/privacy/key-wrap"


class LocalKeyring(EachAlone):
    """Key-encryption keys in a file that only its owner can read. Safe to share between threads."""

    name = "local"

    def __init__(self, file: KeyringFile, content: Content, clock: Clock = system_clock) -> None:
        self._file = file
        self._clock = clock
        self._take(content)
        self.in_child()
        forks.watch(self)

    def in_child(self) -> None:
        """See `forks.Forked`."""
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<LocalKeyring of {len(self._uses)} keys>"

    @property
    def names(self) -> frozenset[str]:
        """The ids of all key-encryption keys held."""
        return frozenset(self._uses)

    def first(self, use: KeyUse) -> str | None:
        """See KeyProvider. The first of this use."""
        return next((name for name, held in self._uses.items() if held is use), None)

    def create(self, use: KeyUse) -> str:
        """See KeyProvider."""
        name = f"local-{os.urandom(8).hex()}"
        made = LocalKey(use, self._clock().isoformat(), os.urandom(KEY_BYTES))
        with self._lock:
            self._take(self._file.change(lambda before: {**before.keys, name: made}))
        return name

    def destroy(self, kek: str) -> None:
        """See KeyProvider. The file is replaced by one without the key; copies of the file are beyond
        reach."""
        self._key(kek)

        def without(before: Content) -> Mapping[str, LocalKey]:
            return {name: key for name, key in before.keys.items() if name != kek}

        with self._lock:
            self._take(self._file.change(without))

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

    def split_root(self, *, shares: int, threshold: int) -> list[str]:
        """The root key in shares, see `root_key.split`. Asked for under dual control by
        `privacy.keys.control`."""
        return root_key.split(self._file.read().root, shares=shares, threshold=threshold)

    def _key(self, kek: str) -> AESGCM:
        if kek not in self._keys and self._file.path.exists():
            with self._lock:  # another process may have made it since
                self._take(self._file.read())
        try:
            return self._keys[kek]
        except KeyError:
            if kek in self.destroyed:
                raise KeyGone(f"The key-encryption key {kek} was destroyed in this keyring.") from None
            raise KeyUnavailable(
                f"The key-encryption key {kek} is not in this keyring. Use the keyring that this database's "
                f"keys were made with, or restore it from its backup to {DIRECTORY}/{FILE} under EMONEY_HOME."
            ) from None

    def _take(self, content: Content) -> None:
        self._keys = {name: AESGCM(key.secret) for name, key in content.keys.items()}
        self._uses = {name: key.use for name, key in content.keys.items()}
        self.destroyed = content.destroyed
        """The ids of keys that were held and destroyed."""

    @classmethod
    def create_at(
        cls, home: Path, clock: Clock = system_clock, options: RootKeyOptions | None = None
    ) -> "LocalKeyring":
        """Make the keyring of this home, with one new key, and load it.

        A keyring that is there already, or that another process makes at the same moment, is loaded instead
        and never replaced.
        """
        file = KeyringFile(home, options)
        if not file.path.exists():
            now = clock().isoformat()
            file.directory.mkdir(mode=0o700, exist_ok=True)
            root = root_key.make(file.directory, file.options)
            key = LocalKey(KeyUse.SUBJECT_KEYS, now, os.urandom(KEY_BYTES))
            file.create(Content(now, root, {f"local-{os.urandom(8).hex()}": key}))
        return cls.load(home, clock, options)

    @classmethod
    def load(
        cls, home: Path, clock: Clock = system_clock, options: RootKeyOptions | None = None
    ) -> "LocalKeyring":
        """The keyring of this home.

        Raises KeyringMissing when there is none, KeyringUnsafe when anyone but its owner could read or
        replace it or its root, KeyringDamaged when it is not what was written, KeyringLocked without its
        passphrase.
        """
        file = KeyringFile(home, options)
        return cls(file, file.read(), clock)


def restore_root(home: Path, shares: list[str], options: RootKeyOptions | None = None) -> None:
    """Put a lost root key file back from its shares. Raises InvalidInput, KeyringDamaged when it is
    another's."""
    file = KeyringFile(home, options)
    secret = root_key.combine(shares)
    file.read(secret)  # the keyring's check is under the root: a root of another keyring does not pass
    root_key.make(file.directory, file.options, secret)


@reads_tuples
def open_keyring(
    home: Path, connection: Connection, clock: Clock = system_clock, options: RootKeyOptions | None = None
) -> LocalKeyring:
    """The local keyring of this home, which must be the one that this database's keys were made with.

    A new one is made only for a database without wrapped keys: a fresh keyring beside existing keys would
    hide that the old one was lost. Keys that it says it destroyed may be missing: a run was killed before the
    database knew, or the database comes from an older backup. Raises KeyringMissing, KeyringUnsafe,
    KeyringDamaged, KeyringLocked or KeyUnavailable.
    """
    in_use = {row[0] for row in connection.execute(_queries.local_keks.sql)}
    try:
        keyring = LocalKeyring.load(home, clock, options)
    except KeyringMissing:
        if in_use or KeyringFile(home).path.exists():
            raise
        return LocalKeyring.create_at(home, clock, options)
    if absent := sorted(in_use - keyring.names - keyring.destroyed):
        raise KeyUnavailable(
            f"This database holds keys wrapped under {absent[0]}, which {home / DIRECTORY / FILE} does not "
            "have: it is the keyring of another installation. Put back the one this database was made with."
        )
    return keyring


def _associated(kek: str, context: bytes) -> bytes:
    return framed(_DOMAIN, bytes([FORMAT]), kek.encode(), context)
