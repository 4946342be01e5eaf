"""`emoney kyc death`: what follows when a holder has died."""

from typing import Annotated

import typer

from emoney.jobs.cli.kyc.approvals import tell_request
from emoney.jobs.cli.options import Actor, Person, Reason
from emoney.jobs.cli.output import AsJson, Cell, listing, named, screen, utc
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened_connection
from emoney.kyc.evidence import person as persons
from emoney.kyc.life import deaths
from emoney.ledger.accounts import account as accounts

app = group("The death of a holder: report, verify, release, withdraw.")


def register(kyc: typer.Typer) -> None:
    """Add the commands to `emoney kyc`."""
    kyc.add_typer(app, name="death")


@app.command()
def report(person: Person, actor: Actor, reason: Reason) -> None:
    """Report that a person has died: debits of the wallets stop."""
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, person)
        deaths.report(connection, found.id, actor=actor, reason=reason, at=emoney.clock())
    screen.print(f"{person}: reported; verify it by a death_certificate", highlight=False)


@app.command()
def verify(person: Person, actor: Actor, reason: Reason) -> None:
    """Take a death as verified, on a verified death_certificate."""
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, person)
        deaths.verify(connection, found.id, actor=actor, reason=reason, at=emoney.clock())
    screen.print(f"{person}: verified; release the balances to the estate", highlight=False)


@app.command()
def release(
    person: Person,
    funds: Annotated[str, typer.Option(help="The safeguarding or in-transit account that pays.")],
    reference: Annotated[str, typer.Option(help="Of the payment to the estate's bank.")],
    actor: Actor,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Ask that all balances be redeemed to the estate."""
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, person)
        pays = accounts.by_ref_or_id(connection, funds).id
        asked = deaths.request_release(
            connection, found.id, pays, reference=reference, actor=actor, reason=reason, at=emoney.clock()
        )
    tell_request(asked, as_json)


@app.command()
def withdraw(person: Person, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Ask that a report be withdrawn, for the person lives."""
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, person)
        asked = deaths.request_withdrawal(connection, found.id, actor=actor, reason=reason, at=emoney.clock())
    tell_request(asked, as_json)


@app.command("steps")
def steps(person: Person, as_json: AsJson = False) -> None:
    """What was done since the death of a person was reported."""
    with opened_connection() as (_, connection):
        found = deaths.steps(connection, persons.find(connection, person).id)
    printed = named("stage", "actor", "reason", "at")
    columns: dict[str, Cell] = {**printed, "at": lambda each: utc(each.at)}
    listing("Steps", found, columns, as_json, printed=printed)
