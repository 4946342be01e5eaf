"""Sealing fields anew under their subject's current key, row by row, while everybody reads and writes.

What is left to do is read from the ciphertexts' headers, so that a run that was killed needs no memory of
where it was: the next one finds what is left. The version of a field stays: who read the old ciphertext
just before still opens it, since the old key opens until it is destroyed. A field of format 1 gets version
1 here.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import sql

from ledger.database import Connection
from ledger.queries import queries_beside
from privacy import field_format
from privacy.errors import CannotOpen, KeyDestroyed
from privacy.field_format import FORMAT, OLD_FORMAT
from privacy.keys import DataKey, KeyId, SubjectKeys
from privacy.sealed import Sealed
from privacy.sealed_columns import SealedTable
from privacy.sealing import Place, SealedField, demand_newest
from privacy.unwrapping import Act

_queries = queries_beside(__file__)

_OLD = sql.SQL(
    "(t.{column} IS NOT NULL AND (privacy.sealed_key_version(t.{column}) <> k.version"
    " OR privacy.sealed_format(t.{column}) < {format}))"
)
_FROM = sql.SQL(
    " FROM {table} AS t JOIN privacy.subject_key AS k ON k.subject = t.{subject} AND k.state = 'active'"
)


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction did. `last`: the row it ended with, none when nothing was left."""

    fields: int
    last: UUID | None


@dataclass(slots=True)
class _Field:
    """A field to seal anew."""

    row: UUID
    subject: UUID
    column: str
    raw: bytes
    header: field_format.Header


def left(connection: Connection, table: SealedTable) -> int:
    """How many fields of a table are not under their subject's active key in the current format."""
    counts = sql.SQL(" + ").join(
        sql.SQL("count(*) FILTER (WHERE {})").format(_old(column)) for column in table.columns
    )
    row = connection.execute(sql.SQL("SELECT {}").format(counts) + _from(table)).fetchone()
    assert row is not None
    return int(row[0])


def without_key(connection: Connection, table: SealedTable) -> int:
    """How many fields no active key belongs to: of subjects whose keys were destroyed or compromised."""
    counts = sql.SQL(" + ").join(
        sql.SQL("count(t.{})").format(sql.Identifier(column)) for column in table.columns
    )
    query = sql.SQL(
        "SELECT {counts} FROM {table} AS t WHERE NOT EXISTS "
        "(SELECT FROM privacy.subject_key AS k WHERE k.subject = t.{subject} AND k.state = 'active')"
    ).format(
        counts=counts,
        table=sql.Identifier(table.schema, table.table),
        subject=sql.Identifier(table.subject),
    )
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def step(connection: Connection, keys: SubjectKeys, table: SealedTable, after: UUID, rows: int) -> Step:
    """Seal anew what is old in the next `rows` rows after `after` that have any, in the caller's transaction.

    The rows are locked first and then read. Raises CannotOpen for a field that is damaged or an older one put
    back, naming neither content nor reason: rotation stops there, since nothing may be left behind unseen.
    """
    columns = sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(it)) for it in table.columns)
    query = (
        sql.SQL("SELECT t.{id}, t.{subject}, ").format(
            id=sql.Identifier(table.id), subject=sql.Identifier(table.subject)
        )
        + columns
        + _from(table)
        + sql.SQL(
            " WHERE t.{id} > {after} AND ({old}) ORDER BY t.{id} LIMIT {rows} FOR NO KEY UPDATE OF t"
        ).format(
            id=sql.Identifier(table.id),
            after=after,
            old=sql.SQL(" OR ").join(_old(column) for column in table.columns),
            rows=rows,
        )
    )
    found = connection.cursor(binary=True).execute(query).fetchall()
    if not found:
        return Step(0, None)
    keyed = keys.for_sealing(connection, {row[1] for row in found})
    fields = []
    for row in found:
        for column, raw in zip(table.columns, row[2:], strict=True):
            if raw is None:
                continue
            header = field_format.header(raw)
            if header.format == OLD_FORMAT or header.key_version != keyed[row[1]].version:
                fields.append(_Field(row[0], row[1], column, raw, header))
    versions = _field_versions(connection, table, fields)
    sealed = _sealed_anew(connection, keys, keyed, table, fields, versions)
    _store(connection, table, found, sealed)
    return Step(len(fields), found[-1][0])


def _sealed_anew(
    connection: Connection,
    keys: SubjectKeys,
    keyed: dict[UUID, DataKey],
    table: SealedTable,
    fields: list[_Field],
    versions: list[int],
) -> dict[tuple[UUID, str], bytes]:
    ids: list[KeyId] = [(field.subject, field.header.key_version) for field in fields]
    try:
        opening = keys.for_opening(connection, ids, Act.ROTATE)
    except KeyDestroyed:
        raise CannotOpen from None
    sealed = {}
    for field, key_id, version in zip(fields, ids, versions, strict=True):
        if key_id not in opening:
            raise CannotOpen
        at = (table.name, field.column, field.row, field.subject)
        value = field_format.decrypt(opening[key_id], *at, field.raw)
        sealed[field.row, field.column] = field_format.encrypt(keyed[field.subject], *at, version, value)
    return sealed


def _field_versions(connection: Connection, table: SealedTable, fields: list[_Field]) -> list[int]:
    """The version of each field, which must be the newest; those of format 1 are given their first."""
    items = [
        SealedField(field.subject, Place(table.name, field.column, field.row), Sealed(field.raw))
        for field in fields
    ]
    demand_newest(connection, items, [field.header for field in fields])
    first: dict[UUID, list[str]] = {}
    subjects = {}
    for field in fields:
        if field.header.format != FORMAT:
            first.setdefault(field.row, []).append(field.column)
            subjects[field.row] = field.subject
    if first:
        rows = sorted(first)
        connection.execute(
            _queries.record_first_versions.sql,
            {
                "table": table.name,
                "rows": rows,
                "subjects": [subjects[row] for row in rows],
                "columns": ["\n".join(first[row]) for row in rows],
            },
        )
    return [field.header.field_version or 1 for field in fields]


def _store(
    connection: Connection,
    table: SealedTable,
    found: list[tuple[Any, ...]],
    sealed: dict[tuple[UUID, str], bytes],
) -> None:
    """One UPDATE for all rows; columns that stay are written as they are."""
    names = [sql.Identifier(column) for column in table.columns]
    query = sql.SQL(
        "UPDATE {table} AS t SET {sets} FROM unnest(%s::uuid[], {arrays}) AS fresh (row_id, {names})"
        " WHERE t.{id} = fresh.row_id"
    ).format(
        table=sql.Identifier(table.schema, table.table),
        sets=sql.SQL(", ").join(sql.SQL("{0} = fresh.{0}").format(name) for name in names),
        arrays=sql.SQL(", ").join(sql.SQL("%s::bytea[]") for _ in names),
        names=sql.SQL(", ").join(names),
        id=sql.Identifier(table.id),
    )
    arrays = [
        [sealed.get((row[0], column), row[2 + number]) for row in found]
        for number, column in enumerate(table.columns)
    ]
    connection.cursor(binary=True).execute(query, [[row[0] for row in found], *arrays])


def _old(column: str) -> sql.Composed:
    return _OLD.format(column=sql.Identifier(column), format=sql.Literal(FORMAT))


def _from(table: SealedTable) -> sql.Composed:
    return _FROM.format(
        table=sql.Identifier(table.schema, table.table), subject=sql.Identifier(table.subject)
    )
