"""Monitoring: every scenario over the whole history, its episodes stored as alerts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from emoney.aml.alerts.alert import Stored, store
from emoney.aml.alerts.episodes import find
from emoney.aml.history.transfers import MEMORY_LIMIT, THREADS, History, open_history
from emoney.aml.scenarios import Scenario, load
from emoney.aml.scenarios.windows import day_of
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.base.progress import Progress, silent

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

"""Called with the title of a scenario about to run, how many are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """What one scenario did in a run. `skipped`: currencies it could not judge, with the reason."""

    scenario: str
    title: str
    version: str
    new: int
    grown: int
    unchanged: int
    skipped: dict[str, str]
    seconds: float

    @property
    def alerts(self) -> int:
        """Alerts that this run found, whether new or not."""
        return self.new + self.grown + self.unchanged

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "scenario": self.scenario,
            "version": self.version,
            "new": self.new,
            "grown": self.grown,
            "unchanged": self.unchanged,
            "skipped": self.skipped,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class MonitoringResult:
    """A monitoring run: what it covered and what each scenario did."""

    transfers: int
    first_day: date | None
    last_day: date | None
    currencies: tuple[str, ...]
    scenarios: tuple[ScenarioResult, ...]
    seconds: float

    @property
    def counts(self) -> dict[str, int]:
        """Alerts raised, grown and unchanged, and how many scenarios skipped a currency."""
        return {
            "new": sum(each.new for each in self.scenarios),
            "grown": sum(each.grown for each in self.scenarios),
            "unchanged": sum(each.unchanged for each in self.scenarios),
            "skipped": sum(bool(each.skipped) for each in self.scenarios),
        }

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "transfers": self.transfers,
            "first_day": self.first_day.isoformat() if self.first_day else None,
            "last_day": self.last_day.isoformat() if self.last_day else None,
            "currencies": list(self.currencies),
            "scenarios": [each.to_json() for each in self.scenarios],
            "seconds": round(self.seconds, 3),
        }


def run(
    database: Database,
    history_directory: Path,
    *,
    scenarios: Sequence[Scenario] | None = None,
    clock: Clock = system_clock,
    progress: Progress = silent,
    memory_limit: str = MEMORY_LIMIT,
    threads: int = THREADS,
) -> MonitoringResult:
    """Run `scenarios` (those shipped, if None) over the admitted history and store their alerts.

    Reads the history only, never the ledger's tables; extract first. Each scenario's alerts are stored in a
    transaction of their own. A scenario that cannot judge a currency says so in `skipped`. Raises
    HistoryError.
    """
    began = time.monotonic()
    chosen = load() if scenarios is None else list(scenarios)
    results = []
    with open_history(database, history_directory, memory_limit=memory_limit, threads=threads) as history:
        first_day, last_day, currencies = _coverage(history)
        for done, scenario in enumerate(chosen):
            progress("scenarios", done, len(chosen))
            started = time.monotonic()
            skipped = scenario.skipped(currencies)
            stored = Stored()
            if len(skipped) < len(currencies):
                found = find(scenario, history.engine, history.transfers)
                with database.connection() as connection:
                    stored = store(connection, scenario.name, scenario.version, found, clock())
            results.append(
                ScenarioResult(
                    scenario=scenario.name,
                    title=scenario.title,
                    version=scenario.version,
                    new=stored.new,
                    grown=stored.grown,
                    unchanged=stored.unchanged,
                    skipped=skipped,
                    seconds=time.monotonic() - started,
                )
            )
        progress("scenarios", len(chosen), len(chosen))
    seconds = time.monotonic() - began
    return MonitoringResult(history.rows, first_day, last_day, currencies, tuple(results), seconds)


def _coverage(history: History) -> tuple[date | None, date | None, tuple[str, ...]]:
    """First day, last day and currencies of the history."""
    transfers = history.transfers
    spans = transfers.group_by("currency").agg(
        first=day_of(transfers["at"]).min(), last=day_of(transfers["at"]).max()
    )
    rows = history.engine.to_pyarrow(spans).to_pylist()
    if not rows:
        return None, None, ()
    first = date.fromordinal(EPOCH_ORDINAL + min(row["first"] for row in rows))
    last = date.fromordinal(EPOCH_ORDINAL + max(row["last"] for row in rows))
    return first, last, tuple(sorted(row["currency"] for row in rows))
