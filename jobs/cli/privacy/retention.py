"""`emoney privacy retention`: the rules, what has expired, its destruction by two, the certificates."""

from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from emoney.jobs.cli.options import Actor
from emoney.jobs.cli.output import AsJson, fail, print_json, screen, table
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened_connection
from emoney.kyc.persons import erasure as erasing
from emoney.privacy.erasure import certificates, erasure
from emoney.privacy.erasure.certificates import Certificate
from emoney.privacy.rights import retention

app = group(
    "How long data is kept, and its end: destroyed by two, with a certificate.", no_args_is_help=False
)

Month = Annotated[
    datetime, typer.Argument(formats=["%Y-%m"], help="The month of the expiry, such as 2031-06.")
]


def register(privacy: typer.Typer) -> None:
    """Add the commands to `emoney privacy`."""
    privacy.add_typer(app, name="retention")


@app.callback(invoke_without_command=True)
def rules(context: typer.Context, as_json: AsJson = False) -> None:
    """The rules: how long what must be kept, where, and by which text."""
    if context.invoked_subcommand is not None:
        return
    found = retention.rules()
    if as_json:
        print_json([rule.model_dump(mode="json") for rule in found])
        return
    rows = [
        (
            rule.id,
            " ".join(rule.jurisdictions[:3]) + (" …" if len(rule.jurisdictions) > 3 else ""),
            f"{rule.valid_from} to {rule.valid_until or '…'}",
            f"{rule.years} years",
            rule.source,
            rule.confidence,
        )
        for rule in found
    ]
    table("Retention", ("rule", "where", "for what ends", "kept", "source", "confidence"), rows)


@app.command()
def sweep(actor: Actor, as_json: AsJson = False) -> None:
    """Give all whose relationship has ended the day on which their records end; run it every day."""
    with opened_connection() as (emoney, connection):
        begun = erasing.sweep(connection, emoney.vault, packs=emoney.packs, actor=actor, at=emoney.clock())
        changed = erasing.review_erasures(
            connection, emoney.vault, packs=emoney.packs, actor=actor, at=emoney.clock()
        )
    if as_json:
        print_json([asdict(each) for each in [*begun, *changed]])
    else:
        screen.print(
            f"{len(begun)} persons and {len(changed)} waiting requests have a day now", highlight=False
        )


@app.command()
def due(as_json: AsJson = False) -> None:
    """Erasures whose month is over and that no legal hold stands against. Exit code 1 when there are any."""
    with opened_connection() as (emoney, connection):
        found = erasure.expired(connection, emoney.clock().date())
    if as_json:
        print_json(found)
    else:
        rows = [(each.id, each.keep_until, len(each.subjects)) for each in found]
        table("Expired", ("request", "kept until", "records"), rows, right=("records",))
    if found:
        raise typer.Exit(1)


@app.command()
def ask(month: Month, actor: Actor, as_json: AsJson = False) -> None:
    """Ask that the keys of a month be destroyed. Another person approves each request within seven days."""
    with opened_connection() as (emoney, connection):
        asked = erasure.ask(connection, emoney.vault, _first(month), actor=actor)
    if as_json:
        print_json(asked)
    else:
        for each in asked:
            state = "approved" if each.approved else "waits for another person's approval"
            screen.print(f"key request {each.request_id}: {state}", highlight=False)


@app.command()
def approve(
    request: Annotated[UUID, typer.Argument(help="The key request, as `ask` gave it.")], actor: Actor
) -> None:
    """Agree to the destruction of a month's key, as another person than asked for it."""
    with opened_connection() as (emoney, connection):
        emoney.vault.control.approve(connection, request, actor=actor)
    screen.print("approved", highlight=False)


@app.command()
def destroy(month: Month, actor: Actor, as_json: AsJson = False) -> None:
    """Destroy the keys of a month, remove all rows of the persons, and issue the certificates. No way back.

    A run that was killed is finished by the next, which says so.
    """
    with opened_connection() as (emoney, connection):
        erased = erasure.execute(connection, emoney.vault, _first(month), erasing.remove, actor=actor)
    if as_json:
        print_json(erased)
        return
    for each in erased:
        whole = "" if each.complete else "; a key above it still lives, see `check`"
        whole += "; a run before had destroyed its key and was killed" if each.resumed else ""
        screen.print(
            f"request {each.request_id}: erased, certificate {each.certificate_id}{whole}", highlight=False
        )


@app.command("certificates")
def certificates_(as_json: AsJson = False) -> None:
    """The certificates of destruction."""
    with opened_connection() as (_, connection):
        found = certificates.issued(connection)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            each.id,
            each.request_id,
            f"{each.issued_at:%Y-%m-%d}",
            "yes" if each.complete else "no",
            _rows(each),
        )
        for each in found
    ]
    table("Certificates", ("certificate", "request", "issued", "complete", "rows"), rows, right=("rows",))


@app.command()
def check(
    certificate: Annotated[UUID, typer.Argument(help="A certificate, or its request.")],
    file: Annotated[
        list[Path] | None,
        typer.Option(
            help="A plain dump, or a folder of the server's files, to be searched too; may be repeated."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold what a certificate claims against the database, the key provider, and files. Exit code 1: not so.

    What a file still has is told and counted, but proves nothing wrong where every key above it is destroyed:
    nobody can open it.
    """
    missing = [path for path in file or [] if not path.exists()]
    if missing:
        fail(f"{missing[0]}: there is no such file", 2)
    with opened_connection() as (emoney, connection):
        found = certificates.find(connection, certificate)
        checks = certificates.check(connection, emoney.vault, found)
    remains = [certificates.search(path, found) for path in file or []]
    if as_json:
        print_json(
            {
                "certificate": asdict(found),
                "checks": [asdict(each) for each in checks],
                "files": [asdict(each) for each in remains],
            }
        )
    else:
        for each in checks:
            screen.print(f"{'not so' if each.wrong else 'so':<7} {each.claim}", highlight=False)
            for wrong in each.wrong:
                screen.print(f"        {wrong}", highlight=False, soft_wrap=True, markup=False)
        for left in remains:
            told = f"{left.marks} remains of sealed fields, {left.ids} of ids"
            screen.print(f"        {left.path}: {told}", highlight=False, soft_wrap=True, markup=False)
    if any(each.wrong for each in checks):
        raise typer.Exit(1)


def _first(month: datetime) -> date:
    return month.date().replace(day=1)


def _rows(certificate: Certificate) -> int:
    return sum(certificate.content["rows"].values())
