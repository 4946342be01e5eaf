"""Filling a blind index from what is stored: for rows that have no entry under the index's active key."""

from dataclasses import dataclass
from uuid import UUID

from psycopg import sql

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.privacy.search.blind_index import BlindIndex, Entry
from emoney.privacy.vault.sealed import Sealed
from emoney.privacy.vault.sealed_columns import SealedTable
from emoney.privacy.vault.vault import Place, SealedField, Vault


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction did. `last`: the row it ended with, none when there was none left."""

    codes: int
    last: UUID | None


@all_or_nothing
def step(
    connection: Connection, vault: Vault, index: BlindIndex, table: SealedTable, after: UUID, rows: int
) -> Step:
    """Index the next `rows` rows after `after` that have no entry, in the caller's transaction.

    Rows of subjects without a living key are passed over. The values are opened for this alone and given to
    nobody, so the log of openings has nothing of it.
    """
    version = vault.indexes.sealing_key(connection, index).version
    columns = [sql.Identifier(column) for column in index.columns]
    query = sql.SQL(
        "SELECT t.{id}, t.{subject}, {columns} FROM {table} AS t"
        " WHERE t.{id} > {after} AND ({filled})"
        " AND EXISTS (SELECT FROM privacy.subject_key AS k"
        " WHERE k.subject = t.{subject} AND k.state = 'active')"
        " AND NOT EXISTS (SELECT FROM privacy.index_entry AS e WHERE e.row_id = t.{id}"
        " AND e.index_name = {name} AND e.key_version = {version})"
        " ORDER BY t.{id} LIMIT {rows} FOR NO KEY UPDATE OF t"
    ).format(
        id=sql.Identifier(table.id),
        subject=sql.Identifier(table.subject),
        columns=sql.SQL(", ").join(sql.SQL("t.{}").format(column) for column in columns),
        table=sql.Identifier(table.schema, table.table),
        after=after,
        filled=sql.SQL(" OR ").join(sql.SQL("t.{} IS NOT NULL").format(column) for column in columns),
        name=index.name,
        version=version,
        rows=rows,
    )
    found = connection.cursor(binary=True).execute(query).fetchall()
    if not found:
        return Step(0, None)
    items = [
        SealedField(row[1], Place(table.name, column, row[0]), Sealed(raw))
        for row in found
        for column, raw in zip(index.columns, row[2:], strict=True)
        if raw is not None
    ]
    opened = iter(vault.opened_for_index(connection, items))
    entries = [
        Entry(row[0], row[1], tuple(None if raw is None else next(opened) for raw in row[2:]))
        for row in found
    ]
    return Step(vault.indexes.fill(connection, {index: entries}), found[-1][0])
