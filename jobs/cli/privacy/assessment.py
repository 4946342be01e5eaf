"""`emoney privacy report` and `emoney privacy inventory`: what is held, and at what risk."""

from pathlib import Path
from typing import Annotated

import typer

from emoney.jobs.cli.output import AsJson, print_json, screen, table
from emoney.jobs.cli.terminal.opened import opened_connection
from emoney.jobs.tables import metadata
from emoney.privacy.assessment import inventory
from emoney.privacy.assessment import report as assessment


def register(privacy: typer.Typer) -> None:
    """Add the commands to `emoney privacy`."""
    privacy.command("report")(report)
    privacy.command("inventory")(inventory_)


def report(
    out: Annotated[Path, typer.Option(help="The directory to write privacy-assessment.html to.")],
) -> None:
    """Write the privacy impact assessment, from what columns declare and this database holds."""
    with opened_connection() as (emoney, connection):
        path = assessment.write_report(
            connection, metadata(), out / "privacy-assessment.html", clock=emoney.clock
        )
    screen.print(f"wrote {path}", highlight=False, soft_wrap=True)


def inventory_(as_json: AsJson = False) -> None:
    """Every column held: category, purpose, legal basis, retention, whether it is sealed."""
    held = inventory.read(metadata())
    fields = ("name", "category", "sealed", "purpose", "basis", "retention")
    rows = [tuple(getattr(row, field) for field in fields) for row in held.rows]
    if as_json:
        print_json({"hash": held.hash, "columns": [dict(zip(fields, row, strict=True)) for row in rows]})
    else:
        shown = [(row[0], row[1], "yes" if row[2] else "", row[4]) for row in rows]
        table(f"Inventory {held.hash[:16]}", ("column", "category", "sealed", "legal basis"), shown)
        screen.print("Purposes and retention: --json", highlight=False)
