"""What a person sees: tables and progress, JSON where asked for, errors that say what to do."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NoReturn
from uuid import UUID

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import (
    Progress as ProgressBars,
)
from rich.table import Table

from emoney.ledger.base.progress import Progress

screen = Console()
notices = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def print_json(value: Any) -> None:
    """`value` as JSON on standard output, and nothing else there."""
    json.dump(value, sys.stdout, indent=2, default=_plain, ensure_ascii=False)
    sys.stdout.write("\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[str] = ()
) -> None:
    """A table on the terminal; the columns named in `right`, of numbers, are aligned right and never cut."""
    drawn = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for number, column in enumerate(columns):
        at_right = column in right
        drawn.add_column(
            column,
            justify="right" if at_right else "left",
            overflow="fold",
            no_wrap=number == 0 or at_right,
        )
    for row in rows:
        drawn.add_row(*(escape(str(cell)) for cell in row))
    screen.print(drawn)


def utc(at: datetime) -> str:
    """A moment to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z"


@contextmanager
def progress() -> Iterator[Progress]:
    """Progress bars on standard error, one per phase, gone when all is done. Silent where nobody watches."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with ProgressBars(*columns, console=notices, transient=True, disable=not notices.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def observe(phase: str, done: int, of: int | None) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=of)
            bars.update(tasks[phase], completed=done, total=of)

        yield observe


def fail(message: str, code: int = 1) -> NoReturn:
    """End the command with an error on standard error. 1: refused or found wrong; 2: misused."""
    notices.print(f"[bold red]error[/]: {escape(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(code)
