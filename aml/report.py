"""The monitoring report: one HTML file that needs nothing but itself, for the compliance officer."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from emoney.aml.alerts.alert import alerts_per_day, alerts_per_scenario, list_alerts
from emoney.aml.history.transfers import open_history
from emoney.aml.monitoring import EPOCH_ORDINAL, MonitoringResult
from emoney.aml.scenarios import Scenario, load
from emoney.aml.scenarios.windows import day_of
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.files import replace_file
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.transfers.operations import Operation

ALERTS_SHOWN = 200
BARS_MAX = 120
WIDTH, HEIGHT = 960, 130
"""The size of a chart, in the units of its own drawing."""

_templates = Environment(
    loader=PackageLoader("emoney.aml"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_report(
    database: Database,
    history_directory: Path,
    path: Path,
    *,
    scenarios: Sequence[Scenario] | None = None,
    result: MonitoringResult | None = None,
    clock: Clock = system_clock,
    alerts_shown: int = ALERTS_SHOWN,
) -> Path:
    """Write the report of all stored alerts to `path` and return it; an earlier report there is replaced
    whole.

    `scenarios`: those whose parameters to print (the shipped ones, if None). `result`: the run just made, for
    what was new and what was skipped. At most `alerts_shown` alerts are listed, by score. Raises
    HistoryError.
    """
    if alerts_shown < 1:
        raise InvalidInput(f"alerts_shown is {alerts_shown}; give 1 or more")
    chosen = load() if scenarios is None else list(scenarios)
    volumes = _volumes(database, history_directory)
    with database.connection() as connection:
        alerts = list_alerts(connection, limit=alerts_shown)
        per_day = alerts_per_day(connection)
        per_scenario = alerts_per_scenario(connection)
    titles = {each.name: each.title for each in chosen}
    names = [*titles, *sorted(set(per_scenario) - set(titles))]
    by_scenario = {
        name: {day: number for day, scenario, number in per_day if scenario == name} for name in names
    }
    days = [*volumes, *(day for day, _, _ in per_day)]
    html = _templates.get_template("monitoring.html").render(
        generated=clock().astimezone(UTC),
        first=min(volumes, default=None),
        last=max(volumes, default=None),
        transfers=sum(volumes.values()),
        alerts=alerts,
        alerts_total=sum(row[0] for row in per_scenario.values()),
        per_scenario={name: per_scenario.get(name, (0, 0, 0.0)) for name in names},
        titles={name: titles.get(name, name) for name in names},
        series={name: index for index, name in enumerate(names)},
        scenarios=chosen,
        result=result,
        ran={each.scenario: each for each in result.scenarios} if result else {},
        volume_chart=_chart(days, {"transfers": volumes}),
        alert_chart=_chart(days, by_scenario),
        show=_show,
        moment=_moment,
    )
    return replace_file(path, lambda aside: aside.write_text(html, encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of a chart, in the chart's units, and what it says."""

    x: float
    y: float
    width: float
    height: float
    series: str
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars over days, with the greatest value and the labelled days below."""

    width: int
    height: int
    top: int
    days_per_bar: int
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]


def _chart(days: Sequence[date], series: Mapping[str, Mapping[date, int]]) -> Chart:
    """Bars of one or more days each, at most BARS_MAX, the series on top of one another."""
    if not days:
        return Chart(WIDTH, HEIGHT, 0, 1, (), ())
    first, last = min(days), max(days)
    span = (last - first).days + 1
    per_bar = math.ceil(span / BARS_MAX)
    count = math.ceil(span / per_bar)
    sums = {name: [0] * count for name in series}
    for name, values in series.items():
        for day, number in values.items():
            sums[name][(day - first).days // per_bar] += number
    top = max(sum(sums[name][index] for name in sums) for index in range(count))
    step = WIDTH / count
    bars = []
    for index in range(count):
        begin = first + timedelta(days=index * per_bar)
        reached = 0
        for name in series:
            number = sums[name][index]
            if number:
                height = HEIGHT * number / top
                reached += number
                bars.append(
                    Bar(
                        x=round(index * step + step * 0.1, 2),
                        y=round(HEIGHT - HEIGHT * reached / top, 2),
                        width=round(step * 0.8, 2),
                        height=round(height, 2),
                        series=name,
                        label=f"{begin.isoformat()}: {number:,}",
                    )
                )
    ticks = tuple(
        (round(index * step + step / 2, 2), (first + timedelta(days=index * per_bar)).strftime("%d %b"))
        for index in range(0, count, max(1, math.ceil(count / 9)))
    )
    return Chart(WIDTH, HEIGHT, top, per_bar, tuple(bars), ticks)


def _volumes(database: Database, directory: Path) -> dict[date, int]:
    """Transfers per UTC day of the admitted history, without the balances carried over at the opening."""
    with open_history(database, directory) as history:
        moved = history.transfers.filter(history.transfers.operation != Operation.OPENING.value)
        transfers = moved.mutate(day=day_of(moved["at"]))
        counts = transfers.group_by("day").agg(rows=transfers.count()).order_by("day")
        rows = history.engine.to_pyarrow(counts).to_pylist()
    return {date.fromordinal(EPOCH_ORDINAL + row["day"]): row["rows"] for row in rows}


def _show(value: Any) -> list[str]:
    """A parameter's value for a reader, line by line."""
    if isinstance(value, Mapping):
        return [f"{name}: {', '.join(_show(each))}" for name, each in value.items()]
    if isinstance(value, list | tuple):
        return [line for each in value for line in _show(each)]
    return ["unknown" if value is None else str(value)]


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%d %b %Y, %H:%M")
