"""Which names in metadata can be asked for: declared once each, by who owns the schema, as an index.

    with psycopg.connect(owner_url) as connection:
        metadata_index.declare(connection, "transfer", "order_number")
    em.ledger.reading.transfers(metadata={"order_number": "4711"})

Each index holds the transfers, or accounts, that have the name; whoever writes one of these pays for one more
entry, others nothing.
"""

from collections.abc import Mapping
from typing import Any, Literal

from psycopg import sql
from psycopg.types.json import Jsonb

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.transfers.metadata import checked_name

Of = Literal["transfer", "account"]

_TABLES = {"transfer": ("transfer_note", "id"), "account": ("account_metadata", "account_id")}
_TRANSFERS = sql.SQL(
    "SELECT t.id, t.id, t.debit_account, t.credit_account, t.amount, t.currency, t.operation, t.reference,"
    " t.group_id, t.effective_at, t.posted_at, n.key, n.metadata"
    " FROM ledger.transfer_note AS n JOIN ledger.transfer AS t ON t.id = n.id"
    " WHERE n.metadata ? {name} AND n.metadata -> {name} = %(value)s AND n.id > %(id)s"
    " ORDER BY n.id LIMIT %(limit)s"
)
_ACCOUNTS = sql.SQL(
    "SELECT n.account_id FROM ledger.account_metadata AS n JOIN ledger.account AS a ON a.id = n.account_id"
    " WHERE n.metadata ? {name} AND n.metadata -> {name} = %(value)s AND n.account_id > %(id)s"
    " AND (%(holder)s::uuid IS NULL OR a.holder = %(holder)s)"
    " AND (%(kind)s::text IS NULL OR a.kind = %(kind)s)"
    " AND (%(currency)s::text IS NULL OR a.currency = %(currency)s)"
    " AND a.opened_at >= %(since)s AND a.opened_at < %(until)s"
    " ORDER BY n.account_id LIMIT %(limit)s"
)


@reads_tuples
def declare(connection: Connection, of: Of, name: str) -> None:
    """Make a name in the metadata of transfers or accounts one that can be asked for; again, nothing happens.

    `connection`: of the schema's owner. Rows are not written while the index is built. Raises InvalidInput.
    """
    table, id_ = _table(of)
    connection.execute(
        sql.SQL(
            "CREATE INDEX IF NOT EXISTS {index} ON ledger.{table} ((metadata -> {name}), {id})"
            " WHERE metadata ? {name}"
        ).format(
            index=sql.Identifier(_index(of, name)),
            table=sql.Identifier(table),
            name=sql.Literal(checked_name(name)),
            id=sql.Identifier(id_),
        )
    )


@reads_tuples
def declared(connection: Connection, of: Of) -> list[str]:
    """The names that can be asked for, in order."""
    rows = connection.execute(
        "SELECT indexname FROM pg_indexes WHERE schemaname = 'ledger' AND tablename = %s", (_table(of)[0],)
    )
    start = _index(of, "")
    return sorted(name.removeprefix(start) for (name,) in rows if name.startswith(start))


def picked(asked: object) -> tuple[str, Any]:
    """The one name and value that are asked for. Raises InvalidInput."""
    if not isinstance(asked, Mapping) or len(asked) != 1:
        raise InvalidInput("metadata is asked for by one name and its value")
    ((name, value),) = asked.items()
    return checked_name(name), value


def query(connection: Connection, of: Of, asked: Mapping[str, Any]) -> tuple[sql.Composed, Jsonb]:
    """The query for the rows with one name of this value, and the value. Raises InvalidInput."""
    name, value = picked(asked)
    if name not in (names := declared(connection, of)):
        raise InvalidInput(f"metadata of a {of} can be asked for by {names}; `declare` adds a name")
    text = _TRANSFERS if of == "transfer" else _ACCOUNTS
    return text.format(name=sql.Literal(name)), Jsonb(value)


def _table(of: Of) -> tuple[str, str]:
    if of not in _TABLES:
        raise InvalidInput("metadata is that of a transfer or of an account")
    return _TABLES[of]


def _index(of: Of, name: str) -> str:
    return f"metadata_of_{of}_{name}"
