"""`emoney privacy pseudonyms` and `emoney privacy reidentify`, the way back by two persons."""

from typing import Annotated
from uuid import UUID

import typer

from emoney.jobs.cli.options import Actor, Reason
from emoney.jobs.cli.output import AsJson, print_json, screen, table
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.privacy.pseudonyms import reidentification
from emoney.privacy.pseudonyms.domains import Pseudonyms, domains

Name = Annotated[str, typer.Argument(help="The domain's name, such as fraud-study.")]

pseudonyms = group("Domains of analysis: a subject has another pseudonym in each.")
reidentify = group("Whom a token stands for: takes two persons.")


def register(privacy: typer.Typer) -> None:
    """Add the commands to `emoney privacy`."""
    privacy.add_typer(pseudonyms, name="pseudonyms")
    privacy.add_typer(reidentify, name="reidentify")


@pseudonyms.command("create")
def create(
    name: Name,
    purpose: Annotated[str, typer.Option(help="What the analysis is for.")],
    actor: Actor,
    reversible: Annotated[bool, typer.Option(help="Random tokens, with a way back.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a domain and start its first epoch."""
    with opened_connection() as (emoney, connection):
        made = Pseudonyms(emoney.vault.providers, name, emoney.clock).create(
            connection, purpose=purpose, reversible=reversible, actor=actor
        )
    if as_json:
        print_json(made)
    else:
        screen.print(f"{made.name}: epoch {made.epoch} started", highlight=False)


@pseudonyms.command("rotate")
def rotate(name: Name, actor: Actor, as_json: AsJson = False) -> None:
    """Start a domain's next epoch: new pseudonyms that cannot be joined with those before."""
    with opened_connection() as (emoney, connection):
        epoch = Pseudonyms(emoney.vault.providers, name, emoney.clock).rotate(connection, actor=actor)
    if as_json:
        print_json({"domain": name, "epoch": epoch})
    else:
        screen.print(f"{name}: epoch {epoch} started", highlight=False)


@pseudonyms.command("list")
def list_domains(as_json: AsJson = False) -> None:
    """The domains there are."""
    with opened_connection() as (_, connection):
        found = domains(connection)
    if as_json:
        print_json(found)
        return
    rows = [(each.name, "yes" if each.reversible else "", each.epoch, each.purpose) for each in found]
    table("Domains", ("domain", "reversible", "epoch", "purpose"), rows, right=("epoch",))


@reidentify.command("request")
def request(
    domain: Name,
    token: Annotated[str, typer.Argument(help="The pseudonym, 32 hexadecimal digits.")],
    purpose: Annotated[str, typer.Option(help="A purpose that fields are opened for.")],
    reason: Reason,
    actor: Actor,
    as_json: AsJson = False,
) -> None:
    """Ask whom a token stands for."""
    with opened_connection() as (emoney, connection):
        asked = reidentification.request(
            connection, domain, token, purpose=purpose, reason=reason, actor=actor, at=emoney.clock()
        )
    if as_json:
        print_json({"request": asked})
        return
    screen.print(f"request {asked} waits for a second person:", highlight=False, soft_wrap=True)
    screen.print(
        f"  emoney privacy reidentify approve {asked} --actor … --reason …", highlight=False, soft_wrap=True
    )


Request = Annotated[UUID, typer.Argument(help="The request's id.")]


@reidentify.command("approve")
def approve(request: Request, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Grant a request of another person, and tell the subject."""
    with opened() as emoney:
        subject = reidentification.approve(
            emoney.database, request, actor=actor, reason=reason, at=emoney.clock()
        )
    if as_json:
        print_json({"request": request, "subject": subject})
    else:
        screen.print(f"subject {subject}", highlight=False)


@reidentify.command("reject")
def reject(request: Request, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Refuse a request of another person."""
    with opened_connection() as (emoney, connection):
        reidentification.reject(connection, request, actor=actor, reason=reason, at=emoney.clock())
    if as_json:
        print_json({"request": request, "outcome": "rejected"})
    else:
        screen.print(f"request {request} rejected", highlight=False, soft_wrap=True)


@reidentify.command("list")
def list_requests(as_json: AsJson = False) -> None:
    """What was asked for, by whom, and what became of it."""
    with opened_connection() as (_, connection):
        found = reidentification.every(connection)
    if as_json:
        print_json(found)
        return
    rows = [
        (e.id, e.domain, e.requested_by, f"{e.outcome} by {e.decided_by}" if e.outcome else "waits")
        for e in found
    ]
    table("Re-identifications", ("request", "domain", "asked by", "state"), rows)
    screen.print("Purposes, reasons and times: --json", highlight=False)
