"""`emoney privacy keys destroy`: one person asks, another agrees, and then it is carried out."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from emoney.jobs.cli.options import Actor, Reason
from emoney.jobs.cli.output import AsJson, print_json, screen
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened_connection
from emoney.ledger import two_persons
from emoney.privacy.keys.control import DESTROY
from emoney.privacy.keys.events import KeyKind

app = group("End a key: one asks, another agrees within seven days, then it is carried out.")


class Kind(StrEnum):
    """What kind of key is destroyed."""

    SUBJECT = "subject"
    KEK = "kek"
    INDEX = "index"
    PSEUDONYM = "pseudonym"


_KINDS = {
    Kind.SUBJECT: KeyKind.SUBJECT_KEY,
    Kind.KEK: KeyKind.KEK,
    Kind.INDEX: KeyKind.INDEX_KEY,
    Kind.PSEUDONYM: KeyKind.PSEUDONYM_KEY,
}

Request = Annotated[UUID, typer.Argument(help="The request's id, as `emoney privacy keys` lists it.")]


@app.command("request")
def request(
    kind: Kind,
    key: Annotated[
        str, typer.Argument(help="A subject's or key-encryption key's id, INDEX/VERSION or DOMAIN/EPOCH.")
    ],
    actor: Actor,
    reason: Reason,
    shred: Annotated[
        bool, typer.Option(help="End a key-encryption key with the subject keys that are still under it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask that a key be destroyed. Nothing happens before another person agrees."""
    with opened_connection() as (emoney, connection):
        asked = emoney.vault.control.request(
            connection, DESTROY, _KINDS[kind], key, actor=actor, reason=reason, shred=shred
        )
    if as_json:
        print_json({"request": asked})
        return
    screen.print(f"request {asked} waits for a second person:", highlight=False, soft_wrap=True)
    _tell(f"approve {asked} --actor … --reason …")


@app.command("approve")
def approve(request: Request, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Agree to what another person asked for. The key is destroyed when it is carried out."""
    with opened_connection() as (emoney, connection):
        asked = two_persons.find(connection, request, [DESTROY])  # not to the export of the root
        emoney.vault.control.approve(connection, request, actor=actor, reason=reason)
    if as_json:
        print_json({"request": request, "outcome": two_persons.APPROVED})
        return
    screen.print(
        f"approved: the end of {asked.details['kind']} {asked.about}, to be carried out within seven days:",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    _tell(f"execute {request}")


@app.command("reject")
def reject(request: Request, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Refuse what another person asked for."""
    with opened_connection() as (emoney, connection):
        two_persons.find(connection, request, [DESTROY])
        emoney.vault.control.reject(connection, request, actor=actor, reason=reason)
    if as_json:
        print_json({"request": request, "outcome": two_persons.REJECTED})
    else:
        screen.print(f"request {request} rejected", highlight=False, soft_wrap=True)


@app.command("execute")
def execute(request: Request, as_json: AsJson = False) -> None:
    """Destroy what two agreed on, just as it was asked. No way back."""
    with opened_connection() as (emoney, connection):
        ended = emoney.vault.control.destroy(connection, request)
    if as_json:
        print_json({"request": request, "keys": ended})
    else:
        screen.print(f"keys destroyed: {ended:,}", highlight=False)


def _tell(what: str) -> None:
    screen.print(f"  emoney privacy keys destroy {what}", highlight=False, soft_wrap=True)
