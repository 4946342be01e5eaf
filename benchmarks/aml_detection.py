"""What the scenarios find of labelled laundering, and whom they alarm without need.

    python -m benchmarks.aml_detection [--json]

Per scenario: of the subjects of its own typology, how many are found (recall); of the subjects it raises an
alert on, how many launder in that or any other typology (precision); how many are legitimate look-alikes
only; and how many of its evidence transfers are labelled. Reads the labelled mobile-money data beside the
checkout and says so where it is missing.
"""

import argparse
import csv
import gzip
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure
from emoney.aml.alerts.episodes import find
from emoney.aml.history.transfers import COLUMNS
from emoney.aml.scenarios import load

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "mobile_money"
CURRENCY = "GHS"
OWN_TYPOLOGY = {
    "structuring": ("structuring_cash_in", "placer"),
    "fan_in": ("fan_in", "collector"),
    "pass_through": ("pass_through_mule", "mule"),
}
_OPERATIONS = {
    "CASH_IN": "cash_in",
    "CASH_OUT": "cash_out",
    "P2P": "p2p",
    "SALARY": "disburse",
    "BILL": "bill",
    "MERCHANT": "pay",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
    options = parser.parse_args()
    if not SHARED.is_dir():
        Console(stderr=True).print(f"skipped: the labelled data is not at {SHARED}")
        return
    rows = detection()
    if options.as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table(*rows[0], title="Detection on the labelled mobile-money data", title_justify="left")
    for row in rows:
        table.add_row(*(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console().print(table)


def measure(*, smoke: bool) -> list[Figure]:
    """Recall and precision per scenario in percent; nothing where the data is missing, or in a smoke run."""
    if smoke or not SHARED.is_dir():
        return []
    figures = []
    for row in detection():
        figures.append(Figure(f"aml {row['scenario']} recall", 100 * row["recall"], "%"))
        figures.append(Figure(f"aml {row['scenario']} precision", 100 * row["precision"], "%"))
    return figures


def detection() -> list[dict[str, Any]]:
    """Run every shipped scenario over the data and compare its alerts with the labels."""
    labels = _read("account_labels.csv.gz")
    transfer_labels = _read("tx_labels.csv.gz")
    suspicious = {row["account_id"] for row in labels if row["is_suspicious"] == "1"}
    labelled_transfers = {row["tx_id"] for row in transfer_labels if row["is_suspicious"] == "1"}
    present = {row["scenario_id"] for row in transfer_labels}  # the others have no transfer in this file
    results = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.parquet"
        pq.write_table(_history(), path)
        engine = ibis.duckdb.connect(memory_limit="512MB", threads=2)
        transfers = engine.read_parquet(path)
        for scenario in load():
            typology, role = OWN_TYPOLOGY[scenario.name]
            wanted = {
                row["account_id"]
                for row in labels
                if (row["label"], row["role"]) == (typology, role) and row["scenario_id"] in present
            }
            started = time.monotonic()
            episodes = list(find(scenario, engine, transfers))
            seconds = time.monotonic() - started
            subjects = {episode.subject_ref for episode in episodes}
            evidence = {each.reference for episode in episodes for each in episode.evidence}
            results.append(
                {
                    "scenario": scenario.name,
                    "alerts": len(episodes),
                    "wanted": len(wanted),
                    "found": len(subjects & wanted),
                    "recall": len(subjects & wanted) / len(wanted),
                    "own precision": len(subjects & wanted) / len(subjects) if subjects else 1.0,
                    "precision": len(subjects & suspicious) / len(subjects) if subjects else 1.0,
                    "look-alikes": len(subjects - suspicious),
                    "evidence labelled": len(evidence & labelled_transfers) / max(1, len(evidence)),
                    "seconds": round(seconds, 1),
                }
            )
        engine.disconnect()
    return results


def _read(name: str) -> list[dict[str, str]]:
    with gzip.open(SHARED / name, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _history() -> pa.Table:
    """The raw transactions in the columns of the history."""
    kinds = {"wallet": "customer", "agent": "agent"}
    kind_of = {row["account_id"]: kinds.get(row["kind"], "merchant") for row in _read("accounts.csv.gz")}
    rows = _read("transactions.csv.gz")
    ids = [_uuid(row["tx_id"]) for row in rows]
    times = pa.array([row["ts"] for row in rows]).cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    columns: dict[str, Any] = {
        "transfer_id": ids,
        "reference": [row["tx_id"] for row in rows],
        "at": times,
        "operation": [_OPERATIONS[row["type"]] for row in rows],
        "amount": [round(float(row["amount"]) * 100) for row in rows],
        "currency": [CURRENCY] * len(rows),
        "debit_opened": [None] * len(rows),
        "credit_opened": [None] * len(rows),
    }
    for side, raw in (("debit", "from_account"), ("credit", "to_account")):
        columns[f"{side}_account"] = [_uuid(row[raw]) for row in rows]
        columns[f"{side}_ref"] = [row[raw] for row in rows]
        columns[f"{side}_kind"] = [kind_of[row[raw]] for row in rows]
    return pa.table({field.name: columns[field.name] for field in COLUMNS}, schema=COLUMNS)


def _uuid(ref: str) -> str:
    """A UUID's form for a reference of the file: its letter and number in the last digits."""
    return f"00000000-0000-0000-{ord(ref[0]):04x}-{int(ref[1:]):012d}"


if __name__ == "__main__":
    main()
