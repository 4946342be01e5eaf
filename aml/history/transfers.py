"""The transfer history: an append-only Parquet data set, one directory per day, extracted from the ledger.

    DIR/dataset.json                                      which database it belongs to
    DIR/day=2026-03-01/part-00000000000000000742-00000.parquet

An extraction takes the transfers of all transactions from the watermark up to the oldest one still running,
so that none is skipped and none is read twice: transaction order is not commit order. Files are complete
before the watermark moves, and carry in their name the watermark they started from. A file that starts at
or after the current watermark is what a crash left behind: no reader takes it, and the next extraction
removes it first.

Cost: two round trips, one server-side cursor, `chunk_rows` rows in memory whatever the ledger's size.
Locks: one advisory lock, so extractions run one after the other; posting never waits.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlmodel import select

from emoney.aml.errors import HistoryError
from emoney.aml.history.gate import QualityGate
from emoney.aml.history.tables import ExtractionRow, HistoryRow
from emoney.ledger.base import turns
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.files import replace_file, sync
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.base.progress import Progress, silent

queries = queries_beside(__file__)

COLUMNS = pa.schema(
    [
        ("transfer_id", pa.string()),
        ("reference", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("operation", pa.string()),
        ("amount", pa.int64()),
        ("currency", pa.string()),
        ("debit_account", pa.string()),
        ("credit_account", pa.string()),
        ("debit_ref", pa.string()),
        ("credit_ref", pa.string()),
        ("debit_kind", pa.string()),
        ("credit_kind", pa.string()),
        ("debit_opened", pa.date32()),
        ("credit_opened", pa.date32()),
    ]
)
"""What the history holds of a transfer. `amount` in minor units, `at` when it took effect, references as the
operator gave them (the account's id where there is none)."""

CHUNK_ROWS = 50_000
MEMORY_LIMIT = "1GB"
THREADS = 2
_FORMAT = 1
_CURSOR = "aml_extraction"


@dataclass(frozen=True, slots=True)
class Extracted:
    """What one extraction added."""

    rows: int
    files: int
    from_xact: int
    to_xact: int


def extract(
    database: Database,
    directory: Path,
    *,
    clock: Clock = system_clock,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress = silent,
) -> Extracted:
    """Add the transfers posted since the last extraction to the history under `directory`.

    `progress` is called with the rows done so far. Raises QualityError when a chunk breaks an expectation,
    and HistoryError when the directory belongs to another database; neither admits anything.
    """
    with database.connection() as connection:
        turns.take(connection, "aml.extraction")
        _claim_directory(connection, directory)
        from_xact, _, _ = _admitted(connection)
        to_xact = _one(connection, queries.horizon.sql)[0]
        if to_xact < from_xact:
            raise HistoryError(
                f"This server's transactions ({to_xact}) lie below the history's watermark ({from_xact}): "
                "the database was restored from a dump. Start a new history."
            )
        _remove_leftovers(directory, from_xact)
        rows, files = _write(connection, directory, from_xact, to_xact, chunk_rows, progress)
        if rows:
            extraction = ExtractionRow(
                id=new_id(),
                from_xact=from_xact,
                to_xact=to_xact,
                rows=rows,
                files=files,
                extracted_at=clock(),
            )
            add(connection, extraction)
    return Extracted(rows, files, from_xact, to_xact)


@dataclass(frozen=True, slots=True)
class History:
    """An open history: the engine and the transfers in it."""

    engine: Any
    """An Ibis backend (DuckDB)."""
    transfers: ir.Table
    rows: int
    files: int


@contextmanager
def open_history(
    database: Database, directory: Path, *, memory_limit: str = MEMORY_LIMIT, threads: int = THREADS
) -> Iterator[History]:
    """The admitted transfers as an Ibis table on DuckDB, within `memory_limit`; larger work spills to disk.

    Raises HistoryError when admitted files are missing or damaged, the directory belongs to another database,
    or the memory does not suffice.
    """
    with database.connection() as connection:
        dataset = _dataset(connection)
        watermark, rows, expected = _admitted(connection)
    paths = sorted(path for path in _parts(directory) if _started_from(path) < watermark)
    if paths:
        _check_owner(directory, dataset)
    if len(paths) != expected:
        raise HistoryError(
            f"The history under {directory} has {len(paths)} of the {expected} files this database has "
            "admitted: restore the missing files from a backup."
        )
    spill = tempfile.mkdtemp(prefix="emoney-aml-")
    engine = ibis.duckdb.connect(
        memory_limit=memory_limit,
        threads=threads,
        temp_directory=spill,
        autoinstall_known_extensions=False,  # nothing is fetched from the network
        preserve_insertion_order=False,  # keeping it costs memory; every expression orders what it gives
    )
    try:
        yield History(engine, _table(engine, paths), rows, expected)
    except duckdb.OutOfMemoryException as error:
        raise HistoryError(
            f"The analysis of {rows} transfers needs more than the {memory_limit} of memory it may use: "
            "give it a higher memory_limit or fewer threads."
        ) from error
    except duckdb.Error as error:
        damaged = [path for path in paths if not _is_parquet(path)]
        if not damaged:
            raise
        raise HistoryError(
            f"{damaged[0]} is damaged ({len(damaged)} of {expected} files are): restore it from a backup."
        ) from error
    finally:
        engine.disconnect()
        shutil.rmtree(spill, ignore_errors=True)


def _is_parquet(path: Path) -> bool:
    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowInvalid):
        return False
    return True


