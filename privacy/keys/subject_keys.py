"""Data keys: one AES-256 key per subject and version, wrapped by the provider, made when first sealed for.

Costs. One query per call for all subjects of it, and one provider call per subject whose key is not in the
cache; new subjects add two inserts and two queries.

A key is locked FOR SHARE by whoever seals with it, until the end of that transaction: a rotation retires keys
only when nothing more can be sealed with them, and so misses nothing. Keys are locked in subject order.

Out of a data key come two values, so that each key has one use: the key of the cipher, and a commitment that
travels with the ciphertext (GCM alone does not tell which key a ciphertext was made with).
"""

import hmac
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from emoney.ledger.base.clock import Clock
from emoney.ledger.base.postgres.binary_arrays import Bigints, Uuids
from emoney.ledger.base.postgres.binary_queries import fetched, in_binary
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.errors import KeyCompromised, KeyDestroyed
from emoney.privacy.keys import algorithms, keks
from emoney.privacy.keys import events as key_events
from emoney.privacy.keys.events import KeyEvent, KeyEventKind, KeyKind
from emoney.privacy.keys.framing import framed
from emoney.privacy.keys.keks import Providers
from emoney.privacy.keys.providers.protocol import KEY_BYTES, KeyUse, Wrapped
from emoney.privacy.keys.unwrapping import CACHE_KEYS_MAX, Act, KeyRow, KeyState, Unwrapper, demand_usable

_queries = queries_beside(__file__)
_ACTIVE_KEYS, _KEYS_OF_VERSIONS = (
    in_binary(_queries.active_keys.sql),
    in_binary(_queries.keys_of_versions.sql),
)
_RETIRE_KEYS, _INSERT_KEYS = in_binary(_queries.retire_keys.sql), in_binary(_queries.insert_keys.sql)

NAME_LENGTH_MAX = 200
_CONTEXT = b"emoney/privacy/subject-key"
_CIPHER, _COMMITMENT = b"emoney/privacy/sealed-field/cipher", b"emoney/privacy/sealed-field/commitment"
_SEALING = "seal fields"

