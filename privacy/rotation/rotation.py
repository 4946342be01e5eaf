"""Rotation: keys are replaced while everybody reads and writes.

`rewrap` gives every key-encryption key a successor and wraps all keys below under it: fields stay as they
are. `reencrypt` gives every subject key a next version and seals all fields anew under it. `reindex` does
so for the keys of blind indexes, and fills indexes that are new. Each works in short transactions and can
be killed at any point: what is done is committed, and the next run goes on with what is left. At the end a
query over every key row and every sealed column proves that nothing is left under an old key.

Old keys only retire: they open what was read just before, and old backups. Who wants them gone destroys them
(`privacy.keys.control`).

What is locked: a batch of key rows in subject order, or a batch of rows in id order and then their
subjects' keys. Sealing holds its subject's key and waits for at most one such batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import MetaData
from sqlmodel import col, select

from emoney.ledger.base import turns
from emoney.ledger.base.clock import Clock
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import checked_name
from emoney.ledger.base.paging import steps
from emoney.ledger.base.postgres.binary_queries import in_binary
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.base.progress import Progress, silent
from emoney.privacy.errors import RotationUnfinished
from emoney.privacy.keys import keks
from emoney.privacy.keys.providers.protocol import KeyUse, Wrapped
from emoney.privacy.keys.subject_keys import subject_context
from emoney.privacy.keys.tables import KeyEncryptionKeyRow
from emoney.privacy.pseudonyms import domains as pseudonyms
from emoney.privacy.rotation import reindexing, resealing
from emoney.privacy.rotation.tables import RotationRow
from emoney.privacy.search.blind_index import BlindIndex, index_context
from emoney.privacy.vault.sealed_columns import SealedTable, sealed_tables
from emoney.privacy.vault.vault import Vault

_queries = queries_beside(__file__)
_REWRAP = in_binary(_queries.rewrap.sql).encode()

KEYS_PER_STEP = 1_000
ROWS_PER_STEP = 1_000


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a run did, with what it did before it was interrupted. `left`: the proof, all zero."""

    id: UUID
    kind: str
    resumed: bool
    keys: int
    fields: int
    started_at: datetime
    finished_at: datetime
    left: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Run:
    id: UUID
    started_at: datetime
    keys: int
    fields: int
    resumed: bool


