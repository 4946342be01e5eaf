"""`emoney periods`: closing the books of a period, and checking later that they are as they were closed."""

from typing import Annotated, Any

import typer

from emoney.jobs.cli.output import AsJson, Cell, json_of, listing, named, print_json, screen, table, utc
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.ledger import periods
from emoney.ledger.periods import PeriodCheck, PeriodTotal
from emoney.ledger.transfers.money import format_amount, to_decimal

_PRINTED = named("id", "starts_at", "ends_at", "time_zone", "closed_at", "actor", "transfers", period="name")
"""The fields of a period that JSON has."""

app = group("Closed periods: nothing counts in them any more.")

Name = Annotated[str, typer.Argument(help="A month such as 2026-10, or 2026-10-31 for all through that day.")]


@app.command()
def close(
    name: Name,
    time_zone: Annotated[str, typer.Option(help="Whose calendar days, such as Africa/Accra.")] = "UTC",
    actor: Annotated[
        str,
        typer.Option(envvar="EMONEY_ACTOR", help="Who closes it, as an id of your own; no person's name."),
    ] = "command line",
    as_json: AsJson = False,
) -> None:
    """Close the books of all currencies up to a period's end, for good. Once more changes nothing."""
    with opened() as emoney:
        period = periods.close(emoney.ledger, name, time_zone=time_zone, actor=actor)
    if as_json:
        print_json(json_of(period, **_PRINTED))
    else:
        screen.print(
            f"{period.name} is closed: nothing counts before {utc(period.ends_at)} any more",
            highlight=False,
        )


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """The closed periods, oldest first."""
    with opened_connection() as (_, connection):
        found = periods.periods(connection)
    columns: dict[str, Cell] = {
        "period": "name",
        "from": lambda period: "beginning" if period.starts_at is None else utc(period.starts_at),
        "to before": lambda period: utc(period.ends_at),
        "transfers": lambda period: "not summed" if period.transfers is None else period.transfers,
        "closed": lambda period: utc(period.closed_at),
        "actor": "actor",
    }
    listing("Closed periods", found, columns, as_json, right=("transfers",), printed=_PRINTED)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """A closed period's trial balance, summed again. Exit code 1 when it is not what the close recorded."""
    with opened_connection() as (_, connection):
        found = periods.check(connection, name)
    if as_json:
        print_json(
            {
                **json_of(found.period, **_PRINTED),
                "holds": found.holds,
                "transfers_found": found.transfers_found,
                "recorded": [_total_json(total) for total in found.recorded],
                "found": [_total_json(total) for total in found.found],
            }
        )
    else:
        _show(found)
    if not found.holds:
        raise typer.Exit(1)


def _show(found: PeriodCheck) -> None:
    numbers = ("debits", "credits", "balance")
    title = f"What counts before {utc(found.period.ends_at)}"
    table(title, ("currency", "kind", *numbers), _rows(found.recorded), right=numbers)
    if found.holds:
        screen.print(f"[green]as it was closed[/]: {found.transfers_found:,} transfers", highlight=False)
    elif found.period.transfers is None:
        screen.print("[bold red]not summed[/]: close it once more", highlight=False)
    else:
        screen.print("[bold red]NOT as it was closed[/]; its transfers give", highlight=False)
        table(
            f"{found.transfers_found:,} transfers",
            ("currency", "kind", *numbers),
            _rows(found.found),
            right=numbers,
        )


def _rows(totals: tuple[PeriodTotal, ...]) -> list[tuple[Any, ...]]:
    return [
        (t.currency, t.kind, *(format_amount(each, t.currency) for each in (t.debits, t.credits, t.balance)))
        for t in totals
    ]


def _total_json(total: PeriodTotal) -> dict[str, Any]:
    return {
        "currency": total.currency,
        "kind": total.kind,
        "debits": to_decimal(total.debits, total.currency),
        "credits": to_decimal(total.credits, total.currency),
        "balance": to_decimal(total.balance, total.currency),
    }
