"""The vault: seals fields, and opens them for a purpose that is logged.

What a sealed field is bound to, beside its place (see `field_format`), is its version: each sealing of the
same place takes the next one, and `privacy.sealed_row` says which is the newest. An older ciphertext put
back in its place does not open.

Costs, whatever the number of fields. `seal_many`: one query for the keys, one for the versions. `open`: one
query for the approved purposes, one for the keys, one for the versions, and one COPY into the log,
committed over a connection of the log's own before any content is given out: a caller who rolls back takes
no log row back.

Who reads a field and opens it in two statements of a READ COMMITTED transaction may meet a value that was
replaced in between, and gets CannotOpen; in REPEATABLE READ both statements see the same.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from uuid import UUID

from psycopg import sql

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.names import checked_name
from emoney.ledger.base.postgres.binary_arrays import Texts, Uuids
from emoney.ledger.base.postgres.binary_queries import fetched, in_binary
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.errors import (
    CannotOpen,
    InvalidField,
    KeyCompromised,
    KeyDestroyed,
    KeyExpired,
    KeyGone,
    KeyUnavailable,
    ProcessingRestricted,
    ProviderUnreachable,
    PurposeNotApproved,
    TooManyFields,
    UnknownPurpose,
)
from emoney.privacy.keys.control import KeyControl
from emoney.privacy.keys.keks import Providers
from emoney.privacy.keys.providers.protocol import KeyProvider
from emoney.privacy.keys.subject_keys import KeyId, SubjectKeys
from emoney.privacy.keys.unwrapping import CACHE_KEYS_MAX
from emoney.privacy.search.blind_index import BlindIndex, BlindIndexes, spellings
from emoney.privacy.vault import field_format, purposes
from emoney.privacy.vault.field_format import VALUE_BYTES_MAX
from emoney.privacy.vault.openings import OpeningLog, Refused, Run
from emoney.privacy.vault.purposes import Purpose, known
from emoney.privacy.vault.sealed import Sealed

_queries = queries_beside(__file__)
_NEXT_VERSIONS, _VERSIONS = in_binary(_queries.next_versions.sql), in_binary(_queries.versions.sql)
_NOTHING: Mapping[str, int] = MappingProxyType({})

FIELDS_MAX = 100_000
_NAME_LENGTH_MAX = 100
_REASONS: dict[type[Exception], str] = {
    PurposeNotApproved: "purpose not approved",
    UnknownPurpose: "unknown purpose",
    ProcessingRestricted: "processing restricted",
    CannotOpen: "field does not open",
    KeyDestroyed: "key destroyed",
    KeyCompromised: "key compromised",
    KeyExpired: "key expired",
    KeyUnavailable: "key unavailable",
    KeyGone: "key unavailable",
    ProviderUnreachable: "key unavailable",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field stands: `table` with its schema ("kyc.person"), `column`, and the id of the `row`."""

    table: str
    column: str
    row: UUID

    def __post_init__(self) -> None:
        for name in (self.table, self.column):
            if not isinstance(name, str) or not 1 <= len(name) <= _NAME_LENGTH_MAX or not name.isascii():
                raise InvalidField(f"A table or column is named by 1 to {_NAME_LENGTH_MAX} ASCII characters.")
        if not isinstance(self.row, UUID):
            raise InvalidField(f"The row of {self.table}.{self.column} is named by a UUID.")


@dataclass(frozen=True, slots=True)
class ClearField:
    """A value to seal, with the person it is about and its place."""

    subject: UUID
    place: Place
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedField:
    """A sealed value to open, with the person it is about and its place."""

    subject: UUID
    place: Place
    sealed: Sealed


