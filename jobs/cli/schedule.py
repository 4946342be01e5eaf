"""`emoney jobs`: what runs on a schedule."""

import signal
from collections.abc import Callable
from typing import Annotated

import typer

from emoney.jobs import schedule
from emoney.jobs.cli.output import AsJson, print_json, progress, screen, table
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened
from emoney.jobs.settings import Settings

app = group("Scheduled jobs: extraction and monitoring.")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """The jobs and when they run."""
    settings = Settings()
    rows = [(job.name, *job.when(settings), job.title) for job in schedule.JOBS.values()]
    if as_json:
        print_json([dict(zip(("name", "cron", "time_zone", "title"), row, strict=True)) for row in rows])
    else:
        table("Jobs", ("name", "when (cron)", "in", "what"), rows)


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="A job's name, from `emoney jobs list`.")],
    as_json: AsJson = False,
) -> None:
    """Run one job now. Exit code 1 where it finds a shortfall or break."""
    job = schedule.find(name)
    with opened() as emoney, progress() as observe:
        done = job.run(emoney, observe)
    if as_json:
        print_json({"job": job.name, **done})
    else:
        screen.print(
            f"{job.name}: " + ", ".join(f"{key} {value}" for key, value in done.items()), highlight=False
        )
    if any(done[alarm] for alarm in job.alarms):
        raise typer.Exit(1)


@app.command()
def start() -> None:
    """Run all jobs on their schedules until stopped (Ctrl-C or SIGTERM)."""
    with opened() as emoney:
        schedule.start(emoney, lambda text: screen.print(text, highlight=False), on_signals)


def on_signals(stop: Callable[[], None]) -> None:
    """Have SIGTERM and SIGINT stop the schedule."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop())