def _table(engine: Any, paths: Sequence[Path]) -> ir.Table:
    if not paths:
        return engine.create_table("transfers", schema=ibis.Schema.from_pyarrow(COLUMNS))
    return engine.read_parquet([str(path) for path in paths], table_name="transfers", hive_partitioning=False)


def _one(connection: Connection, statement: str) -> tuple[Any, ...]:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row


def _dataset(connection: Connection) -> UUID:
    """The id of the data set that belongs to this database."""
    [dataset] = read(connection, select(HistoryRow.id))
    return dataset


def _admitted(connection: Connection) -> tuple[int, int, int]:
    """Watermark, rows and files of all extractions on record."""
    watermark, rows, files = _one(connection, queries.admitted.sql)
    return watermark, rows, files


def _claim_directory(connection: Connection, directory: Path) -> None:
    """Make `directory` this database's history, or check that it is."""
    dataset = _dataset(connection)
    directory.mkdir(parents=True, exist_ok=True)
    if (directory / "dataset.json").exists() or any(_parts(directory)):
        _check_owner(directory, dataset)
        return
    text = json.dumps({"format": _FORMAT, "dataset": str(dataset)}) + "\n"
    replace_file(directory / "dataset.json", lambda path: path.write_text(text, encoding="utf-8"))
    sync(directory)


def _check_owner(directory: Path, dataset: UUID) -> None:
    try:
        found = json.loads((directory / "dataset.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    if not isinstance(found, dict) or found.get("dataset") != str(dataset) or found.get("format") != _FORMAT:
        raise HistoryError(
            f"The history under {directory} belongs to another database (or its dataset.json is damaged). "
            f"Give the directory of data set {dataset}, or an empty one."
        )


def _parts(directory: Path) -> Iterator[Path]:
    return directory.glob("day=*/part-*.parquet")


def _started_from(path: Path) -> int:
    """The watermark from which the extraction of a file started, out of its name."""
    try:
        return int(path.name.split("-")[1])
    except (IndexError, ValueError):
        raise HistoryError(f"{path} is not a file of the history: move it elsewhere.") from None


def _remove_leftovers(directory: Path, watermark: int) -> None:
    """Remove what a crashed extraction left: temporary files, and files that were never admitted."""
    for path in directory.glob("day=*/.part-*.tmp"):
        path.unlink(missing_ok=True)
    for path in list(_parts(directory)):
        if _started_from(path) >= watermark:
            path.unlink()


def _write(
    connection: Connection,
    directory: Path,
    from_xact: int,
    to_xact: int,
    chunk_rows: int,
    progress: Progress,
) -> tuple[int, int]:
    """Write all rows of the range; returns how many rows and files."""
    connection.execute(queries.whole_result.sql)
    rows = files = 0
    touched: set[Path] = set()
    gate: QualityGate | None = None
    with connection.cursor(name=_CURSOR) as cursor:
        cursor.execute(queries.transfers.sql, {"from_xact": from_xact, "to_xact": to_xact})
        for chunk in count():
            fetched = cursor.fetchmany(chunk_rows)
            if not fetched:
                break
            table = _arrow(fetched)
            gate = gate or QualityGate()
            gate.check(table)
            for day, part in _by_day(table):
                path = directory / f"day={day}" / f"part-{from_xact:020d}-{chunk:05d}.parquet"
                path.parent.mkdir(exist_ok=True)
                replace_file(path, partial(pq.write_table, part, compression="zstd"))
                touched.add(path.parent)
                files += 1
            rows += len(fetched)
            progress("extracting", rows, None)
    for each in sorted(touched):
        sync(each)
    if touched:
        sync(directory)
    return rows, files


def _arrow(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    arrays = []
    for field, values in zip(COLUMNS, zip(*rows, strict=True), strict=True):
        if pa.types.is_timestamp(field.type):
            arrays.append(pa.array(values, pa.int64()).cast(field.type))
        else:
            arrays.append(pa.array(values, field.type))
    return pa.Table.from_arrays(arrays, schema=COLUMNS)


def _by_day(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each UTC day, in order of time and id."""
    ordered = table.sort_by([("at", "ascending"), ("transfer_id", "ascending")])
    days = ordered["at"].cast(pa.date32())
    lengths = pc.value_counts(days)
    begin = 0
    for each in lengths.to_pylist():
        yield each["values"].isoformat(), ordered.slice(begin, each["counts"])
        begin += each["counts"]
