"""Sealing fields anew under their subject's current key, row by row, while everybody reads and writes.

What is left to do is read from the ciphertexts' headers, so that a run that was killed needs no memory of
where it was: the next one finds what is left. The version of a field stays: who read the old ciphertext
just before still opens it, since the old key opens until it is destroyed.
"""

from dataclasses import dataclass
from uuid import UUID

from psycopg import sql

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.errors import CannotOpen, KeyDestroyed
from emoney.privacy.keys.subject_keys import DataKey, KeyId, SubjectKeys
from emoney.privacy.keys.unwrapping import Act
from emoney.privacy.vault import field_format
from emoney.privacy.vault.field_format import Header
from emoney.privacy.vault.sealed_columns import SealedTable
from emoney.privacy.vault.vault import recorded_versions

# what a field under its subject's active key begins with
_OLD = sql.SQL("substr(t.{column}, 1, 6) <> k.head")
_FROM = sql.SQL(
    " FROM {table} AS t JOIN ("
    "SELECT subject, version, {head}::bytea || int4send(version) AS head"
    " FROM privacy.subject_key WHERE state = 'active') AS k ON k.subject = t.{subject}"
)


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction did. `last`: the row it ended with, none when nothing was left."""

    fields: int
    last: UUID | None


@dataclass(slots=True)
class _Row:
    """A row with fields to seal anew. `raws`: all its sealed columns; `old`: those to do, by their place."""

    id: UUID
    subject: UUID
    raws: list[bytes | None]
    key: DataKey
    old: list[tuple[int, Header]]


@reads_tuples
def left(connection: Connection, table: SealedTable) -> int:
    """How many fields of a table are not under their subject's active key."""
    counts = sql.SQL(" + ").join(
        sql.SQL("count(*) FILTER (WHERE {})").format(_old(column)) for column in table.columns
    )
    row = connection.execute(sql.SQL("SELECT {}").format(counts) + _from(table)).fetchone()
    assert row is not None
    return int(row[0])


@reads_tuples
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


@all_or_nothing
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
    old = [_row(row[0], row[1], list(row[2:]), keyed[row[1]]) for row in found]
    _demand_newest(connection, table, old)
    _seal_anew(connection, keys, table, old)
    _store(connection, table, old)
    return Step(sum(len(row.old) for row in old), found[-1][0])


def _row(row: UUID, subject: UUID, raws: list[bytes | None], key: DataKey) -> _Row:
    headers = [(place, field_format.header(raw)) for place, raw in enumerate(raws) if raw is not None]
    old = [it for it in headers if it[1].key_version != key.version]
    return _Row(row, subject, raws, key, old)


def _seal_anew(connection: Connection, keys: SubjectKeys, table: SealedTable, rows: list[_Row]) -> None:
    ids: set[KeyId] = {(row.subject, said.key_version) for row in rows for _, said in row.old}
    try:
        opening = keys.for_opening(connection, ids, Act.ROTATE)
    except KeyDestroyed:
        raise CannotOpen from None
    if opening.keys() != ids:
        raise CannotOpen
    name, columns = table.name, table.columns
    for row in rows:
        whose = field_format.whose(row.id, row.subject)
        by_version = {said.key_version: opening[row.subject, said.key_version] for _, said in row.old}
        for place, said in row.old:
            at, raw = (name, columns[place], whose), row.raws[place]
            assert raw is not None
            value = field_format.decrypt(by_version[said.key_version], *at, raw)
            row.raws[place] = field_format.encrypt(row.key, *at, said.field_version, value)


def _demand_newest(connection: Connection, table: SealedTable, rows: list[_Row]) -> None:
    """Raises CannotOpen where a field to seal anew is not of its newest version."""
    recorded = recorded_versions(connection, [(row.id, table.name) for row in rows])
    for row, stands in zip(rows, recorded, strict=True):
        if any(stands.get(table.columns[place]) != said.field_version for place, said in row.old):
            raise CannotOpen


def _store(connection: Connection, table: SealedTable, rows: list[_Row]) -> None:
    """One UPDATE for all rows; columns that stay are written as they are."""
    names = [sql.Identifier(column) for column in table.columns]
    query = sql.SQL(
        "UPDATE {table} AS t SET {sets} FROM unnest(%b::uuid[], {arrays}) AS fresh (row_id, {names})"
        " WHERE t.{id} = fresh.row_id"
    ).format(
        table=sql.Identifier(table.schema, table.table),
        sets=sql.SQL(", ").join(sql.SQL("{0} = fresh.{0}").format(name) for name in names),
        arrays=sql.SQL(", ").join(sql.SQL("%b::bytea[]") for _ in names),
        names=sql.SQL(", ").join(names),
        id=sql.Identifier(table.id),
    )
    arrays = [list(column) for column in zip(*(row.raws for row in rows), strict=True)]
    connection.execute(query, [[row.id for row in rows], *arrays])


def _old(column: str) -> sql.Composed:
    return _OLD.format(column=sql.Identifier(column))


def _from(table: SealedTable) -> sql.Composed:
    return _FROM.format(
        table=sql.Identifier(table.schema, table.table),
        subject=sql.Identifier(table.subject),
        head=sql.Literal(field_format.HEAD),
    )
