"""`emoney safeguarding`: bank statements in, the daily reconciliation, own funds."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from emoney.jobs.cli.output import AsJson, amount, print_json, screen, table
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened_connection
from emoney.ledger import safeguarding
from emoney.ledger.accounts import account as accounts
from emoney.ledger.reports import as_of
from emoney.ledger.reports.as_of import TimeBasis
from emoney.ledger.safeguarding.own_funds import OwnFunds, parse_month
from emoney.ledger.safeguarding.reconciliation import Event, Reconciliation
from emoney.ledger.transfers.money import format_amount, to_decimal

app = group("Bank statements, the daily reconciliation, own funds.")

TimeZone = Annotated[
    str | None,
    typer.Option(help="Whose calendar days, such as Africa/Accra; else the setting safeguarding.time_zone."),
]


@app.command("import-statement")
def import_statement(
    file: Annotated[Path, typer.Argument(help="camt.053 (XML) or MT940.")],
    account_ref: Annotated[
        str, typer.Option("--account", help="The safeguarding account's external reference, or its id.")
    ],
    as_json: AsJson = False,
) -> None:
    """Store a bank's statements: all of a file's or none. A second run changes nothing."""
    with opened_connection() as (emoney, connection):
        account = accounts.by_ref_or_id(connection, account_ref)
        found = safeguarding.import_statements(connection, file, account, emoney.clock())
    if as_json:
        print_json(
            [
                {
                    "id": one.id,
                    "statement": one.statement_ref,
                    "format": one.format,
                    "closing_on": one.closing_on,
                    "closing_balance": to_decimal(one.closing_balance, account.currency),
                    "entries": one.entries,
                    "imported": not one.replayed,
                }
                for one in found
            ]
        )
        return
    rows = [
        (
            one.statement_ref,
            one.closing_on,
            amount(one.closing_balance, account.currency),
            one.entries,
            "was there" if one.replayed else "imported",
        )
        for one in found
    ]
    columns = ("statement", "closes on", "balance", "entries", "")
    table(f"Statements of {account_ref}", columns, rows, right=("balance", "entries"))


@app.command()
def reconcile(
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day; yesterday by default.")
    ] = None,
    time_zone: TimeZone = None,
    transit_days: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="How many days an item may be in transit; else the setting safeguarding.transit_days.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold outstanding e-money, the books and the banks against each other. Exit code 1 on a shortfall or
    break."""
    with opened_connection() as (emoney, connection):
        zone = time_zone or emoney.settings.safeguarding.time_zone
        yesterday = emoney.clock().astimezone(as_of.zone(zone)).date() - timedelta(days=1)
        found = safeguarding.reconcile(
            connection,
            day.date() if day else yesterday,
            time_zone=zone,
            transit_days_max=(
                emoney.settings.safeguarding.transit_days if transit_days is None else transit_days
            ),
            clock=emoney.clock,
        )
    if as_json:
        print_json(_reconciliation_json(found))
    else:
        _show(found)
    if not found.clean:
        raise typer.Exit(1)


@app.command("own-funds")
def own_funds(
    month: Annotated[str, typer.Option(help="The month they are for, such as 2026-07.")],
    time_zone: TimeZone = None,
    by: Annotated[
        TimeBasis, typer.Option(help="posted: when it was booked; effective: when it counts.")
    ] = TimeBasis.POSTED,
    as_json: AsJson = False,
) -> None:
    """The own funds a month requires: a share of the average outstanding over the six months before."""
    with opened_connection() as (emoney, connection):
        found = safeguarding.own_funds(
            connection,
            parse_month(month),
            time_zone=time_zone or emoney.settings.safeguarding.time_zone,
            basis=by,
            clock=emoney.clock,
        )
    if as_json:
        print_json([_own_funds_json(one) for one in found])
        return
    rows = [
        (
            one.currency,
            f"{_average(one):,f}",
            format_amount(one.lowest, one.currency),
            format_amount(one.highest, one.currency),
            format_amount(one.required, one.currency),
        )
        for one in found
    ]
    numbers = ("average", "lowest", "highest", "own funds")
    table(f"Own funds for {month}", ("currency", *numbers), rows, right=numbers)
    for one in found:
        if not one.complete:
            screen.print(
                f"{one.currency}: the ledger does not reach back to {one.first_day}, so a projection is due",
                highlight=False,
            )


