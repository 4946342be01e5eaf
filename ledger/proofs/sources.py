"""Sources: tables whose rows are leaves by declaration, in `ledger.leaf_source`.

Transfers and refusals are leaves by themselves (`leaves`). For every other table, of this package or of one
above that this one does not know, a migration declares which columns its leaves commit to. Declarations live
in the database, so that whoever seals or audits takes in the same tables, whatever code is loaded; they are
leaves too, of the one source that stands here (DECLARATIONS), so that none is edited unnoticed.

A leaf of a source holds the row's id, its transaction and a commitment: the SHA-256 of the declared fields,
each after its name and form. The layout is in `verifying`, which checks a leaf with or without the fields.

The leaf's place in the log's order is that of the row's transaction, but for rows that are older than the
source's first declaration: they stand where its transaction does, since the log may have passed theirs.
"""

from dataclasses import dataclass

from psycopg import sql

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.proofs.verifying import FORMS, content_domain, domain, field_header, framed

_queries = queries_beside(__file__)

_EMPTY = sql.SQL("'\\xffffffff'::bytea")


@dataclass(frozen=True, slots=True)
class Source:
    """A declared table, in one version.

    `fields`: column and form. `since`: the transaction of the declaration; `until`: that of the next version.
    """

    kind: int
    relation: str
    version: int
    id_column: str
    fields: tuple[tuple[str, str], ...]
    since: int
    until: int | None = None
    first: bool = True

    def rows(self) -> sql.Composed:
        """The rows as leaves: kind, id, xact (of the leaf's place), leaf, content; WHERE is open for more."""
        content = self._content()
        leaf = sql.SQL(
            "{domain} || '\\x00000010'::bytea || uuid_send({id}) || '\\x00000020'::bytea || sha256({content})"
            " || '\\x00000008'::bytea || int8send(xact)"
        ).format(
            domain=_bytes(framed(domain(self.relation, self.version))),
            id=sql.Identifier(self.id_column),
            content=content,
        )
        return sql.SQL(
            "SELECT {kind}::smallint AS kind, {id} AS id, greatest(xact, {since}) AS xact, {leaf} AS leaf, "
            "{content} AS content FROM {relation} WHERE {within}"
        ).format(
            kind=sql.Literal(self.kind),
            id=sql.Identifier(self.id_column),
            since=self._since,
            leaf=leaf,
            content=content,
            relation=sql.Identifier(*self.relation.split(".")),
            within=self._within(),
        )

    def holding(self) -> sql.Composed:
        """The kind, for each row that has one of the ids %(ids)s."""
        return sql.SQL(
            "SELECT {kind}::smallint AS kind FROM {relation} WHERE {within} AND {id} = ANY(%(ids)s)"
        ).format(
            kind=sql.Literal(self.kind),
            relation=sql.Identifier(*self.relation.split(".")),
            within=self._within(),
            id=sql.Identifier(self.id_column),
        )

    @staticmethod
    def _in_range(since: sql.Composable) -> sql.Composed:
        """The condition that finds a range of places by the index on xact."""
        return sql.SQL(
            " AND xact <= %(high)s AND xact >= CASE WHEN {since} NOT BETWEEN %(low)s AND %(high)s"
            " THEN greatest(%(low)s, {since}) ELSE 0 END"
        ).format(since=since)

    def rows_in_range(self) -> sql.Composed:
        """The rows whose places may lie in the transactions %(low)s to %(high)s, found by index."""
        return self.rows() + self._in_range(self._since)

    @property
    def _since(self) -> sql.Composable:
        return sql.SQL("{}::bigint").format(sql.Literal(self.since))

    def _within(self) -> sql.Composable:
        bounds = [sql.SQL("true")]
        if not self.first:
            bounds.append(sql.SQL("xact >= {}").format(sql.Literal(self.since)))  # type: ignore[arg-type]
        if self.until is not None:
            bounds.append(sql.SQL("xact < {}").format(sql.Literal(self.until)))  # type: ignore[arg-type]
        return sql.SQL(" AND ").join(bounds)

    def _content(self) -> sql.Composed:
        parts: list[sql.Composable] = [_bytes(framed(content_domain(self.relation, self.version)))]
        for name, form in self.fields:
            parts += [_bytes(framed(field_header(name, form))), _value(sql.Identifier(name), form)]
        return sql.SQL(" || ").join(parts)


DECLARATIONS = Source(
    kind=3,
    relation="ledger.leaf_source",
    version=1,
    id_column="id",
    fields=(
        ("kind", "integer"),
        ("relation", "text"),
        ("version", "integer"),
        ("id_column", "text"),
        ("fields", "json"),
    ),
    since=0,
)
"""The source of the declarations themselves."""


_KNOWN_MAX = 8
_known: dict[bytes, tuple[Source, ...]] = {}
"""What was declared, by a digest of all of it."""


@reads_tuples
def declared(connection: Connection) -> tuple[Source, ...]:
    """Every source of this database, that of the declarations first."""
    row = connection.execute(_queries.known_by.sql).fetchone()
    assert row is not None
    sources = _known.get(row[0])
    if sources is None:
        found = connection.execute(_queries.declared.sql).fetchall()
        sources = (
            DECLARATIONS,
            *(
                Source(kind, relation, version, id_column, tuple(map(_field, fields)), since, until, first)
                for kind, relation, version, id_column, fields, since, until, first in found
            ),
        )
        while len(_known) >= _KNOWN_MAX:
            _known.pop(next(iter(_known)), None)
        _known[row[0]] = sources
    return sources


def _field(declared_: str) -> tuple[str, str]:
    name, _, form = declared_.partition(" ")
    return name, form


def _value(column: sql.Identifier, form: str) -> sql.Composed:
    """The SQL for a field's value after its length, `ffffffff` where it is NULL."""
    assert form in FORMS
    if form == "uuid":
        framed_value = sql.SQL("'\\x00000010'::bytea || uuid_send({})").format(column)
    elif form == "integer":
        framed_value = sql.SQL("'\\x00000008'::bytea || int8send({}::bigint)").format(column)
    elif form == "time":
        framed_value = sql.SQL("'\\x00000008'::bytea || timestamptz_send({})").format(column)
    else:
        value = {
            "text": sql.SQL("convert_to({}, 'UTF8')"),
            "json": sql.SQL("convert_to(to_jsonb({})::text, 'UTF8')"),
            "bytes": sql.SQL("{}"),
        }[form].format(column)
        framed_value = sql.SQL("int4send(octet_length({0})) || {0}").format(value)
    return sql.SQL("coalesce({}, {})").format(framed_value, _EMPTY)


def _bytes(value: bytes) -> sql.Composable:
    return sql.SQL("'\\x{}'::bytea").format(sql.SQL(value.hex()))
