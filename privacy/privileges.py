"""Who may read which table: `data/privileges.yaml`, made true in the database.

Three roles read and never write: `emoney_kyc_reader`, `emoney_analyst` and `emoney_auditor`. `apply` holds
what they have against the file and grants and revokes the difference, so that a grant made by hand does not
last. A KYC reader sees the views of `privacy.reading_views` and none of the tables.
"""

from collections import defaultdict
from enum import StrEnum
from functools import cache
from typing import Annotated, Literal

from psycopg import sql
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

import data
from ledger.database import Connection
from ledger.queries import queries_beside
from privacy.errors import InvalidKnowledge
from privacy.reading_views import SCHEMA, Lead, View, make_views

SCHEMAS = ("ledger", "privacy", "kyc", "aml")

_queries = queries_beside(__file__)

_Names = Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
Columns = Literal["all"] | _Names
Grants = dict[tuple[str, str], frozenset[tuple[str, str]]]
"""For each role and relation: which columns ('' for all), and which privilege."""


class Reader(StrEnum):
    """The roles that read."""

    KYC = "emoney_kyc_reader"
    ANALYST = "emoney_analyst"
    AUDITOR = "emoney_auditor"


class Decision(BaseModel):
    """What was decided of one table: who sees which of its columns, and a KYC reader which of its rows."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kyc_reader: Columns | None = None
    analyst: Columns | None = None
    auditor: Columns | None = None
    rows: Literal["all"] | dict[Lead, _Names] | None = None

    def of(self, reader: Reader) -> Columns | None:
        """The columns that a reader sees."""
        return {Reader.KYC: self.kyc_reader, Reader.ANALYST: self.analyst, Reader.AUDITOR: self.auditor}[
            reader
        ]


@cache
def decisions() -> dict[str, Decision]:
    """Every table that was decided of, by `schema.table`. Raises InvalidKnowledge."""
    try:
        found = TypeAdapter(dict[str, Decision]).validate_python(data.read_yaml("privileges.yaml"))
    except ValidationError as error:
        raise InvalidKnowledge(f"data/privileges.yaml: {error}") from None
    for name, decision in found.items():
        if (decision.kyc_reader is None) != (decision.rows is None):
            raise InvalidKnowledge(f"data/privileges.yaml: {name} needs both kyc_reader and rows, or neither")
        if decision.kyc_reader and not name.startswith("kyc."):
            raise InvalidKnowledge(f"data/privileges.yaml: {name} is no table of kyc, whose readers it names")
    return found


def undecided(connection: Connection) -> list[str]:
    """The tables and views of the packages that the file says nothing of, and those it names in vain."""
    return sorted(set(_columns(connection)) ^ set(decisions()))


def apply(connection: Connection) -> int:
    """Make the database's grants and views what the file says; returns how many relations were changed.

    `connection`: the owner's, with every migration run. Raises InvalidKnowledge for a column that is not
    there.
    """
    columns = _columns(connection)
    for name, decision in decisions().items():
        if name in columns:
            _known(name, decision, columns[name])
    changed = make_views(connection, _views(columns))
    wanted, found = _wanted(columns), _granted(connection)
    for role, relation in sorted(wanted.keys() | found.keys()):
        want, have = wanted.get((role, relation), frozenset()), found.get((role, relation), frozenset())
        if want != have:
            _grant(connection, role, relation, want)
            changed += 1
    return changed


def differences(connection: Connection) -> list[str]:
    """Where the grants of readers are not what the file says, as `role: relation`. Empty after `apply`."""
    wanted, found = _wanted(_columns(connection)), _granted(connection)
    return sorted(
        f"{role}: {relation}"
        for role, relation in wanted.keys() | found.keys()
        if wanted.get((role, relation)) != found.get((role, relation))
    )


def _columns(connection: Connection) -> dict[str, list[str]]:
    rows = connection.execute(_queries.relations.sql, {"schemas": list(SCHEMAS)}).fetchall()
    return {name: columns for name, part, sequence, columns in rows if not part and not sequence}


def _known(name: str, decision: Decision, columns: list[str]) -> None:
    named = {column for reader in Reader for column in _list(decision.of(reader))}
    if isinstance(decision.rows, dict):
        named |= {column for keys in decision.rows.values() for column in keys}
    if absent := sorted(named - set(columns)):
        raise InvalidKnowledge(f"data/privileges.yaml: {name} has no column {', '.join(absent)}")


def _list(columns: Columns | None) -> tuple[str, ...]:
    return () if columns is None or columns == "all" else columns


def _wanted(columns: dict[str, list[str]]) -> Grants:
    wanted: Grants = {}
    entered: set[tuple[str, str]] = set()
    for name, decision in decisions().items():
        if name not in columns:
            continue
        schema, table = name.split(".")
        for reader in Reader:
            seen = decision.of(reader)
            if seen is None:
                continue
            within = SCHEMA if reader is Reader.KYC else schema
            entered.add((reader, within))
            # a view has the columns that its reader may see, and no others
            whole = seen == "all" or reader is Reader.KYC
            wanted[reader, f"{within}.{table}"] = frozenset(
                (column, "SELECT") for column in (("",) if whole else _list(seen))
            )
    return wanted | {(reader, schema): frozenset({("", "USAGE")}) for reader, schema in entered}


def _views(columns: dict[str, list[str]]) -> list[View]:
    views = []
    for name, decision in sorted(decisions().items()):
        if decision.kyc_reader is not None and name in columns:
            seen = columns[name] if decision.kyc_reader == "all" else list(decision.kyc_reader)
            leads = decision.rows if isinstance(decision.rows, dict) else {}
            views.append(View(name, seen, [(kind, key) for kind, keys in leads.items() for key in keys]))
    return views


def _granted(connection: Connection) -> Grants:
    found: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    given = {"schemas": [*SCHEMAS, SCHEMA], "roles": list(Reader)}
    for role, schema, relation, column, privilege in connection.execute(_queries.granted.sql, given):
        found[role, f"{schema}.{relation}" if relation else schema].add((column, privilege))
    return {key: frozenset(grants) for key, grants in found.items()}


def _grant(connection: Connection, role: str, relation: str, want: frozenset[tuple[str, str]]) -> None:
    kind = sql.SQL("TABLE" if "." in relation else "SCHEMA")
    on = {"kind": kind, "relation": sql.Identifier(*relation.split(".")), "role": sql.Identifier(role)}
    connection.execute(sql.SQL("REVOKE ALL ON {kind} {relation} FROM {role}").format(**on))
    if columns := sorted(column for column, _ in want if column):
        listed = sql.SQL(", ").join(map(sql.Identifier, columns))
        connection.execute(
            sql.SQL("GRANT SELECT ({columns}) ON {relation} TO {role}").format(columns=listed, **on)
        )
    elif want:
        what = sql.SQL("SELECT" if "." in relation else "USAGE")
        connection.execute(sql.SQL("GRANT {what} ON {kind} {relation} TO {role}").format(what=what, **on))
