"""A long history: what a transfer takes on disk, whether the writer's memory is flat, and what growth costs.

One ledger: the writer posts through the product, the proof log is sealed, sizes are taken; then it is filled
up to the size of the growth measurement.
"""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import psycopg

from benchmarks import growth, writer
from benchmarks import population as people
from benchmarks.scale import Scale, Tell
from benchmarks.scratch import Fresh
from emoney.ledger import Database
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.proofs import seal, signing_key

ROOT = Path(__file__).resolve().parents[1]
WRITTEN_STEP = 10_000
"""The writer posts multiples of it: days of ten batches."""
ROOM_PER_TRANSFER, ROOM_LEAST = 3_000, 2 << 30
"""Bytes that must be free: rows and indexes, the server's log, what sorting takes."""


def measure(fresh: Fresh, scale: Scale, tell: Tell) -> dict[str, Any]:
    """`memory`, `bytes_per_transfer`, `disk`, `growth`."""
    needed = ROOM_LEAST + max(scale.growth, scale.written) * ROOM_PER_TRANSFER
    if not scale.smoke and (free := disk_usage(gettempdir()).free) < needed:
        raise ConfigurationError(
            f"{gettempdir()} has {free >> 30} GiB free; {scale.growth:,} transfers need {needed >> 30}: "
            "choose a smaller --growth, or set TMPDIR"
        )
    database = fresh("history")
    first = datetime.now(UTC) - writer.days(scale.written) - timedelta(days=100)
    people.open_wallets(database, scale.wallets, at=first - timedelta(minutes=1))
    before = _sizes(database)
    progress = _write(database, scale, first, tell)
    tell("disk: sealing the proof log")
    with TemporaryDirectory() as home:
        with database.connection() as connection:
            key = signing_key(connection, Path(home))
        seal(database, key)
    sizes = {name: size - before.get(name, 0) for name, size in _sizes(database).items()}
    result: dict[str, Any] = {
        "memory": _memory(progress, scale),
        "bytes_per_transfer": sum(sizes.values()) / scale.written,
        "disk": {
            "transfers": scale.written,
            "tables": {name: size / scale.written for name, size in sizes.items() if size},
        },
        "writer": progress,
    }
    began = time.perf_counter()
    filled = scale.written
    if scale.growth > scale.written:
        start = first + writer.days(scale.written) + timedelta(days=1)
        filled += growth.fill(database, scale.growth - scale.written, start, start + timedelta(days=90), tell)
    seconds = time.perf_counter() - began
    result["growth"] = growth.measure(database, fresh, scale, tell) | {
        "transfers": filled,
        "fill_seconds": seconds,
        "disk_bytes": sum(_sizes(database).values()),
    }
    return result


def _write(database: Database, scale: Scale, first: datetime, tell: Tell) -> list[dict[str, float]]:
    """Run the writer; what it told along the way."""
    command = [sys.executable, "-m", "benchmarks.writer", database.url, str(scale.written), first.isoformat()]
    told: list[dict[str, float]] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            told.append(json.loads(line))
            tell(f"memory and disk: posted {told[-1]['posted']:,} of {scale.written:,}")
    if running.returncode:
        raise ChildProcessError(f"the writer ended with exit code {running.returncode}; see its error above")
    return told


def _memory(told: list[dict[str, float]], scale: Scale) -> dict[str, float]:
    """The peak when a tenth was posted and when all was."""
    early = next(each for each in told if each["posted"] >= scale.written / 10)
    return {
        "transfers": told[-1]["posted"],
        "peak_mib": told[-1]["peak_mib"],
        "early_transfers": early["posted"],
        "early_peak_mib": early["peak_mib"],
        "ratio": told[-1]["peak_mib"] / early["peak_mib"],
    }


def _sizes(database: Database) -> dict[str, int]:
    """Bytes of every table of the ledger with its indexes; partitions count for their table."""
    with psycopg.connect(database.url) as owner:
        return {
            name: int(size)
            for name, size in owner.execute(
                "SELECT root.relname, sum(pg_total_relation_size(part.oid))"
                " FROM pg_class AS part"
                " JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(part.oid), part.oid)"
                " WHERE part.relnamespace = 'ledger'::regnamespace AND part.relkind = 'r'"
                " GROUP BY root.relname ORDER BY 2 DESC"
            )
        }
