"""`emoney aml`: monitoring, alerts and the monitoring report."""

from pathlib import Path
from typing import Annotated

import typer

from emoney.aml import monitoring, report
from emoney.aml.alerts import alert as stored
from emoney.aml.history import transfers as history
from emoney.aml.scenarios import KINDS
from emoney.jobs.cli.output import AsJson, fail, print_json, progress, screen, table
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection

app = group("Anti-money-laundering monitoring.")


@app.command()
def run(as_json: AsJson = False) -> None:
    """Extract new transfers to the history, then run every scenario over it. Run again, nothing doubles."""
    with opened() as emoney, progress() as observe:
        extracted = history.extract(
            emoney.database,
            emoney.history,
            clock=emoney.clock,
            progress=observe,
        )
        found = monitoring.run(
            emoney.database,
            emoney.history,
            clock=emoney.clock,
            progress=observe,
        )
    if as_json:
        print_json({"extracted": extracted.rows, **found.to_json()})
        return
    numbers = ("alerts", "new", "grown", "seconds")
    rows = [
        (each.title, each.alerts, each.new, each.grown, f"{each.seconds:.1f}") for each in found.scenarios
    ]
    table("Monitoring", ("scenario", *numbers), rows, right=numbers)
    for each in found.scenarios:
        for currency, reason in each.skipped.items():
            screen.print(f"{each.title} did not judge {currency}: {reason}", highlight=False)
    screen.print(f"{extracted.rows:,} new transfers; {found.transfers:,} in the history.", highlight=False)


@app.command()
def alerts(
    scenario: Annotated[str | None, typer.Option(help="Only alerts of this scenario.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only alerts on this account reference.")] = None,
    score_min: Annotated[float, typer.Option(min=0, max=1, help="Only alerts of at least this score.")] = 0.0,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, by falling score.")] = None,
    as_json: AsJson = False,
) -> None:
    """The alerts, most suspicious first. Confidential: a customer must not learn of an alert."""
    names = [kind.name for kind in KINDS]
    if scenario is not None and scenario not in names:  # an empty list would read as an all-clear
        fail(f"there is no scenario {scenario!r}; there are {', '.join(names)}", 2)
    with opened_connection() as (_, connection):
        found = stored.list_alerts(
            connection, scenario=scenario, subject=subject, score_min=score_min, limit=limit
        )
    if as_json:
        print_json([alert.to_json() for alert in found])
        return
    rows = [
        (
            f"{alert.score:.2f}",
            alert.scenario,
            alert.subject,
            f"{alert.window_start:%Y-%m-%d} to {alert.window_end:%Y-%m-%d}",
            alert.why,
        )
        for alert in found
    ]
    columns = ("score", "scenario", "subject", "window", "why")
    table(f"{len(found)} alerts", columns, rows, right=("score",))


@app.command("report")
def report_(
    out: Annotated[Path, typer.Option(help="The directory to write monitoring.html to.")],
) -> None:
    """Write the monitoring report as one HTML page."""
    with opened() as emoney:
        path = report.write_report(
            emoney.database, emoney.history, out / "monitoring.html", clock=emoney.clock
        )
    screen.print(f"wrote {path}", highlight=False, soft_wrap=True)