def _average(found: OwnFunds) -> Decimal:
    """The exact average, shown to the minor unit, rounded half to even."""
    return to_decimal(round(found.average), found.currency)


def _own_funds_json(found: OwnFunds) -> dict[str, Any]:
    currency = found.currency
    return {
        "currency": currency,
        "month": f"{found.month:%Y-%m}",
        "first_day": found.first_day,
        "last_day": found.last_day,
        "days": found.days,
        "average_outstanding": _average(found),
        "lowest": to_decimal(found.lowest, currency),
        "highest": to_decimal(found.highest, currency),
        "percent": found.percent,
        "own_funds": to_decimal(found.required, currency),
        "complete": found.complete,
        "source": found.source,
    }


def _reconciliation_json(found: Reconciliation) -> dict[str, Any]:
    def decimal(minor: int | None, currency: str) -> Decimal | None:
        return None if minor is None else to_decimal(minor, currency)

    return {
        "id": found.id,
        "day": found.day,
        "time_zone": found.time_zone,
        "as_of": found.as_of,
        "clean": found.clean,
        "transit_days_max": found.transit_days_max,
        "currencies": [
            {
                "currency": one.currency,
                "requirement": decimal(one.requirement, one.currency),
                "safeguarded": decimal(one.safeguarded, one.currency),
                "in_transit": decimal(one.in_transit, one.currency),
                "at_banks": decimal(one.at_banks, one.currency),
                "available_at_banks": decimal(one.available_at_banks, one.currency),
            }
            for one in found.currencies
        ],
        "accounts": [
            {
                "account": one.name,
                "id": one.account_id,
                "currency": one.currency,
                "books": decimal(one.books, one.currency),
                "bank": decimal(one.bank, one.currency),
                "statement_day": one.statement_day,
                "unexplained": decimal(one.unexplained, one.currency),
                "items": [
                    {
                        "side": item.side,
                        "amount": decimal(item.amount, one.currency),
                        "since": item.day,
                        "age_days": (found.day - item.day).days,
                        "reference": item.reference,
                        "transfer": item.transfer_id,
                        "statement": item.statement_id,
                        "entry": item.entry_number,
                    }
                    for item in one.items
                ],
            }
            for one in found.accounts
        ],
        "events": [
            {
                "kind": event.kind,
                "currency": event.currency,
                "amount": decimal(event.amount, event.currency),
                "account": _name(found, event),
                "since": event.since,
                "age_days": event.age_days,
                "reference": event.reference,
            }
            for event in found.events
        ],
    }


def _name(found: Reconciliation, event: Event) -> str | None:
    return next((one.name for one in found.accounts if one.account_id == event.account_id), None)


def _show(found: Reconciliation) -> None:
    numbers = ("requirement", "safeguarded", "in transit", "at banks", "counted there")
    rows = [
        (
            one.currency,
            *(
                format_amount(minor, one.currency)
                for minor in (
                    one.requirement,
                    one.safeguarded,
                    one.in_transit,
                    one.at_banks,
                    one.available_at_banks,
                )
            ),
        )
        for one in found.currencies
    ]
    title = f"Safeguarding at the end of {found.day}, {found.time_zone}"
    table(title, ("currency", *numbers), rows, right=numbers)
    sides = [
        (
            one.name,
            amount(one.books, one.currency),
            "no statement" if one.bank is None else amount(one.bank, one.currency),
            one.statement_day or "",
            len(one.items),
        )
        for one in found.accounts
    ]
    columns = ("account", "books", "bank", "statement", "open items")
    table("Per bank account", columns, sides, right=("books", "bank", "open items"))
    if found.clean:
        screen.print("[green]no shortfall, no break[/]")
        return
    events = [
        (
            event.kind,
            _name(found, event) or event.currency,
            amount(event.amount, event.currency),
            event.since,
            event.age_days,
            event.reference or "",
        )
        for event in found.events
    ]
    table(
        "Shortfalls and breaks",
        ("kind", "of", "amount", "since", "days", "reference"),
        events,
        right=("amount", "days"),
    )