class Rotation:
    """Rotates the keys of `database`; `metadata`: of all packages in use, for their sealed columns."""

    def __init__(self, database: Database, vault: Vault, metadata: MetaData) -> None:
        self._database = database
        self._vault = vault
        self._clock: Clock = vault.clock
        self._tables = sealed_tables(metadata)

    def rewrap(self, *, actor: str, progress: Progress = silent) -> Rotated:
        """Put every living subject key under a new key-encryption key.

        With another provider set up than before, this is also how keys move to it. Raises InvalidRequest,
        ProviderUnreachable, and RotationUnfinished when the proof finds something left.
        """
        run = self._begin("rewrap", actor, self._successors)
        with self._database.connection() as connection:
            total = run.keys + self._left_wrapped(connection)["privacy.subject_key"]
        done = run.keys
        while True:
            with self._database.connection() as connection:
                moved = self._rewrap_step(connection)
                self._count(connection, run, keys=moved)
            if not moved:
                break
            done += moved
            progress("subject keys", done, total)
        with self._database.connection() as connection:
            few = self._rewrap_index_keys(connection)
            few += pseudonyms.rewrap(connection, self._vault.providers, self._clock)
            self._count(connection, run, keys=few)
        return self._finish(run, "rewrap")

    def reencrypt(self, *, actor: str, progress: Progress = silent) -> Rotated:
        """Give every subject a new key and seal every field anew under it, in the current format.

        Subjects whose keys were destroyed stay as they are; a compromised key is replaced. Raises
        InvalidRequest, CannotOpen when a field does not open, RotationUnfinished when fields are stored that
        `metadata` does not map, or the proof finds something left.
        """
        with self._database.connection() as connection:
            self._demand_mapped(connection)
        run = self._begin("re-encrypt", actor, lambda _: None)
        with self._database.connection() as connection:
            [(total,)] = connection.execute(_queries.count_old_keys.sql, self._about(run)).fetchall()
        done, total = run.keys, run.keys + total
        while True:
            with self._database.connection() as connection:
                found = dict(connection.execute(_queries.old_keys.sql, self._about(run)).fetchall())
                fresh = self._vault.keys.succeed(connection, found, run.id)
                self._count(connection, run, keys=fresh)
            if not found:
                break
            done += fresh
            progress("subject keys", done, total)
        for table in self._tables:
            with self._database.connection() as connection:
                total, done = resealing.left(connection, table), 0
            for fields in steps(self._database, partial(self._reseal_step, run, table)):
                done += fields
                progress(table.name, done, total)
        return self._finish(run, "re-encrypt")

    def reindex(self, indexes: Sequence[BlindIndex], *, actor: str, progress: Progress = silent) -> Rotated:
        """Give every index a new key and fill it anew from the opened values, rows never indexed included.

        Searches go on under the old key's entries until then. Raises as `reencrypt` does, and IndexRefused.
        """
        tables = {table.name: table for table in self._tables}
        if unknown := sorted({index.table for index in indexes} - tables.keys()):
            raise RotationUnfinished(f"No mapping given to this rotation names {', '.join(unknown)}.")
        run = self._begin("re-index", actor, lambda _: None)
        for index in indexes:
            with self._database.connection() as connection:
                about = {"index": index.name} | self._about(run)
                former = connection.execute(_queries.newest_index_key.sql, about).fetchone()
                if former:
                    self._vault.indexes.succeed(connection, index, former[0], run.id)
                    self._count(connection, run, keys=1)
            done = 0
            for codes in steps(self._database, partial(self._reindex_step, run, index, tables[index.table])):
                done += codes
                progress(index.name, done, None)
            self._drop_old_entries(index)
        return self._finish(run, "re-index", indexes)

    def _reseal_step(
        self, run: _Run, table: SealedTable, connection: Connection, after: UUID
    ) -> tuple[int, UUID | None]:
        step = resealing.step(connection, self._vault.keys, table, after, ROWS_PER_STEP)
        self._count(connection, run, fields=step.fields)
        return step.fields, step.last

    def _reindex_step(
        self, run: _Run, index: BlindIndex, table: SealedTable, connection: Connection, after: UUID
    ) -> tuple[int, UUID | None]:
        step = reindexing.step(connection, self._vault, index, table, after, ROWS_PER_STEP)
        self._count(connection, run, fields=step.codes)
        return step.codes, step.last

    def _drop_old_entries(self, index: BlindIndex) -> None:
        while True:
            with self._database.connection() as connection:
                version = self._vault.indexes.sealing_key(connection, index).version
                about = {"index": index.name, "version": version, "rows": 10 * ROWS_PER_STEP}
                if not connection.execute(_queries.drop_old_entries.sql, about).rowcount:
                    return

    @reads_tuples
    def left(
        self, connection: Connection, kind: str, since: datetime, indexes: Sequence[BlindIndex] = ()
    ) -> dict[str, int]:
        """What is under an old key, by table or index: the proof of a finished rotation when all are zero."""
        if kind == "rewrap":
            return self._left_wrapped(connection)
        if kind == "re-index":
            return {
                index.name: connection.execute(_queries.left_indexed.sql, {"index": index.name}).fetchall()[
                    0
                ][0]
                for index in indexes
            }
        self._demand_mapped(connection)
        [(keys,)] = connection.execute(_queries.keys_before.sql, {"since": since}).fetchall()
        return {"privacy.subject_key": keys} | {
            table.name: resealing.left(connection, table) for table in self._tables
        }

    def _demand_mapped(self, connection: Connection) -> None:
        """That every sealed column there is a value in is one that this rotation knows."""
        mapped = {(table.name, column) for table in self._tables for column in table.columns}
        stored = {(row[0], row[1]) for row in connection.execute(_queries.stored_columns.sql)}
        if unknown := sorted(stored - mapped):
            names = ", ".join(f"{table}.{column}" for table, column in unknown)
            raise RotationUnfinished(
                f"Sealed fields are stored in {names}, which no mapping given to this rotation names: "
                "load the tables of every package (jobs.tables) first."
            )

    def _left_wrapped(self, connection: Connection) -> dict[str, int]:
        return dict(connection.execute(_queries.left_wrapped.sql).fetchall())

    def _begin(self, kind: str, actor: str, first: Callable[[Connection], None]) -> _Run:
        """The interrupted run of this kind, or a new one, begun together with `first`."""
        who = checked_name(actor)
        with self._database.connection() as connection:
            turns.take(connection, "privacy.rotation")
            unfinished = select(RotationRow).where(col(RotationRow.finished_at).is_(None))
            if found := read(connection, unfinished.where(RotationRow.kind == kind)):
                [row] = found
                return _Run(row.id, row.started_at, row.keys, row.fields, resumed=True)
            run = _Run(new_id(), self._clock(), 0, 0, resumed=False)
            begun = RotationRow(id=run.id, kind=kind, actor=who, started_at=run.started_at, keys=0, fields=0)
            add(connection, begun)
            first(connection)
        return run

    def _successors(self, connection: Connection) -> None:
        """New key-encryption keys; where none was active, as after a compromise, there is one now."""
        used = {KeyUse.SUBJECT_KEYS.value, *read(connection, select(KeyEncryptionKeyRow.use).distinct())}
        for use in (use for use in KeyUse if use.value in used):
            if not keks.succeed(connection, self._vault.providers, use, self._clock):
                keks.current(connection, self._vault.providers, use, self._clock)

    def _rewrap_index_keys(self, connection: Connection) -> int:
        """All at once: there are a few."""
        providers = self._vault.providers
        found = connection.execute(_queries.index_keys_under_old.sql).fetchall()
        for name, version, kek, provider, wrapped in found:
            context = index_context(name, version)
            key = providers.named(provider).unwrap(bytes(wrapped), kek=kek, context=context)
            target, holder = keks.current(connection, providers, KeyUse.INDEX_KEYS, self._clock)
            again = holder.wrap(key, kek=target, context=context)
            row = {"index": name, "version": version, "wrapped": again, "kek": target}
            connection.execute(_queries.rewrap_index_key.sql, row)
        return len(found)

    def _rewrap_step(self, connection: Connection) -> int:
        found = connection.execute(_queries.wrapped_under_old.sql, {"rows": KEYS_PER_STEP}).fetchall()
        if not found:
            return 0
        providers = self._vault.providers
        fresh: dict[tuple[UUID, int], bytes] = {}
        for kek, provider in {(row[2], row[3]) for row in found}:
            some = [row for row in found if row[2] == kek]
            wrapped = [Wrapped(bytes(row[4]), subject_context(row[0], row[1])) for row in some]
            keys = providers.named(provider).unwrap_many(wrapped, kek=kek)
            for month in {row[5] for row in some}:
                target, holder = keks.current(connection, providers, KeyUse.SUBJECT_KEYS, self._clock, month)
                mine = [(row, key) for row, key in zip(some, keys, strict=True) if row[5] == month]
                again = holder.wrap_many(
                    [Wrapped(key, subject_context(row[0], row[1])) for row, key in mine], kek=target
                )
                fresh |= {(row[0], row[1]): new for (row, _), new in zip(mine, again, strict=True)}
                connection.execute(
                    _REWRAP,
                    {
                        "subjects": [row[0] for row, _ in mine],
                        "versions": [row[1] for row, _ in mine],
                        "wrapped": again,
                        "kek": target,
                    },
                )
        return len(fresh)

    def _about(self, run: _Run) -> dict[str, object]:
        return {"run": run.id, "since": run.started_at, "rows": KEYS_PER_STEP}

    def _count(self, connection: Connection, run: _Run, *, keys: int = 0, fields: int = 0) -> None:
        if keys or fields:
            connection.execute(_queries.count_work.sql, {"id": run.id, "keys": keys, "fields": fields})

    def _finish(self, run: _Run, kind: str, indexes: Sequence[BlindIndex] = ()) -> Rotated:
        with self._database.connection() as connection:
            left = self.left(connection, kind, run.started_at, indexes)
            if any(left.values()):
                places = ", ".join(f"{count} in {name}" for name, count in left.items() if count)
                raise RotationUnfinished(f"Still under old keys: {places}. Run the rotation again.")
            now = max(self._clock(), run.started_at)
            [(keys, fields)] = connection.execute(_queries.finish.sql, {"id": run.id, "now": now}).fetchall()
        return Rotated(run.id, kind, run.resumed, keys, fields, run.started_at, now, left)