class Vault:
    """Seals and opens the fields of a database. Safe to share between threads and across a fork.

    `provider`: holds the key-encryption keys, see `privacy.open_provider`; `former`: those that still unwrap
    what was wrapped by them, until a rotation has moved it.
    """

    def __init__(
        self,
        provider: KeyProvider,
        clock: Clock = system_clock,
        *,
        cache_keys_max: int = CACHE_KEYS_MAX,
        former: Sequence[KeyProvider] = (),
    ) -> None:
        self.clock = clock
        self.providers = Providers(provider, former)
        self.keys = SubjectKeys(self.providers, clock, cache_keys_max)
        self.control = KeyControl(self.providers, clock)
        self.indexes = BlindIndexes(self.providers, clock)
        self._log = OpeningLog()

    @all_or_nothing
    def seal(self, connection: Connection, *, subject: UUID, place: Place, value: str) -> Sealed:
        """Seal one value. See `seal_many`."""
        return self.seal_many(connection, [ClearField(subject, place, value)])[0]

    @all_or_nothing
    def seal_many(self, connection: Connection, fields: Sequence[ClearField]) -> list[Sealed]:
        """Seal values, in the order given, each under its subject's key, made when the subject has none.

        A value is 1 to 4096 bytes of UTF-8 without NUL. Each sealing takes the next version of its place, so
        that what stood there before no longer opens: store the result in the same transaction. All fields
        of a row are about one subject. Keys and versions are locked in one order, so two calls never
        deadlock; two transactions of several calls each might, and PostgreSQL then ends one of them.
        Raises InvalidField before anything is written when a value is not fit or a place is named twice,
        TooManyFields, KeyDestroyed, KeyCompromised.
        """
        _demand_few(fields)
        values = [_padded(item) for item in fields]
        runs = _runs(fields)
        rows = _rows(runs)
        if not fields:
            return []
        keys = self.keys.for_sealing(connection, [run.subject for run in runs])
        versions = _next_versions(connection, rows)
        sealed = []
        left = iter(values)
        for run in runs:
            key, stands = keys[run.subject], versions[run.row, run.table]
            table, whose = run.table, field_format.whose(run.row, run.subject)
            for column in run.columns:
                raw = field_format.encrypt(key, table, column, whose, stands[column], next(left))
                sealed.append(Sealed(raw))
        return sealed

    @all_or_nothing
    def open(
        self, connection: Connection, items: Sequence[SealedField], *, purpose: str, actor: str
    ) -> list[str]:
        """The contents of sealed fields, in the order given, each opening logged before it is given out.

        `purpose`: one of `privacy.Purpose` that the approved assessment lists. `actor`: who asks, as an id of
        the operator's own (1 to 200 printable characters, no personal data). All fields open or none does; a
        refusal is logged too, and neither log row is taken back by a rollback of the caller's. Raises
        UnknownPurpose, PurposeNotApproved, InvalidRequest, TooManyFields, CannotOpen, KeyDestroyed,
        KeyCompromised, KeyExpired, KeyUnavailable, ProviderUnreachable, ProcessingRestricted.
        """
        who = checked_name(actor)
        _demand_few(items)
        with self._refusals_logged(connection, items, purpose, who):
            reason = known(purpose)
            purposes.demand_approved(connection, reason)
            if not items:
                return []
            runs = _runs(items)
            values = self._decrypted(connection, items, runs)
            self._log.opened(connection, runs, purpose=reason.value, actor=who, now=self.clock())
        return values

    @all_or_nothing
    def find(
        self, connection: Connection, index: BlindIndex, *values: str | None, purpose: str, actor: str
    ) -> list[UUID]:
        """The rows whose values are equal to these, as the index spells them, in id order.

        `values`: one for each column of the index. Rows that the index names are opened, which is logged, and
        compared: an index entry that was swapped or that collides names nobody. Raises what `open` does, and
        IndexRefused.
        """
        subjects = {it.row: it.subject for it in self.indexes.candidates(connection, index, *values)}
        rows = rows_of(connection, index.table, index.columns, list(subjects))
        items = [
            SealedField(subjects[row], Place(index.table, column, row), sealed)
            for row, columns in rows
            for column, sealed in columns.items()
        ]
        opened = iter(self.open(connection, items, purpose=purpose, actor=actor))
        wanted = set(spellings(index, values))
        found = []
        for row, columns in rows:
            clear = {column: next(opened) for column in columns}
            if wanted & set(spellings(index, [clear.get(column) for column in index.columns])):
                found.append(row)
        return found

    def opened_for_index(self, connection: Connection, items: Sequence[SealedField]) -> list[str]:
        """The contents, for filling an index only: nobody is given them, so nothing is logged."""
        return self._decrypted(connection, items, _runs(items))

    def _decrypted(
        self, connection: Connection, items: Sequence[SealedField], runs: Sequence[Run]
    ) -> list[str]:
        raws = [item.sealed.ciphertext for item in items]
        headers = [field_format.header(raw) for raw in raws]
        ids: dict[KeyId, None] = {}
        left = iter(headers)
        for run in runs:
            before = None
            for said in islice(left, len(run.columns)):
                if said.key_version != before:
                    before = said.key_version
                    ids[run.subject, before] = None
        keys = self.keys.for_opening(connection, ids)
        if keys.keys() != ids.keys():
            raise CannotOpen
        recorded = recorded_versions(connection, [(run.row, run.table) for run in runs])
        values = []
        ciphertexts = zip(headers, raws, strict=True)
        for run, versions in zip(runs, recorded, strict=True):
            table, whose = run.table, field_format.whose(run.row, run.subject)
            before, key = None, None
            for column, (said, raw) in zip(run.columns, ciphertexts, strict=False):
                if said.key_version != before:
                    before = said.key_version
                    key = keys[run.subject, before]
                assert key is not None
                if versions.get(column) != said.field_version:  # an older one was put back
                    raise CannotOpen
                padded = field_format.decrypt(key, table, column, whose, raw)
                values.append(field_format.value_of(padded))
        return values

    @contextmanager
    def _refusals_logged(
        self, connection: Connection, items: Sequence[SealedField], purpose: object, actor: str
    ) -> Iterator[None]:
        try:
            yield
        except tuple(_REASONS) as error:
            if items:
                first, at = items[0], items[0].place
                stated = purpose if purpose in {each.value for each in Purpose} else None
                self._log.refused(
                    connection,
                    Refused(_REASONS[type(error)], len(items), at.table, first.subject),
                    purpose=str(stated) if stated is not None else None,
                    actor=actor,
                    now=self.clock(),
                )
            raise


