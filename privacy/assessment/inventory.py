"""The inventory of what is held: read from the declarations on the mapped columns, never written by hand.

Packages hand in their metadata (`emoney.metadata()` is that of all of them). The
inventory's hash changes with any column, declaration or sealing, so that an assessment made from an older one
can be seen to be stale.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import astuple, dataclass

from sqlalchemy import Column, Dialect, MetaData, Table
from sqlalchemy.dialects import postgresql

from emoney.ledger.base.declarations import Basis, Category, Declaration
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.errors import UndeclaredColumns
from emoney.privacy.vault.sealed import SealedText

_queries = queries_beside(__file__)

MUST_BE_SEALED = frozenset({Category.IDENTITY, Category.CONTACT, Category.GOVERNMENT_ID})
"""The categories that lead straight to a person."""

_HASHED = "emoney/privacy/inventory/1"
_DIALECT: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True, order=True)
class InventoryRow:
    """One column: where it is, how it is stored, and what it declares of itself."""

    schema: str
    table: str
    column: str
    stored_as: str
    sealed: bool
    category: Category
    purpose: str
    basis: Basis
    retention: str

    @property
    def table_name(self) -> str:
        """`schema.table`."""
        return f"{self.schema}.{self.table}"

    @property
    def name(self) -> str:
        """`schema.table.column`."""
        return f"{self.table_name}.{self.column}"


@dataclass(frozen=True, slots=True)
class Inventory:
    """All columns of the packages, in the order of their names."""

    rows: tuple[InventoryRow, ...]

    @property
    def hash(self) -> str:
        """SHA-256 over every field of every row, in hexadecimal, whatever order packages were loaded in."""
        content = json.dumps([_HASHED, *map(astuple, self.rows)], ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    def of(self, *categories: Category) -> list[InventoryRow]:
        """The rows of some categories."""
        return [row for row in self.rows if row.category in categories]


def read(metadata: MetaData) -> Inventory:
    """The inventory of all mapped columns. Raises UndeclaredColumns, naming them."""
    if missing := undeclared(metadata):
        raise UndeclaredColumns(
            f"{len(missing)} mapped columns declare nothing of what they hold: {', '.join(missing[:10])}. "
            "Give the column or its table `ledger.base.declarations.declare(...)` as info."
        )
    rows = []
    for table, column in _columns(metadata):
        declared = _declaration(table, column)
        assert declared is not None
        rows.append(
            InventoryRow(
                schema=table.schema or "public",
                table=table.name,
                column=column.name,
                stored_as=column.type.compile(_DIALECT).lower(),
                sealed=isinstance(column.type, SealedText),
                category=declared.category,
                purpose=declared.purpose,
                basis=declared.basis,
                retention=declared.retention,
            )
        )
    return Inventory(tuple(sorted(rows)))


def undeclared(metadata: MetaData) -> list[str]:
    """The mapped columns that declare nothing, neither themselves nor by their table."""
    return sorted(
        _name(table, column) for table, column in _columns(metadata) if _declaration(table, column) is None
    )


def unsealed(inventory: Inventory) -> list[str]:
    """The columns that lead straight to a person and are not sealed. Must be empty."""
    return [row.name for row in inventory.of(*MUST_BE_SEALED) if not row.sealed]


@reads_tuples
def unmapped(connection: Connection, metadata: MetaData) -> list[str]:
    """The columns that the database has in the packages' schemas and no table maps: nothing declares them."""
    schemas = sorted({table.schema or "public" for table in metadata.tables.values()})
    found = {row[0] for row in connection.execute(_queries.columns_of_schemas.sql, {"schemas": schemas})}
    return sorted(found - {_name(table, column) for table, column in _columns(metadata)})


def _columns(metadata: MetaData) -> Iterator[tuple[Table, Column[object]]]:
    for table in metadata.tables.values():
        for column in table.columns:
            yield table, column


def _declaration(table: Table, column: Column[object]) -> Declaration | None:
    found = column.info.get("declaration") or table.info.get("declaration")
    return found if isinstance(found, Declaration) else None


def _name(table: Table, column: Column[object]) -> str:
    return f"{table.schema or 'public'}.{table.name}.{column.name}"
