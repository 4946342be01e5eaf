"""What was opened, and what a loss would expose: the figures that an assessment of a breach begins with.

Counts, categories, opaque ids and the names of columns only; no content is opened for any of it. What is held
outside the database, such as the AML history, is not counted here.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import sql
from sqlalchemy import MetaData, distinct, func
from sqlmodel import col, select

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.declarations import Category
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.sessions import read
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.assessment import facts, inventory
from emoney.privacy.assessment.inventory import InventoryRow
from emoney.privacy.errors import InvalidPeriod, UnknownKey
from emoney.privacy.keys.tables import KeyEncryptionKeyRow, SubjectKeyRow
from emoney.privacy.search.tables import IndexKeyRow

LISTED_MAX = 100_000

_queries = queries_beside(__file__)
_SUBJECTS = {"ledger": "holder", "privacy": "subject", "kyc": "person_id", "aml": "subject"}
"""The column that names the subject of a row, in the tables of each package that have one."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A field of a subject, and how often one actor opened it for one purpose."""

    actor: str
    purpose: str
    subject: UUID
    field: str
    times: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of one category. `fields` is the server's estimate where `exact` is false."""

    category: Category
    columns: int
    fields: int
    subjects: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a loss would expose, and what stays closed; categories with nothing in them are left out."""

    exposed: tuple[Held, ...]
    stays_sealed: tuple[Held, ...]
    wrapped_keys: int
    """Keys of subjects that would be exposed with it."""
    subjects_of_keys: int
    indexes: tuple[str, ...] = ()
    """Search indexes whose keys would be exposed: their values could then be guessed and confirmed."""


@reads_tuples
def opened(
    connection: Connection, start: datetime, until: datetime, *, actor: str | None = None
) -> list[Opened]:
    """Which fields of which subjects were opened from `start` to before `until`, by whom and for what.

    Raises InvalidPeriod for an empty period, and when more than 100,000 rows would be listed.
    """
    if start.tzinfo is None or until.tzinfo is None or start >= until:
        raise InvalidPeriod("A period is from a time to a later one, both with their zone.")
    given = {"start": start, "until": until, "actor": actor, "most": LISTED_MAX + 1}
    rows = connection.execute(_queries.opened.sql, given).fetchall()
    if len(rows) > LISTED_MAX:
        raise InvalidPeriod(
            f"More than {LISTED_MAX} fields were opened: ask for a shorter period or an actor."
        )
    return [Opened(*row) for row in rows]


@reads_tuples
def of_lost_key(connection: Connection, metadata: MetaData, kek: str) -> Exposure:
    """What whoever has the key-encryption key `kek` and this database could open. Raises UnknownKey.

    If the key is lost to everyone, it is what can never be opened again.
    """
    known = read(connection, select(KeyEncryptionKeyRow.id).order_by(col(KeyEncryptionKeyRow.id)))
    if kek not in known:
        shown = ", ".join(known[:20]) or "none yet"
        raise UnknownKey(f"No key of this database was ever wrapped under that key. Those in use: {shown}.")
    exposed, closed = _sealed(connection, metadata, kek)
    keys = select(func.count(), func.count(distinct(col(SubjectKeyRow.subject))))
    keys = keys.where(SubjectKeyRow.kek == kek, col(SubjectKeyRow.state) != "destroyed")
    [(wrapped, subjects)] = read(connection, keys)
    name = col(IndexKeyRow.index_name)
    indexes = select(name).distinct().where(IndexKeyRow.kek == kek, col(IndexKeyRow.state) != "destroyed")
    named = tuple(read(connection, indexes.order_by(name)))
    return Exposure(tuple(exposed), tuple(closed), wrapped, subjects, named)


@reads_tuples
def of_stolen_dump(connection: Connection, metadata: MetaData, clock: Clock = system_clock) -> Exposure:
    """What whoever has a copy of this database, and no key-encryption key, could read.

    Wrapped keys count among what stays sealed. Tables above 200,000 rows are not counted field by field.
    """
    found = {table.name: table for table in facts.collect(connection, metadata, clock).tables}
    held = inventory.read(metadata)
    closed = _sealed(connection, metadata, None)[1]
    readable: list[Held] = []
    for category in Category:
        rows = [row for row in held.of(category) if not row.sealed and row.table_name in found]
        if not rows or category is Category.NONE:
            continue
        each = _readable(connection, category, rows, held.rows, found)
        if each.fields:
            (closed if category is Category.KEY_MATERIAL else readable).append(each)
    return Exposure(tuple(readable), tuple(_merged(closed)), 0, 0)


def _sealed(connection: Connection, metadata: MetaData, kek: str | None) -> tuple[list[Held], list[Held]]:
    held = inventory.read(metadata)
    exposed, closed = [], []
    for category in Category:
        rows = [row for row in held.of(category) if row.sealed]
        if not rows:
            continue
        fields = sql.SQL(" UNION ALL ").join(
            sql.SQL(_queries.sealed_fields.sql).format(
                subject=sql.Identifier(_subject(held.rows, row.table_name) or "id"),
                column=sql.Identifier(row.column),
                table=sql.Identifier(row.schema, row.table),
            )
            for row in rows
        )
        query = sql.SQL(_queries.sum_sealed_fields.sql).format(fields=fields)
        found = connection.execute(query, {"kek": kek}).fetchone()
        assert found is not None
        opens, of_opens, stays, of_stays = found
        if opens:
            exposed.append(Held(category, len(rows), opens, of_opens, exact=True))
        if stays:
            closed.append(Held(category, len(rows), stays, of_stays, exact=True))
    return exposed, closed


def _readable(
    connection: Connection,
    category: Category,
    rows: Sequence[InventoryRow],
    every: Sequence[InventoryRow],
    found: dict[str, facts.TableFacts],
) -> Held:
    by_table: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_table[row.table_name].append(row.column)
    fields, exact, ids = 0, True, []
    for name, columns in by_table.items():
        table = sql.Identifier(*name.split("."))
        if found[name].exact:
            counts = sql.SQL(" + ").join(
                sql.SQL("count({})").format(sql.Identifier(each)) for each in columns
            )
            counted = connection.execute(sql.SQL("SELECT {} FROM {}").format(counts, table)).fetchone()
            assert counted is not None
            fields += counted[0]
        else:
            fields += (found[name].rows or 0) * len(columns)
            exact = False
        if found[name].rows is not None and (subject := _subject(every, name)):
            ids.append(sql.SQL("SELECT {} AS id FROM {}").format(sql.Identifier(subject), table))
    subjects = 0
    if ids:
        all_ids = sql.SQL(" UNION ALL ").join(ids)
        query = sql.SQL("SELECT count(DISTINCT id) FROM ({}) AS subject").format(all_ids)
        counted = connection.execute(query).fetchone()
        assert counted is not None
        subjects = counted[0]
    return Held(category, len(rows), fields, subjects, exact)


def _subject(rows: Sequence[InventoryRow], table: str) -> str | None:
    """The column that names whom a table's rows are about; None where it has no such column."""
    if table == "kyc.person":
        return "id"
    usual = _SUBJECTS.get(table.split(".")[0])
    return usual if any(row.table_name == table and row.column == usual for row in rows) else None


def _merged(held: Sequence[Held]) -> list[Held]:
    """One line for each category: of key material, some is sealed and some is wrapped."""
    merged: dict[Category, Held] = {}
    for each in held:
        was = merged.get(each.category)
        merged[each.category] = (
            each
            if was is None
            else Held(
                each.category,
                was.columns + each.columns,
                was.fields + each.fields,
                max(was.subjects, each.subjects),
                was.exact and each.exact,
            )
        )
    return list(merged.values())
