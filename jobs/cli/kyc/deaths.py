"""`emoney kyc death`: what follows when a holder has died."""

from typing import Annotated

import typer

from emoney.jobs.cli.kyc.approvals import tell_request
from emoney.jobs.cli.options import Actor, Person, Reason
from emoney.jobs.cli.output import AsJson, print_json, screen, table
from emoney.jobs.installation import Emoney
from emoney.kyc.evidence import person as persons
from emoney.kyc.life import deaths
from emoney.ledger.accounts import account as accounts

app = typer.Typer(help="The death of a holder: report, verify, release, withdraw.", no_args_is_help=True)


@app.command()
def report(person: Person, actor: Actor, reason: Reason) -> None:
    """Report that a person has died: debits of the wallets stop."""
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        found = persons.find(connection, person)
        deaths.report(connection, found.id, actor=actor, reason=reason, at=emoney.clock())
    screen.print(f"{person}: reported; verify it by a death_certificate", highlight=False)


@app.command()
def verify(person: Person, actor: Actor, reason: Reason) -> None:
    """Take a death as verified, on a verified death_certificate."""
    with Emoney.open() as emoney, emoney.database.connection() as connection:
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
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        found = persons.find(connection, person)
        pays = accounts.by_ref_or_id(connection, funds).id
        asked = deaths.request_release(
            connection, found.id, pays, reference=reference, actor=actor, reason=reason, at=emoney.clock()
        )
    tell_request(asked, as_json)


@app.command()
def withdraw(person: Person, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Ask that a report be withdrawn, for the person lives."""
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        found = persons.find(connection, person)
        asked = deaths.request_withdrawal(connection, found.id, actor=actor, reason=reason, at=emoney.clock())
    tell_request(asked, as_json)


@app.command("steps")
def steps(person: Person, as_json: AsJson = False) -> None:
    """What was done since the death of a person was reported."""
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        found = deaths.steps(connection, persons.find(connection, person).id)
    if as_json:
        print_json(
            [
                {"stage": each.stage, "actor": each.actor, "reason": each.reason, "at": each.at}
                for each in found
            ]
        )
        return
    table(
        "Steps",
        ("stage", "actor", "reason", "at"),
        [(each.stage, each.actor, each.reason, each.at) for each in found],
    )
