"""Which columns of which tables are sealed, read from the mapping."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import MetaData

from emoney.privacy.errors import UndeclaredColumns
from emoney.privacy.vault.sealed import SealedText


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table with sealed columns. `id` names its one primary key column, `subject` whom a row is about."""

    schema: str
    table: str
    id: str
    subject: str
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """`schema.table`."""
        return f"{self.schema}.{self.table}"


def sealed_tables(metadata: MetaData) -> list[SealedTable]:
    """Every table with sealed columns, in the order of their names.

    Raises UndeclaredColumns for one whose rows cannot be told: its primary key must be one UUID column, and
    all its sealed columns must be about one subject, which one of its columns names.
    """
    return sorted(_tables(metadata), key=lambda table: table.name)


def _tables(metadata: MetaData) -> Iterator[SealedTable]:
    for table in metadata.tables.values():
        sealed = {column.name: column.type for column in table.columns if isinstance(column.type, SealedText)}
        if not sealed:
            continue
        key = [column.name for column in table.primary_key.columns]
        subjects = {kind.subject for kind in sealed.values()}
        if len(key) != 1 or len(subjects) != 1 or not subjects <= set(table.columns.keys()):
            raise UndeclaredColumns(
                f"{table.fullname} has sealed columns: it needs a primary key of one column, and one "
                "column that names whom they are about, as SealedText(subject=…)."
            )
        yield SealedTable(table.schema or "public", table.name, key[0], subjects.pop(), tuple(sealed))
