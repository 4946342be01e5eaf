"""Blind indexes: keyed codes of near-unique values, so that equal ones are found without opening any.

A code is HMAC-SHA-256 of the normalised value under the index's own key, cut as declared. Equal values have
equal codes: whoever holds the index but not its key sees how often each value occurs, and of frequent
values can guess which they are. So an index is refused where that tells much: by its declaration, and as
measured (`leakage`).

Costs. `fill`: one query for the keys, one COPY. `candidates`: one query for the keys, one index probe for
each key version that still has entries (two during a rotation, else one).
"""

import hmac
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from emoney.ledger.base.clock import Clock
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.errors import IndexRefused, InvalidField
from emoney.privacy.keys import algorithms, keks
from emoney.privacy.keys import events as key_events
from emoney.privacy.keys.events import KeyEvent, KeyEventKind, KeyKind
from emoney.privacy.keys.framing import framed
from emoney.privacy.keys.keks import Providers
from emoney.privacy.keys.providers.protocol import KEY_BYTES, KeyUse
from emoney.privacy.keys.unwrapping import Act, KeyRow, Unwrapper, demand_usable

_queries = queries_beside(__file__)

VALUE_BITS_MIN = 24.0
CODE_BITS = (32, 256)
VALUE_CHARACTERS_MAX = 1_000
FOUND_MAX = 100
"""Rows given for one value: what more than these share is not near-unique."""
_CODE, _CONTEXT = b"emoney/privacy/index-code", b"emoney/privacy/index-key"
_USE = "blind index"
_COPY = "COPY privacy.index_entry (code, row_id, index_name, key_version, subject) FROM STDIN (FORMAT BINARY)"

Normalise = Callable[..., Sequence[str]]


@dataclass(frozen=True, slots=True)
class BlindIndex:
    """What is indexed: the declaration, checked when it is made. Raises IndexRefused.

    `columns`: the sealed columns of `table` that `normalise` takes, in this order, each None where it is
    empty; it gives the spellings to index, or none. `bits`: a code's length. `value_bits`: the base-2
    logarithm of how many values are about equally likely, by `reason`; `rows_per_value`: how many rows
    share a value on average, at most. `kyc.persons.search` has examples.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    normalise: Normalise = field(repr=False)
    value_bits: float
    reason: str
    bits: int = 128
    rows_per_value: float = 1.5

    def __post_init__(self) -> None:
        if not 1 <= len(self.name) <= 100 or not self.columns or not self.reason:
            raise IndexRefused(
                "An index has a name of 1 to 100 characters, columns, and a reason for value_bits."
            )
        low, high = CODE_BITS
        if not low <= self.bits <= high or self.bits % 8:
            raise IndexRefused(f"The codes of {self.name} have {low} to {high} bits, in whole bytes.")
        if self.value_bits < VALUE_BITS_MIN:
            raise IndexRefused(
                f"{self.name} would index values of about {self.value_bits:.0f} bits: below "
                f"{VALUE_BITS_MIN:.0f} their frequencies give them away. Index them only together with "
                "something near-unique."
            )
        if not 1 <= self.rows_per_value <= 2:
            raise IndexRefused(f"{self.name}: a near-unique value is shared by 1 to 2 rows on average.")


class Entry(NamedTuple):
    """A row to index, with the values of its index's columns in their order, opened."""

    row: UUID
    subject: UUID
    values: tuple[str | None, ...]


class Candidate(NamedTuple):
    """A row whose code is that of the value asked for; opened and compared before it counts."""

    row: UUID
    subject: UUID


