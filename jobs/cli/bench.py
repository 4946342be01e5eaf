"""`emoney bench`: measure this version on this machine. What measures is the checkout's `benchmarks/`."""

import importlib
import sys
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from emoney import jobs
from emoney.jobs.cli.output import AsJson, fail, print_json, screen
from emoney.jobs.cli.terminal.groups import group

app = group("Benchmarks, from a checkout of the source.")


@app.callback()
def _commands() -> None:
    """Benchmarks, from a checkout of the source."""


class Part(StrEnum):
    """What can be measured alone."""

    BATCHES = "batches"
    CALLERS = "callers"
    HISTORY = "history"


@app.command()
def posting(
    quick: Annotated[
        bool, typer.Option("--quick", help="About a minute: fewer turns, 300,000 transfers in the ledger.")
    ] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Seconds, to see that it runs: the figures mean nothing.")
    ] = False,
    only: Annotated[
        list[Part] | None,
        typer.Option(
            help="Measure this part; repeatable. batches: of 1,000 and 10,000, and one hot merchant. "
            "callers: single calls and group commit. history: disk, memory and growth."
        ),
    ] = None,
    growth: Annotated[
        int | None,
        typer.Option(
            min=10_000,
            max=100_000_000,
            help="Transfers in the ledger that is compared with an empty one; by default 5,000,000.",
        ),
    ] = None,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw docs/benchmarks/posting.svg of the checkout anew.")
    ] = False,
    plans: Annotated[
        bool, typer.Option("--plans", help="Show how PostgreSQL finds a balance in the full ledger.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure posting against what PostgreSQL can write, in a database of its own that is then removed.

    By default on 10,000 wallets and up to 5,000,000 transfers: eleven minutes on two cores, and 20 GiB free
    under TMPDIR. Other work on the machine shows in the figures.
    """
    if quick and smoke:
        fail("--quick or --smoke, not both", 2)
    benchmark, report = _of_checkout("posting"), _of_checkout("report")
    drawing = _of_checkout("plot") if plot else None
    if drawing is not None and not drawing.can_draw():
        fail("--plot needs matplotlib: `make install`, or pip install matplotlib")
    scale = benchmark.SCALES["smoke" if smoke else "quick" if quick else "full"]
    result = benchmark.run(scale, report.telling(), [part.value for part in only or ()], growth)
    if as_json:
        print_json(result)
    else:
        report.show(result, plans=plans)
    if drawing is not None:
        drawing.draw(result, benchmark.PLOT)
        if not as_json:
            screen.print(f"drawn: {benchmark.PLOT}", highlight=False, soft_wrap=True)


def _of_checkout(name: str) -> ModuleType:
    """A module of `benchmarks/` beside this package: not in the wheel, so nothing here depends on it."""
    root = Path(jobs.__file__).resolve().parents[1]
    if not (root / "benchmarks" / f"{name}.py").is_file():
        fail(
            "the benchmarks are not part of the installed package. They run from a checkout of the source: "
            "there, `make install`, then `.venv/bin/emoney bench posting`"
        )
    if str(root) not in sys.path:
        sys.path.append(str(root))  # this command's process only: an installation does not name the checkout
    return importlib.import_module(f"benchmarks.{name}")
