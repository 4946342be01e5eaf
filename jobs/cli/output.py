"""What a person sees: tables and progress, JSON where asked for, errors that say what to do."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Annotated, Any, NoReturn

import typer

from emoney.jobs.cli.terminal.json_values import json_of as json_of  # for the commands, as all of these
from emoney.jobs.cli.terminal.json_values import named as named
from emoney.jobs.cli.terminal.screens import notices as notices
from emoney.jobs.cli.terminal.screens import screen as screen
from emoney.jobs.cli.terminal.tables import table as table
from emoney.ledger.base.errors import EmoneyError
from emoney.ledger.base.progress import Progress, silent

JSON_OPTION = "--json"

AsJson = Annotated[bool, typer.Option(JSON_OPTION, help="Print JSON instead of a table.")]

Cell = str | Callable[[Any], Any]
"""What a table shows of a record: a field by its name, or what a function makes of it."""


class Refused(EmoneyError):
    """What a command was asked for and does not do, for the reason that its text says."""

    exit_code = 1


class Misused(Refused):
    """A command that was given what does not go together, or what it does not know."""

    exit_code = 2


def print_json(value: Any) -> None:
    """`value` as JSON on standard output, and nothing else there; see `json_of` for what it may be."""
    json.dump(json_of(value), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def listing(
    title: str,
    found: Iterable[Any],
    columns: Mapping[str, Cell],
    as_json: bool,
    *,
    right: Iterable[str] = (),
    printed: Mapping[str, str] | None = None,
) -> None:
    """A listing: a table whose `columns` say what of each record they show, or the records as JSON.

    `printed`: the fields that JSON has, as `json_of` takes them, where it is not all of them.
    """
    records = list(found)
    if as_json:
        print_json([json_of(each, **(printed or {})) for each in records])
        return
    rows = [[_cell(each, cell) for cell in columns.values()] for each in records]
    table(title, tuple(columns), rows, right=tuple(right))


def _cell(record: Any, cell: Cell) -> Any:
    if callable(cell):
        return cell(record)
    return record[cell] if isinstance(record, Mapping) else getattr(record, cell)


def amount(minor: int, currency: str) -> str:
    """Minor units as a person reads them: `4,710.00 GHS`."""
    from emoney.ledger.transfers.money import amount_text  # here: no JSON and no help needs the currencies

    return amount_text(minor, currency)


def utc(at: datetime) -> str:
    """A moment to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z"


def day(at: date | None) -> str:
    """The day of a moment, or nothing."""
    return "" if at is None else f"{at:%Y-%m-%d}"


@contextmanager
def progress() -> Iterator[Progress]:
    """Progress bars on standard error, one per phase, gone when all is done. Silent where nobody watches."""
    if not notices.is_terminal:
        yield silent
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as ProgressBars

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with ProgressBars(*columns, console=notices.console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def observe(phase: str, done: int, of: int | None) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=of)
            bars.update(tasks[phase], completed=done, total=of)

        yield observe


def fail(message: str, code: int = 1) -> NoReturn:
    """End the command with an error. 1: refused or found wrong; 2: misused."""
    raise (Misused if code == 2 else Refused)(message)


def tell_error(error: EmoneyError, arguments: list[str]) -> int:
    """Print an error on standard error; returns the exit code.

    For a program that asked for JSON also `{"error": {"code", "message"}}` on standard output, unless the
    command was misused and so never ran.
    """
    exit_code: int = getattr(error, "exit_code", 1)
    if JSON_OPTION in arguments and exit_code == 1:
        print_json({"error": {"code": error.code, "message": str(error)}})
    complain(str(error))
    return exit_code


def complain(message: str) -> None:
    """A line on standard error, in red where somebody watches."""
    if notices.is_terminal:
        notices.print(f"error: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    else:
        notices.line(f"error: {message}")