@dataclass(frozen=True, slots=True, eq=False)
class IndexKey:
    """An index's key, ready for use. Prints without its content."""

    version: int
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, version: int, key: bytes) -> "IndexKey":
        """The one use of an index key, derived under a label."""
        return cls(version, hmac.digest(key, _CODE, "sha256"))

    def code(self, index: BlindIndex, value: str) -> bytes:
        """The code of a normalised value."""
        text = framed(_CODE, index.name.encode(), value.encode())
        return hmac.digest(self.secret, text, "sha256")[: index.bits // 8]


class BlindIndexes:
    """The blind indexes of a database. Safe to share between threads; each brings its own connection."""

    def __init__(self, providers: Providers, clock: Clock) -> None:
        self._providers = providers
        self._clock = clock
        self._unwrapper = Unwrapper(providers, index_context, IndexKey.of)

    @all_or_nothing
    def fill(self, connection: Connection, entries: Mapping[BlindIndex, Iterable[Entry]]) -> int:
        """Add rows to indexes, in the caller's transaction; returns how many codes.

        One query for all keys and one COPY. Raises InvalidField for a value too long to be one, IndexRefused
        when an index was found to tell too much, KeyDestroyed, KeyCompromised.
        """
        spelled = [
            (index, entry, spelling)
            for index, some in entries.items()
            for entry in some
            for spelling in spellings(index, entry.values)
        ]
        if not spelled:
            return 0
        keys = self.sealing_keys(connection, {index for index, _, _ in spelled})
        rows = sorted(
            {
                (
                    keys[index.name].code(index, spelling),
                    entry.row,
                    index.name,
                    keys[index.name].version,
                    entry.subject,
                )
                for index, entry, spelling in spelled
            }
        )
        with connection.cursor().copy(_COPY) as copy:
            copy.set_types(("bytea", "uuid", "text", "int4", "uuid"))
            for row in rows:
                copy.write_row(row)
        return len(rows)

    @all_or_nothing
    def replace(self, connection: Connection, entries: Mapping[BlindIndex, Sequence[Entry]]) -> int:
        """Index rows anew whose values were changed; returns how many codes. See `fill`."""
        for index, some in entries.items():
            about = {"index": index.name, "rows": [entry.row for entry in some]}
            connection.execute(_queries.forget_rows.sql, about)
        return self.fill(connection, entries)

    @all_or_nothing
    def forget_subject(self, connection: Connection, subject: UUID) -> int:
        """Delete every entry about a subject, in all indexes, as erasure does; returns how many codes."""
        return connection.execute(_queries.forget_subject.sql, {"subject": subject}).rowcount

    @reads_tuples
    def candidates(self, connection: Connection, index: BlindIndex, *values: str | None) -> list[Candidate]:
        """Up to FOUND_MAX rows with the code of these values, in id order. See `Vault.find`.

        Asked again where a rotation gave the index another key meanwhile: entries may have moved under it.
        """
        wanted = spellings(index, values)
        keys = self._reading_keys(connection, index) if wanted else []
        while keys:
            about = {
                "index": index.name,
                "codes": [key.code(index, spelling) for key in keys for spelling in wanted],
                "versions": [key.version for key in keys for _ in wanted],
                "most": FOUND_MAX,
            }
            found = [Candidate(*row) for row in connection.execute(_queries.candidates.sql, about)]
            now = self._reading_keys(connection, index)
            if {key.version for key in now} <= {key.version for key in keys}:
                return found
            keys = now
        return []

    @reads_tuples
    def pairs(
        self,
        connection: Connection,
        indexes: Sequence[BlindIndex],
        rows: Sequence[UUID],
        most: int = FOUND_MAX,
    ) -> list[tuple[UUID, UUID, str]]:
        """Pairs of one of `rows` and any row with an equal code, in id order, with the index's name.

        By one value, each row is paired with at most `most` others. Equal codes are candidates, as above.
        While an index is filled anew, pairs of a row under the old key and one under the new are not seen.
        """
        about = {"indexes": [index.name for index in indexes], "rows": list(rows), "most": most}
        return [(one, other, name) for one, other, name in connection.execute(_queries.pairs.sql, about)]

    def sealing_key(self, connection: Connection, index: BlindIndex) -> IndexKey:
        """See `sealing_keys`."""
        return self.sealing_keys(connection, [index])[index.name]

    @reads_tuples
    def sealing_keys(self, connection: Connection, indexes: Collection[BlindIndex]) -> dict[str, IndexKey]:
        """The keys for new entries by index name, made when there are none, locked against being retired
        meanwhile."""
        wanted = sorted(indexes, key=lambda index: index.name)
        now = self._clock()
        rows = self._active(connection, wanted)
        follow = {
            index: rows[index.name].version
            for index in wanted
            if index.name in rows and now >= rows[index.name].seal_until
        }
        for index in [index for index in wanted if index.name not in rows]:
            newest = connection.execute(_queries.newest_key.sql, {"index": index.name}).fetchone()
            if newest is not None and KeyRow[str](*newest).state == "active":  # made or rewrapped meanwhile
                rows |= self._active(connection, [index])
                continue
            if newest is not None:  # compromised, destroyed, or retired by a rotation that is at work
                demand_usable(KeyRow[str](*newest), Act.SEAL, now)
            follow[index] = newest[1] if newest is not None else 0
        for index, version in follow.items():
            self.succeed(connection, index, version)
        if follow:
            rows |= self._active(connection, list(follow))
        for row in rows.values():
            demand_usable(row, Act.SEAL, now)
        return {name: key for (name, _), key in self._unwrapper.ready(list(rows.values())).items()}

    @all_or_nothing
    def succeed(
        self, connection: Connection, index: BlindIndex, version: int, rotation: UUID | None = None
    ) -> None:
        """Make the version after the given one (0: none yet) and retire that."""
        now = self._clock()
        kek, provider = keks.current(connection, self._providers, KeyUse.INDEX_KEYS, self._clock)
        about = {"index": index.name, "version": version}
        retired = connection.execute(_queries.retire_index_key.sql, about).fetchall()
        events = [
            KeyEvent(KeyKind.INDEX_KEY, it[0], KeyEventKind.RETIRED, None, index.name, version)
            for it in retired
        ]
        context = index_context(index.name, version + 1)
        row: dict[str, Any] = {
            "index": index.name,
            "version": version + 1,
            "wrapped": provider.wrap(os.urandom(KEY_BYTES), kek=kek, context=context),
            "kek": kek,
            "now": now,
            "made_by": rotation,
            **algorithms.window(_USE, now)._asdict(),
        }
        if connection.execute(_queries.insert_index_key.sql, row).fetchone():
            events.append(
                KeyEvent(KeyKind.INDEX_KEY, kek, KeyEventKind.CREATED, None, index.name, version + 1)
            )
        key_events.record(connection, events, now)

    def _active(self, connection: Connection, indexes: Sequence[BlindIndex]) -> dict[str, KeyRow[str]]:
        names = [index.name for index in indexes]
        rows = {}
        for found in connection.execute(_queries.active_index_keys.sql, {"indexes": names}).fetchall():
            _demand_not_refused(found[0], found[-1])
            rows[found[0]] = KeyRow[str](*found[:-1])
        return rows

    def _reading_keys(self, connection: Connection, index: BlindIndex) -> list[IndexKey]:
        now: datetime = self._clock()
        rows = []
        for found in connection.execute(_queries.living_index_keys.sql, {"index": index.name}).fetchall():
            _demand_not_refused(index.name, found[-1])
            row = KeyRow[str](*found[:-1])
            demand_usable(row, Act.OPEN, now)
            rows.append(row)
        return list(self._unwrapper.ready(rows).values())


def spellings(index: BlindIndex, values: Sequence[str | None]) -> list[str]:
    """What of these values is indexed. Raises InvalidField when they are not of this index, or too long."""
    if len(values) != len(index.columns):
        raise InvalidField(f"{index.name} takes {len(index.columns)} values: {', '.join(index.columns)}.")
    found = list(dict.fromkeys(index.normalise(*values)))
    if any(not 1 <= len(spelling) <= VALUE_CHARACTERS_MAX or not _is_unicode(spelling) for spelling in found):
        raise InvalidField(
            f"A value of {index.name} is 1 to {VALUE_CHARACTERS_MAX} characters of valid Unicode."
        )
    return found


def index_context(name: str, version: int) -> bytes:
    """What a wrapped index key is bound to."""
    return framed(_CONTEXT, name.encode(), version.to_bytes(4, "big"))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _demand_not_refused(name: str, refused: bool | None) -> None:
    if refused:
        raise IndexRefused(f"{name} was measured and tells too much: it is neither filled nor searched.")