KeyId = tuple[UUID, int]
"""A subject and the version of its key."""
SubjectRow = KeyRow[UUID]


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

    def __init__(self, providers: Providers, clock: Clock, cache_keys_max: int = CACHE_KEYS_MAX) -> None:
        self.providers = providers
        self._clock = clock
        self._unwrapper = Unwrapper(providers, subject_context, DataKey.of, cache_keys_max)

    @all_or_nothing
    def for_sealing(self, connection: Connection, subjects: Collection[UUID]) -> dict[UUID, DataKey]:
        """The key to seal with for each subject, made when it has none or only one past its window.

        Of two transactions that first seal for one subject, the second waits for the first and uses its key.
        Raises KeyDestroyed, KeyCompromised and KeyExpired for a subject whose key is so.
        """
        wanted = list(dict.fromkeys(subjects))
        now = self._clock()
        rows = _active(connection, wanted)
        late = [row for row in rows.values() if now >= row.seal_until]
        missing = [subject for subject in wanted if subject not in rows]
        newest = _newest(connection, missing) if missing else {}
        made_meanwhile = _active(connection, [it for it, row in newest.items() if row.state == "active"])
        rows |= made_meanwhile
        if late or len(missing) > len(made_meanwhile):
            former = {row.owner: row for row in late} | {
                subject: row for subject, row in newest.items() if subject not in made_meanwhile
            }
            self._demand_may_follow(former)
            absent = [subject for subject in missing if subject not in newest]
            follow = dict.fromkeys(absent, 0) | {subject: row.version for subject, row in former.items()}
            self.succeed(connection, follow)
            rows |= _active(connection, sorted(follow))
        for row in rows.values():
            demand_usable(row, Act.SEAL, now)
        ready = self._unwrapper.ready(list(rows.values()))
        return {subject: key for (subject, _), key in ready.items()}

    @reads_tuples
    def for_opening(
        self, connection: Connection, wanted: Collection[KeyId], act: Act = Act.OPEN
    ) -> dict[KeyId, DataKey]:
        """The keys of these subjects and versions; those that do not exist are left out.

        Raises KeyDestroyed, KeyCompromised and KeyExpired when one is so.
        """
        ids = list(dict.fromkeys(wanted))
        now = self._clock()
        if not ids:
            return {}
        about = {
            "subjects": Uuids.of(subject for subject, _ in ids),
            "versions": Bigints.of(version for _, version in ids),
        }
        rows: list[SubjectRow] = list(map(KeyRow._make, fetched(connection, _KEYS_OF_VERSIONS, about)))
        for row in rows:
            demand_usable(row, act, now)
        return self._unwrapper.ready(rows)

    @all_or_nothing
    def succeed(self, connection: Connection, versions: dict[UUID, int], rotation: UUID | None = None) -> int:
        """Make the version after each subject's given one (0: none yet) and retire that; returns how many.

        Of a subject that another transaction has moved on already, nothing changes.
        """
        subjects = sorted(versions)
        if not subjects:
            return 0
        now = self._clock()
        kek, provider = keks.current(connection, self.providers, KeyUse.SUBJECT_KEYS, self._clock)
        events = []
        about = {"subjects": subjects, "versions": [versions[it] for it in subjects]}
        for subject, version, under in fetched(connection, _RETIRE_KEYS, about):
            events.append(KeyEvent(KeyKind.SUBJECT_KEY, under, KeyEventKind.RETIRED, subject, None, version))
        fresh = [
            Wrapped(os.urandom(KEY_BYTES), subject_context(subject, versions[subject] + 1))
            for subject in subjects
        ]
        wrapped = provider.wrap_many(fresh, kek=kek)
        made = fetched(
            connection,
            _INSERT_KEYS,
            {
                "subjects": subjects,
                "versions": [versions[subject] + 1 for subject in subjects],
                "wrapped": wrapped,
                "kek": kek,
                "now": now,
                "made_by": rotation,
                **algorithms.window(_SEALING, now)._asdict(),
            },
        )
        ready = dict(zip(subjects, zip(fresh, wrapped, strict=True), strict=True))
        for subject, version in made:
            events.append(KeyEvent(KeyKind.SUBJECT_KEY, kek, KeyEventKind.CREATED, subject, None, version))
            self._unwrapper.keep(subject, version, kek, ready[subject][1], ready[subject][0].key)
        key_events.record(connection, events, now)
        return len(made)

    def forget(self, subject: UUID, versions: Sequence[int]) -> None:
        """Drop a subject's keys from memory, when they were destroyed or changed."""
        for version in versions:
            self._unwrapper.forget(subject, version)

    def _demand_may_follow(self, former: dict[UUID, SubjectRow]) -> None:
        """A destroyed key has no successor, nor has a compromised one but by rotation."""
        for subject, row in former.items():
            if row.state == KeyState.DESTROYED:
                raise KeyDestroyed(
                    f"The key of subject {subject} was destroyed; nothing is sealed or opened with it."
                )
            if row.state == KeyState.COMPROMISED:
                raise KeyCompromised(
                    f"The key of subject {subject} is marked compromised: run `emoney privacy rotate fields` "
                    "first."
                )


def subject_context(subject: UUID, version: int) -> bytes:
    """What a wrapped subject key is bound to."""
    return framed(_CONTEXT, subject.bytes, version.to_bytes(4, "big"))


def _active(connection: Connection, subjects: list[UUID]) -> dict[UUID, SubjectRow]:
    return (
        _by_subject(fetched(connection, _ACTIVE_KEYS, {"subjects": Uuids.of(subjects)})) if subjects else {}
    )


def _newest(connection: Connection, subjects: list[UUID]) -> dict[UUID, SubjectRow]:
    return _by_subject(connection.execute(_queries.newest_keys.sql, {"subjects": subjects}).fetchall())


def _by_subject(rows: list[tuple[Any, ...]]) -> dict[UUID, SubjectRow]:
    return {row[0]: KeyRow(*row) for row in rows}