@reads_tuples
def rows_of(
    connection: Connection, table: str, columns: Sequence[str], rows: Sequence[UUID]
) -> list[tuple[UUID, dict[str, Sealed]]]:
    """Sealed columns of some rows, those that are empty left out, in id order."""
    if not rows:
        return []
    query = sql.SQL("SELECT id, {} FROM {} WHERE id = ANY(%s) ORDER BY id").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(*table.split("."))
    )
    return [
        (row[0], {name: Sealed(raw) for name, raw in zip(columns, row[1:], strict=True) if raw is not None})
        for row in connection.execute(query, (list(rows),))
    ]


@reads_tuples
def recorded_versions(connection: Connection, rows: Sequence[tuple[UUID, str]]) -> list[Mapping[str, int]]:
    """What the sealed columns of rows, each with its table, stand at, in the order given; nothing for an
    unknown row."""
    if not rows:
        return []
    about = {"rows": Uuids.of(row for row, _ in rows), "tables": Texts.of(table for _, table in rows)}
    return _versions_of(fetched(connection, _VERSIONS, about)[0][0])


def _versions_of(lines: str) -> list[Mapping[str, int]]:
    return [_versions(line) for line in lines.split("\n")]


@lru_cache(maxsize=4096)
def _versions(line: str) -> Mapping[str, int]:
    """Rows mostly stand at the same versions, so few of them are read anew."""
    return MappingProxyType(json.loads(line)) if line else _NOTHING


def _runs(fields: Sequence[ClearField] | Sequence[SealedField]) -> list[Run]:
    """Fields that follow each other and are of one row and subject, taken together: in the order given."""
    runs: list[Run] = []
    table = row = subject = None
    columns: list[str] = []
    for item in fields:
        at = item.place
        # the ids of one row are mostly one object, and comparing objects costs less than comparing ids
        if (
            (at.row is not row and at.row != row)
            or at.table != table
            or (item.subject is not subject and item.subject != subject)
        ):
            table, row, subject, columns = at.table, at.row, item.subject, []
            runs.append(Run(table, row, subject, columns))
        columns.append(at.column)
    return runs


_RowId = tuple[UUID, str]
"""A row and its table."""


def _rows(runs: Sequence[Run]) -> dict[_RowId, Run]:
    """What is sealed of each row. Raises InvalidField unless that is one value a column, of one subject."""
    rows: dict[_RowId, Run] = {}
    for run in runs:
        known = rows.setdefault((run.row, run.table), run)
        if known is not run:
            if known.subject != run.subject:
                raise InvalidField(f"The fields of a row of {run.table} are about one subject.")
            rows[run.row, run.table] = known._replace(columns=known.columns + run.columns)
    for run in rows.values():
        if len(set(run.columns)) < len(run.columns):
            twice = next(column for column in run.columns if run.columns.count(column) > 1)
            raise InvalidField(f"A row's {run.table}.{twice} is named twice: it holds one value.")
    return rows


def _next_versions(connection: Connection, rows: dict[_RowId, Run]) -> dict[_RowId, Mapping[str, int]]:
    about = {
        "rows": Uuids.of(row for row, _ in rows),
        "tables": Texts.of(table for _, table in rows),
        "subjects": Uuids.of(row.subject for row in rows.values()),
        "versions": Texts.of(_first_versions(tuple(row.columns)) for row in rows.values()),
    }
    versions = _versions_of(fetched(connection, _NEXT_VERSIONS, about)[0][0])
    if _NOTHING in versions:
        raise InvalidField("A row's fields are about the subject that they were first sealed for.")
    return dict(zip(rows, versions, strict=True))


@lru_cache(maxsize=4096)
def _first_versions(columns: tuple[str, ...]) -> str:
    return json.dumps(dict.fromkeys(columns, 1))


def _demand_few(fields: Sequence[object]) -> None:
    if len(fields) > FIELDS_MAX:
        raise TooManyFields(f"{len(fields)} fields in one call; at most {FIELDS_MAX} are taken.")


def _padded(item: ClearField) -> bytes:
    encoded = _encoded(item.value)
    if encoded is None:
        raise InvalidField(
            f"The value for {item.place.table}.{item.place.column} must be text: valid Unicode without NUL "
            "characters."
        )
    if not 1 <= len(encoded) <= VALUE_BYTES_MAX:
        raise InvalidField(
            f"The value for {item.place.table}.{item.place.column} has {len(encoded)} bytes; a sealed field "
            f"takes 1 to {VALUE_BYTES_MAX}."
        )
    return field_format.padded(encoded)


def _encoded(value: str) -> bytes | None:
    """UTF-8, or nothing: the codec's own error would carry the value along."""
    try:
        return value.encode() if isinstance(value, str) and "\0" not in value else None
    except UnicodeEncodeError:
        return None
