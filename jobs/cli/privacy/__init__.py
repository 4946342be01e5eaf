"""`emoney privacy`: the inventory of personal data, the impact assessment, and the keys."""

from pathlib import Path
from typing import Annotated

import typer

from emoney.jobs.cli.output import AsJson, print_json, screen, table
from emoney.jobs.cli.privacy import breach as privacy_breach
from emoney.jobs.cli.privacy import count as privacy_count
from emoney.jobs.cli.privacy import keys as privacy_keys
from emoney.jobs.cli.privacy import pseudonyms as privacy_pseudonyms
from emoney.jobs.cli.privacy import release as privacy_release
from emoney.jobs.cli.privacy import retention as privacy_retention
from emoney.jobs.cli.privacy import rights as privacy_rights
from emoney.jobs.installation import Emoney
from emoney.jobs.tables import metadata
from emoney.privacy.assessment import inventory
from emoney.privacy.assessment import report as assessment

app = typer.Typer(
    help="Personal data: what is held and what leaves, the impact assessment, keys, rights, breaches.",
    no_args_is_help=True,
)
for part in (
    privacy_keys,
    privacy_pseudonyms,
    privacy_release,
    privacy_count,
    privacy_rights,
    privacy_retention,
    privacy_breach,
):
    part.register(app)


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="The directory to write privacy-assessment.html to.")],
) -> None:
    """Write the privacy impact assessment, made from the declared columns and this database's facts."""
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        path = assessment.write_report(
            connection, metadata(), out / "privacy-assessment.html", clock=emoney.clock
        )
    screen.print(f"wrote {path}", highlight=False, soft_wrap=True)


@app.command("inventory")
def inventory_(as_json: AsJson = False) -> None:
    """Every column held: category, purpose, legal basis, retention, and whether it is sealed."""
    held = inventory.read(metadata())
    fields = ("name", "category", "sealed", "purpose", "basis", "retention")
    rows = [tuple(getattr(row, field) for field in fields) for row in held.rows]
    if as_json:
        print_json({"hash": held.hash, "columns": [dict(zip(fields, row, strict=True)) for row in rows]})
    else:
        shown = [(row[0], row[1], "yes" if row[2] else "", row[4]) for row in rows]
        table(f"Inventory {held.hash[:16]}", ("column", "category", "sealed", "legal basis"), shown)
        screen.print("Purposes and retention: --json", highlight=False)
