"""Access (GDPR art. 15): everything that is held on a person, for the person and for a machine.

The fields in clear, opened for that purpose and logged; each row about the person or the person's accounts;
the entries of the accounts; why each kind of data is held, on which ground and for how long; who opened what.
Left out, and said so: keys, and whatever the law keeps from the person (suspicion, holds): the answer is the
same whether or not there is any.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import jinja2
from psycopg import sql
from sqlalchemy import MetaData
from sqlalchemy import Uuid as UuidType

from emoney.ledger.base.declarations import Category
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.assessment import inventory
from emoney.privacy.errors import InvalidDataRequest
from emoney.privacy.rights.requests import demand_open_for
from emoney.privacy.vault.purposes import Purpose
from emoney.privacy.vault.vault import Place, SealedField, Vault, rows_of

ROWS_MAX = 100_000
"""Rows of one table in an answer; what has more is given in parts, as statements."""

_LEFT_OUT = frozenset(
    {
        "privacy.former_wrapping",
        "privacy.legal_hold",
        "privacy.index_entry",
        "privacy.pseudonym_token",  # whom one stands for is disclosed by two only
        "privacy.sealed_row",
        "privacy.subject_key",
    }
)
_LEADS = frozenset(
    {
        "person_id",
        "account_id",
        "subject",
        "holder",
        "entity_id",
        "minor_id",
        "evidence_id",
        "owner_id",
        "guardian_id",
    }
)
"""The columns by which a row is about someone."""

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Held:
    """Everything that is held on a person.

    `fields`: column and content. `records`: rows by table. `entries`: of the accounts. `why`: one row for
    each category, purpose, basis and retention. `opened`: purpose, actor, how often, first and last.
    """

    made_at: datetime
    subjects: tuple[UUID, ...]
    accounts: tuple[UUID, ...]
    fields: tuple[dict[str, str], ...]
    records: dict[str, list[dict[str, Any]]]
    entries: tuple[dict[str, Any], ...]
    why: tuple[dict[str, str], ...]
    opened: tuple[dict[str, Any], ...]

    def __repr__(self) -> str:
        return f"<held on {len(self.subjects)} records>"


@reads_tuples
def collect(
    connection: Connection,
    vault: Vault,
    metadata: MetaData,
    subjects: Sequence[UUID],
    accounts: Sequence[UUID],
    *,
    actor: str,
    related: Sequence[UUID] = (),
) -> Held:
    """Everything held on these records and their accounts, in the caller's transaction.

    `related`: ids of rows about the person that other rows are about, such as pieces of evidence.

    Raises InvalidDataRequest above ROWS_MAX rows of a table, ProcessingRestricted, and as `Vault.open`.
    """
    demand_open_for(connection, subjects, Purpose.DATA_SUBJECT_REQUEST)
    about = {"subjects": list(subjects), "accounts": list(accounts), "most": ROWS_MAX + 1}
    records = {}
    for table, query in _row_queries(metadata):
        found = _dicts(connection, table, query, [*subjects, *accounts, *related])
        if found:
            records[table] = found
    opened = connection.execute(_queries.openings.sql, about).fetchall()
    names = (
        "account",
        "version",
        "posted_at",
        "direction",
        "amount_minor",
        "currency",
        "balance_minor",
        "transfer",
    )
    entries = [dict(zip(names, row, strict=True)) for row in connection.execute(_queries.entries.sql, about)]
    _demand_few("ledger.entry", entries)
    fields = _fields(connection, vault, subjects, actor)
    tables = {each["column"].rpartition(".")[0] for each in fields} | set(records)
    tables |= ({"ledger.entry", "ledger.transfer"} if entries else set()) | {"privacy.opening"}
    return Held(
        made_at=vault.clock(),
        subjects=tuple(subjects),
        accounts=tuple(accounts),
        fields=tuple(fields),
        records=records,
        entries=tuple(entries),
        why=tuple(_why(metadata, tables)),
        opened=tuple(
            dict(zip(("purpose", "actor", "times", "first_at", "last_at"), row, strict=True))
            for row in opened
        ),
    )


def as_page(held: Held) -> str:
    """The answer as one HTML page, to be read by the person."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("emoney.privacy", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("access.html").render(held=held)


def _fields(
    connection: Connection, vault: Vault, subjects: Sequence[UUID], actor: str
) -> list[dict[str, str]]:
    """Each sealed field in clear, with its column."""
    rows = connection.execute(_queries.sealed_places.sql, {"subjects": list(subjects)}).fetchall()
    items = [
        SealedField(subject, Place(table, column, row), sealed)
        for table, row, subject, columns in rows
        for _, found in rows_of(connection, table, columns, [row])
        for column, sealed in found.items()
    ]
    contents = vault.open(connection, items, purpose=Purpose.DATA_SUBJECT_REQUEST, actor=actor)
    return [
        {"column": f"{item.place.table}.{item.place.column}", "record": str(item.place.row), "value": value}
        for item, value in zip(items, contents, strict=True)
    ]


def _row_queries(metadata: MetaData) -> list[tuple[str, sql.Composed]]:
    """For each table with rows about persons: a query for the columns that a person is told."""
    told = [
        row
        for row in inventory.read(metadata).rows
        if not row.sealed and row.category not in (Category.SUSPICION, Category.KEY_MATERIAL)
    ]
    found = []
    for table in sorted(metadata.tables.values(), key=lambda each: f"{each.schema}.{each.name}"):
        name = f"{table.schema}.{table.name}"
        columns = [
            row.column for row in told if row.table_name == name and row.column not in ("xact", "salt")
        ]
        leads = [
            each.name for each in table.columns if each.name in _LEADS and isinstance(each.type, UuidType)
        ]
        if name in ("kyc.person", "ledger.account"):
            leads = ["id"]
        if not columns or not leads or name in _LEFT_OUT or name in ("ledger.entry", "privacy.opening"):
            continue
        where = sql.SQL(" OR ").join(
            sql.SQL("{} = ANY (%(ids)s)").format(sql.Identifier(each)) for each in leads
        )
        found.append(
            (
                name,
                sql.SQL("SELECT {} FROM {} WHERE {} LIMIT {}").format(
                    sql.SQL(", ").join(map(sql.Identifier, columns)),
                    sql.Identifier(table.schema or "public", table.name),
                    where,
                    sql.Literal(ROWS_MAX + 1),
                ),
            )
        )
    return found


def _dicts(connection: Connection, table: str, query: sql.Composed, ids: list[UUID]) -> list[dict[str, Any]]:
    cursor = connection.execute(query, {"ids": ids})
    names = [each.name for each in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    _demand_few(table, rows)
    return rows


def _demand_few(name: str, rows: Sequence[object]) -> None:
    if len(rows) > ROWS_MAX:
        raise InvalidDataRequest(
            f"More than {ROWS_MAX} rows of {name}: give the person statements by period."
        )


def _why(metadata: MetaData, tables: Collection[str]) -> list[dict[str, str]]:
    """Why what these tables hold is held; one row for each reason."""
    reasons = {
        (row.category.value, row.purpose, row.basis.value, row.retention)
        for row in inventory.read(metadata).rows
        if row.table_name in tables
        and row.category not in (Category.NONE, Category.SUSPICION, Category.KEY_MATERIAL)
    }
    names = ("category", "purpose", "basis", "retention")
    return [dict(zip(names, each, strict=True)) for each in sorted(reasons)]
