"""Who may read which table: `data/privileges.yaml`, made true in the database.

Three roles read and never write: `emoney_kyc_reader`, `emoney_analyst` and `emoney_auditor`. `apply` holds
what they have against the file and grants and revokes the difference, so that a grant made by hand does not
last. Which rows a KYC reader sees is a matter of row-level security, made by migrations: a table whose rows
are to be kept back is closed to them while it has no policy that does so.
"""

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

from psycopg import sql
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from emoney import data
from emoney.ledger.base.postgres.database import APPLICATION_ROLE, Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.errors import InvalidKnowledge

SCHEMAS = ("ledger", "privacy", "kyc", "aml")

_queries = queries_beside(__file__)

Lead = Literal["person", "account", "evidence", "subject"]
"""What a column's ids are of; `subject`: of persons or of accounts."""

_GIVEN: dict[Lead, str] = {
    "person": "kyc.persons_given_v1",
    "account": "kyc.accounts_given_v1",
    "evidence": "kyc.evidence_given_v1",
    "subject": "kyc.subjects_given_v1",
}
"""The functions that tell the ids a reader was given."""

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
def decisions() -> Mapping[str, Decision]:
    """Every table that was decided of, by `schema.table`. Raises InvalidKnowledge."""
    try:
        found = TypeAdapter(dict[str, Decision]).validate_python(data.read_yaml("privileges.yaml"))
    except ValidationError as error:
        raise InvalidKnowledge(f"data/privileges.yaml: {error}") from None
    for name, decision in found.items():
        if (decision.kyc_reader is None) != (decision.rows is None):
            raise InvalidKnowledge(f"data/privileges.yaml: {name} needs both kyc_reader and rows, or neither")
        if decision.kyc_reader and not name.startswith("kyc.") and not isinstance(decision.rows, dict):
            raise InvalidKnowledge(f"data/privileges.yaml: {name} is open to KYC readers, and not of kyc")
    return MappingProxyType(found)


@reads_tuples
def undecided(connection: Connection) -> list[str]:
    """Tables and views of the packages that the file leaves out, and those it names that are not there."""
    return sorted(set(_columns(connection)) ^ set(decisions()))


@all_or_nothing
def apply(connection: Connection) -> int:
    """Make the database's grants what the file says; returns how many relations were changed.

    `connection`: the owner's, with every migration run. Raises InvalidKnowledge for a column that is not
    there.
    """
    columns = _columns(connection)
    for name, decision in decisions().items():
        if name in columns:
            _known(name, decision, columns[name])
    changed = 0
    wanted, found = _wanted(connection, columns), _granted(connection)
    for role, relation in sorted(wanted.keys() | found.keys()):
        want, have = wanted.get((role, relation), frozenset()), found.get((role, relation), frozenset())
        if want != have:
            _grant(connection, role, relation, want)
            changed += 1
    return changed


@reads_tuples
def differences(connection: Connection) -> list[str]:
    """Where the grants of readers are not what the file says, as `role: relation`. Empty after `apply`."""
    wanted, found = _wanted(connection, _columns(connection)), _granted(connection)
    return sorted(
        f"{role}: {relation}"
        for role, relation in wanted.keys() | found.keys()
        if wanted.get((role, relation)) != found.get((role, relation))
    )


@reads_tuples
def unprotected(connection: Connection) -> list[str]:
    """The tables whose rows the file keeps back from KYC readers, and the database does not. Closed to them.

    A table is protected by a restrictive policy for KYC readers that looks at the very columns of `rows`, by
    the functions that tell what was given; every other role needs a policy too, or it sees nothing.
    """
    found = {
        name: _Policies(*policies)
        for name, *policies in connection.execute(_queries.protected.sql).fetchall()
    }
    return sorted(
        name
        for name, decision in decisions().items()
        if isinstance(decision.rows, dict) and not _protects(found.get(name), decision.rows)
    )


class _Policies(NamedTuple):
    """What stands before the rows of a table that is under row-level security."""

    columns: list[str]
    functions: list[str]
    roles: list[str]


def _protects(policies: _Policies | None, rows: dict[Lead, _Names]) -> bool:
    return (
        policies is not None
        and set(policies.columns) == {column for keys in rows.values() for column in keys}
        and set(policies.functions) == {"kyc.everyone_given_v1", *(_GIVEN[lead] for lead in rows)}
        and {APPLICATION_ROLE, *Reader} <= set(policies.roles)
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


def _wanted(connection: Connection, columns: dict[str, list[str]]) -> Grants:
    wanted: Grants = {}
    entered: set[tuple[str, str]] = set()
    closed = set(unprotected(connection))
    for name, decision in decisions().items():
        if name not in columns:
            continue
        schema = name.split(".")[0]
        for reader in Reader:
            seen = decision.of(reader)
            if seen is None or (reader is Reader.KYC and name in closed):
                continue
            entered.add((reader, schema))
            wanted[reader, name] = frozenset(
                (column, "SELECT") for column in (("",) if seen == "all" else seen)
            )
    return wanted | {(reader, schema): frozenset({("", "USAGE")}) for reader, schema in entered}


def _granted(connection: Connection) -> Grants:
    found: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    given = {"schemas": list(SCHEMAS), "roles": list(Reader)}
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
