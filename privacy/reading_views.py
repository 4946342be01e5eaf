"""The views through which KYC readers see tables: rows of persons with a wallet under a pack they were given.

Policies on the tables would hold rows back too, but PostgreSQL refuses COPY FROM to every role under
policies, and enrolment writes by COPY; views cost the application nothing. They are security barriers: no
condition of the reader's own is tried on a row before it is known to be theirs.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from ledger.database import Connection
from ledger.queries import queries_beside

SCHEMA = "kyc_reading"
Lead = Literal["person", "account", "evidence", "subject"]
"""What a column's ids are of; `subject`: of persons or of accounts."""

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class View:
    """A view of `table` ("kyc.person"): its columns, and how each row leads to a wallet (empty: all rows)."""

    table: str
    columns: Sequence[str]
    leads: Sequence[tuple[Lead, str]]


def make_views(connection: Connection, views: Sequence[View]) -> int:
    """Make all views anew if any would differ from what is there; returns how many were made."""
    statements = [_statement(view) for view in views]
    text = "\n".join(statement.as_string(connection) for statement in statements)
    made_of = hashlib.sha256(text.encode()).hexdigest()
    there = connection.execute(_queries.made_of.sql, {"schema": SCHEMA}).fetchone()
    if there is not None and there[0] == made_of:
        return 0
    withdraw(connection)
    schema = sql.Identifier(SCHEMA)
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
    for statement in statements:
        connection.execute(statement)
    connection.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(schema, sql.Literal(made_of)))
    return len(statements)


def withdraw(connection: Connection) -> None:
    """Take the views away, so that migrations can change the tables below them."""
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(SCHEMA)))


def _statement(view: View) -> sql.Composed:
    where: sql.Composable = sql.SQL("true")
    if view.leads:
        mine = sql.SQL(" AND ").join(_mine(lead, column) for lead, column in view.leads)
        where = sql.SQL("EXISTS ({}) OR ({})").format(sql.SQL(_queries.everyone.sql), mine)
    return sql.SQL(
        "CREATE VIEW {view} WITH (security_barrier) AS SELECT {columns} FROM {table} AS row WHERE {where}"
    ).format(
        view=sql.Identifier(SCHEMA, view.table.split(".")[1]),
        columns=sql.SQL(", ").join(sql.Identifier("row", column) for column in view.columns),
        table=sql.Identifier(*view.table.split(".")),
        where=where,
    )


def _mine(lead: Lead, column: str) -> sql.Composed:
    of = {
        "person": (_queries.persons,),
        "account": (_queries.accounts,),
        "evidence": (_queries.evidence,),
        "subject": (_queries.persons, _queries.accounts),
    }[lead]
    ids = sql.SQL(" UNION ALL ").join(sql.SQL(query.sql) for query in of)
    return sql.SQL("{} IN ({})").format(sql.Identifier("row", column), ids)
