"""The posting benchmark: all its parts in one run, on one server.

    emoney bench posting [--json] [--quick] [--only batches] [--growth 1000000] [--plot]

What is measured and against what: docs/benchmarks.md.
"""

import os
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import batches, callers, history
from benchmarks.scale import FULL, QUICK, SMOKE, Scale, Tell
from benchmarks.scratch import run_in, scratch_server
from emoney.ledger import Database

PARTS = {"batches": batches.measure, "callers": callers.measure, "history": history.measure}
SCALES = {"full": FULL, "quick": QUICK, "smoke": SMOKE}
PLOT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "posting.svg"


def run(scale: Scale, tell: Tell, parts: Collection[str] = (), growth: int | None = None) -> dict[str, Any]:
    """Measure `parts`, all by default, one after the other; `growth`: in place of the scale's."""
    if growth is not None:
        written = min(scale.written, growth // history.WRITTEN_STEP * history.WRITTEN_STEP)
        scale = replace(scale, growth=growth, written=written)
    began = time.monotonic()
    report: dict[str, Any] = {}
    with scratch_server() as fresh:
        about = fresh("about")
        report["run"] = _circumstances(about, scale)
        if not scale.smoke:
            tell("running in")
            run_in(about)
    for name, measure in PARTS.items():
        if not parts or name in parts:
            with scratch_server() as fresh:  # which leaves nothing for the next part's server to vacuum
                report |= measure(fresh, scale, tell)
    report["run"]["seconds"] = round(time.monotonic() - began)
    return report


def _circumstances(database: Database, scale: Scale) -> dict[str, Any]:
    """What a reader must know to read the figures; commits have to be durable for them to mean anything."""
    with psycopg.connect(database.url) as connection:
        settings: dict[str, str] = dict(
            connection.execute(
                "SELECT name, setting FROM pg_settings"
                " WHERE name IN ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes')"
            ).fetchall()
        )
    assert settings["fsync"] == settings["synchronous_commit"] == settings["full_page_writes"] == "on"
    return {
        "wallets": scale.wallets,
        "server_version": settings["server_version"],
        "cores": os.cpu_count(),
        "smoke": scale.smoke,
    }
