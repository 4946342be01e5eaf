"""Data keys: one AES-256 key per subject, wrapped by the provider, made when the subject is first sealed for.

Costs. One query per call for all subjects of it, and one provider call per subject whose key is not in the
cache; new subjects add one insert and one query.

What the cache may do: it saves the provider's work only. The rows are read anew in every call, so that a key
destroyed elsewhere is noticed at once, and a key made in a transaction that was rolled back is never used.

Out of a data key come two values, so that each key has one use: the key of the cipher, and a commitment that
travels with the ciphertext (GCM alone does not tell which key a ciphertext was made with).
"""

import hmac
import os
import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.clock import Clock
from ledger.database import Connection
from ledger.ids import new_id
from ledger.queries import queries_beside
from privacy.errors import InvalidActor, KeyDestroyed
from privacy.framing import framed
from privacy.keyring import KEY_BYTES, KeyProvider

_queries = queries_beside(__file__)

CACHE_KEYS_MAX = 20_000
NAME_LENGTH_MAX = 200
_CONTEXT = b"emoney/privacy/subject-key"
_CIPHER, _COMMITMENT = b"emoney/privacy/sealed-field/cipher", b"emoney/privacy/sealed-field/commitment"

KeyId = tuple[UUID, int]
"""A subject and the version of its key."""


class KeyState(StrEnum):
    """Where a subject key stands in its life."""

    ACTIVE = "active"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True, eq=False)
class DataKey:
    """A subject's key, ready for use. Neither prints nor compares as its content."""

    version: int
    cipher: AESGCM = field(repr=False)
    commitment: bytes = field(repr=False)

    @classmethod
    def of(cls, version: int, key: bytes) -> "DataKey":
        """The two uses of a data key, derived by HMAC-SHA-256 under distinct labels."""
        return cls(
            version, AESGCM(hmac.digest(key, _CIPHER, "sha256")), hmac.digest(key, _COMMITMENT, "sha256")
        )


class SubjectKeys:
    """The subject keys of a database. Safe to share between threads; each brings its own connection."""

    def __init__(self, provider: KeyProvider, clock: Clock, cache_keys_max: int = CACHE_KEYS_MAX) -> None:
        self._provider = provider
        self._clock = clock
        self._cache: OrderedDict[KeyId, tuple[bytes, DataKey]] = OrderedDict()
        self._cache_keys_max = cache_keys_max
        self._lock = threading.Lock()

    def for_sealing(self, connection: Connection, subjects: Collection[UUID]) -> dict[UUID, DataKey]:
        """The key to seal with for each subject, made when it has none.

        Of two transactions that first seal for one subject, the second waits for the first and uses its key.
        Raises KeyDestroyed for a subject whose key was destroyed.
        """
        wanted = sorted(set(subjects))
        rows = _latest(connection, wanted)
        if missing := [subject for subject in wanted if subject not in rows]:
            self._make(connection, missing)
            rows |= _latest(connection, missing)
        return {subject: self._usable(row) for subject, row in rows.items()}

    def for_opening(self, connection: Connection, wanted: Collection[KeyId]) -> dict[KeyId, DataKey]:
        """The keys of these subjects and versions; those that do not exist are left out.

        Raises KeyDestroyed when one was destroyed.
        """
        ids = sorted(set(wanted))
        rows = connection.execute(
            _queries.keys_of_versions.sql,
            {"subjects": [subject for subject, _ in ids], "versions": [version for _, version in ids]},
        ).fetchall()
        return {(row[0], row[1]): self._usable(row) for row in rows}

    def destroy(self, connection: Connection, subject: UUID, *, actor: str, reason: str) -> int:
        """Destroy all keys of a subject; returns how many there were.

        What they sealed can never be opened again from this database. Copies of the wrapped key may remain in
        backups and in the write-ahead log until those are gone. `actor` and `reason` are logged and must hold
        no personal data. Raises InvalidActor when either is unusable.
        """
        named = {"actor": checked_name(actor, "actor"), "reason": checked_name(reason, "reason")}
        found = connection.execute(_queries.active_keys.sql, {"subject": subject}).fetchall()
        for version, kek in found:
            about = {"subject": subject, "version": version}
            connection.execute(_queries.destroy_key.sql, about)
            event = {"id": new_id(), "kek": kek, "event": KeyState.DESTROYED.value, "now": self._clock()}
            connection.execute(_queries.insert_event.sql, about | event | named)
            self._forget((subject, version))
        return len(found)

    def _make(self, connection: Connection, subjects: list[UUID]) -> None:
        kek = self._provider.current
        wrapped = [
            self._provider.wrap(os.urandom(KEY_BYTES), kek=kek, context=_context(subject, 1))
            for subject in subjects
        ]
        events = [new_id() for _ in subjects]
        connection.execute(
            _queries.insert_first_keys.sql,
            {"events": events, "subjects": subjects, "wrapped": wrapped, "kek": kek, "now": self._clock()},
        )

    def _usable(self, row: tuple[Any, ...]) -> DataKey:
        subject, version, kek, state, wrapped = row
        if state != KeyState.ACTIVE:
            self._forget((subject, version))
            raise KeyDestroyed(
                f"The key of subject {subject} was destroyed; nothing is sealed or opened with it."
            )
        with self._lock:
            cached = self._cache.get((subject, version))
            if cached and cached[0] == wrapped:
                self._cache.move_to_end((subject, version))
                return cached[1]
        key = self._provider.unwrap(wrapped, kek=kek, context=_context(subject, version))
        usable = DataKey.of(version, key)
        with self._lock:
            self._cache[subject, version] = (wrapped, usable)
            while len(self._cache) > self._cache_keys_max:
                self._cache.popitem(last=False)
        return usable

    def _forget(self, key_id: KeyId) -> None:
        with self._lock:
            self._cache.pop(key_id, None)


def checked_name(name: str, role: str) -> str:
    """`name` when it can stand in a log: 1 to 200 printable characters. Raises InvalidActor."""
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_LENGTH_MAX or not name.isprintable():
        raise InvalidActor(f"The {role} must be 1 to {NAME_LENGTH_MAX} printable characters.")
    return name


def _latest(connection: Connection, subjects: list[UUID]) -> dict[UUID, tuple[Any, ...]]:
    rows = connection.execute(_queries.latest_keys.sql, {"subjects": subjects}).fetchall()
    return {row[0]: row for row in rows}


def _context(subject: UUID, version: int) -> bytes:
    return framed(_CONTEXT, subject.bytes, version.to_bytes(4, "big"))
