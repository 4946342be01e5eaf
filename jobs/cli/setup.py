"""`emoney init` and `emoney demo`."""

from pathlib import Path
from typing import Annotated

import typer

from emoney.jobs import installation as emoney
from emoney.jobs.cli.output import AsJson, json_of, named, print_json, progress, screen


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("init")(init)
    app.command("demo")(demo)


def init() -> None:
    """Make the database ready, or bring it up to date.

    Uses the database of EMONEY_DATABASE_URL, as its owner, or else the embedded one under EMONEY_HOME.
    """
    changed = emoney.init()
    screen.print("The database is ready." if changed else "The database is up to date already.")


def demo(
    out: Annotated[Path, typer.Option(help="Where the demo's installation and reports go.")] = Path(
        "emoney-demo"
    ),
    seed: Annotated[int, typer.Option(help="The same seed gives the same operator.")] = 7,
    persons: Annotated[int, typer.Option(min=50, max=20_000, help="Customers to enrol.")] = 1500,
    days: Annotated[int, typer.Option(min=7, max=90, help="Days of transfers.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Simulate a wallet operator in an installation of its own: enrol, post, monitor, report."""
    from emoney.jobs.demo import render, run_demo

    with progress() as observe:
        result = run_demo(out, seed=seed, persons=persons, days=days, progress=observe)
    if as_json:
        print_json(
            json_of(result) | json_of(result, **named("persons", "refused", "alerts", "total_seconds"))
        )
    else:
        screen.print(render(result))
    if not result.sound:
        raise typer.Exit(1)
