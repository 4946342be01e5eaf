"""Parquet files, read batch by batch: in memory is a batch, and what a row group of the file needs to be
decoded.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emoney.jobs.importing.bad_file import BadFile, BadValue
from emoney.jobs.importing.reading import open_file

_BATCH_ROWS = 8192
_MAGIC = b"PAR1"


class ParquetTable:
    """The named columns of a Parquet file; iterating gives their values row by row.

    `columns`: name and kind of each, handed out in this order; a kind is "integer", "number" or "text".
    Raises BadFile, here or while iterating.
    """

    def __init__(self, path: Path, columns: dict[str, str]) -> None:
        self.file = path.name
        self.line = 0
        self._columns = list(columns)
        with open_file(path) as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise BadFile(self.file, "not a Parquet file", "it must begin with PAR1")
        try:
            self._parquet = pq.ParquetFile(path, memory_map=True)
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from None
        schema = self._parquet.schema_arrow
        for column, kind in columns.items():
            found = schema.get_all_field_indices(column)
            if len(found) != 1:
                raise BadFile(
                    self.file,
                    "the schema lacks it" if not found else "the schema names it twice",
                    f"needed are {', '.join(columns)}",
                    column=column,
                )
            if not _is_kind(schema.field(found[0]).type, kind):
                raise BadFile(
                    self.file, f"holds {schema.field(found[0]).type}", f"it must hold {kind}", column=column
                )

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """The columns' values, row by row; `line` tells where. None is never handed out."""
        try:
            for batch in self._parquet.iter_batches(_BATCH_ROWS, columns=self._columns):
                values = [batch.column(name).to_pylist() for name in self._columns]
                for row in zip(*values, strict=True):
                    self.line += 1
                    if None in row:
                        empty = self._columns[row.index(None)]
                        raise self.bad(BadValue(empty, "no value", "every row needs one"))
                    yield row
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from None

    def bad(self, wrong: BadValue) -> BadFile:
        """The error for a wrong value of the row last read."""
        return BadFile(self.file, wrong.what, wrong.right, line=self.line, column=wrong.column)

    def _unreadable(self, error: Exception) -> BadFile:
        return BadFile(
            self.file,
            f"the Parquet file cannot be read ({type(error).__name__})",
            "it may have been cut short; copy it again",
            line=self.line or None,
        )


def _is_kind(found: Any, kind: str) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    if kind == "integer":
        return bool(pa.types.is_integer(found))
    if kind == "number":
        return bool(pa.types.is_floating(found))
    return bool(pa.types.is_string(found) or pa.types.is_large_string(found))
