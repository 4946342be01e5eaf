"""`emoney kyc approvals`, and the commands that ask for one: override, freeze, unfreeze, evidence, links."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from emoney.jobs.cli.options import Actor, Reason
from emoney.jobs.cli.output import AsJson, json_of, named, print_json, screen
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.kyc import approved_actions
from emoney.kyc.approvals import ACTIONS, Action
from emoney.kyc.persons.rectification import Rectification
from emoney.kyc.wallets import freezing, overrides
from emoney.kyc.wallets.freezing import FreezeKind
from emoney.kyc.wallets.restrictions import downgrades
from emoney.ledger import proofs, two_persons
from emoney.ledger.accounts import account as accounts
from emoney.ledger.two_persons import Request

app = group("What takes a second person: requests, approvals, rejections.")


def register(kyc: typer.Typer) -> None:
    """Add the commands to `emoney kyc`."""
    kyc.add_typer(app, name="approvals")
    kyc.command("override")(override)
    kyc.command("freeze")(freeze)
    kyc.command("unfreeze")(unfreeze)


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Decided and expired ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """The requests that wait for a second person, the oldest first."""
    with opened_connection() as (emoney, connection):
        found = (
            two_persons.every(connection, ACTIONS)
            if every
            else two_persons.waiting(connection, emoney.clock(), ACTIONS)
        )
    if as_json:
        print_json([json_of(each, **_PRINTED) for each in found])
        return
    for each in found:
        what = ", ".join(f"{name} {value}" for name, value in each.details.items())
        screen.print(
            f"{each.id}  {each.action.replace('_', ' ')} of {each.subject}", highlight=False, soft_wrap=True
        )
        asked = f"asked by {each.requested_by}, open until {each.expires_at:%Y-%m-%d %H:%M}, {_state(each)}"
        for line in filter(None, (what, asked, each.reason)):
            screen.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)
    if not found:
        screen.print("nothing waits for a second person" if not every else "nothing was ever asked for")


@app.command()
def approve(
    request: Annotated[UUID, typer.Argument(help="The request's id.")],
    actor: Actor,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Approve a request of another one, and do what it asks for."""
    with opened() as emoney:
        with emoney.database.connection() as connection:
            action = two_persons.find(connection, request, ACTIONS).action
        with emoney.database.connection() as connection:
            done = approved_actions.approve(
                connection,
                request,
                packs=emoney.packs,
                actor=actor,
                reason=reason,
                at=emoney.clock(),
                ledger=emoney.ledger,
                policies=downgrades(emoney.home),
                key=proofs.signing_key(connection, emoney.home) if action == Action.PACK_ACCEPTANCE else None,
                rectification=Rectification.of(emoney),
            )
    _tell(done, as_json)


@app.command()
def reject(
    request: Annotated[UUID, typer.Argument(help="The request's id.")],
    actor: Actor,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Refuse a request of another one."""
    with opened_connection() as (emoney, connection):
        done = two_persons.reject(connection, request, ACTIONS, actor=actor, reason=reason, at=emoney.clock())
    _tell(done, as_json)


def override(
    wallet: Annotated[str, typer.Argument(help="The wallet's reference or account id.")],
    tier: Annotated[str, typer.Argument(help="The tier to put it at.")],
    until: Annotated[datetime, typer.Option(help="When it ends, in UTC.")],
    actor: Actor,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Ask that a wallet be put at a tier that the evidence does not reach, for a time."""
    with opened_connection() as (emoney, connection):
        account = accounts.by_ref_or_id(connection, wallet).id
        ends = until.replace(tzinfo=UTC)
        asked = overrides.request(
            connection,
            account,
            tier,
            packs=emoney.packs,
            until=ends,
            actor=actor,
            reason=reason,
            at=emoney.clock(),
        )
    tell_request(asked, as_json)


def freeze(
    wallet: Annotated[str, typer.Argument(help="The wallet's reference or account id.")],
    actor: Actor,
    reason: Reason,
    kind: Annotated[
        FreezeKind, typer.Option(help="Why: each kind stands by itself.")
    ] = FreezeKind.COMPLIANCE,
    debit: Annotated[bool, typer.Option(help="Stop debits.")] = True,
    credit: Annotated[bool, typer.Option(help="Stop credits.")] = True,
    as_json: AsJson = False,
) -> None:
    """Stop a wallet. One person may; to let it go takes two."""
    with opened_connection() as (emoney, connection):
        account = accounts.by_ref_or_id(connection, wallet).id
        freezing.freeze(
            connection,
            account,
            kind=kind,
            debit=debit,
            credit=credit,
            actor=actor,
            reason=reason,
            at=emoney.clock(),
        )
        now = accounts.get(connection, account)
    stopped = {"wallet": wallet, "debits stopped": now.frozen_debit, "credits stopped": now.frozen_credit}
    if as_json:
        print_json({key.replace(" ", "_"): value for key, value in stopped.items()})
    else:
        screen.print(", ".join(f"{key} {value}" for key, value in stopped.items()), highlight=False)


def unfreeze(
    wallet: Annotated[str, typer.Argument(help="The wallet's reference or account id.")],
    actor: Actor,
    reason: Reason,
    kind: Annotated[FreezeKind, typer.Option(help="Which of the staff's freezes.")] = FreezeKind.COMPLIANCE,
    as_json: AsJson = False,
) -> None:
    """Ask that a frozen wallet be let go; freezes of other kinds stand."""
    with opened_connection() as (emoney, connection):
        account = accounts.by_ref_or_id(connection, wallet).id
        asked = freezing.request_unfreezing(
            connection, account, kind=kind, actor=actor, reason=reason, at=emoney.clock()
        )
    tell_request(asked, as_json)


def tell_request(request: UUID, as_json: bool) -> None:
    """Tell what was asked for, and what is to be done next."""
    if as_json:
        print_json({"request": request})
        return
    screen.print(f"request {request} waits for a second person:", highlight=False, soft_wrap=True)
    screen.print(
        f"  emoney kyc approvals approve {request} --actor … --reason …", highlight=False, soft_wrap=True
    )


def _tell(done: Request, as_json: bool) -> None:
    if as_json:
        print_json(json_of(done, **_PRINTED))
    else:
        screen.print(f"{done.action} of {done.subject}: {done.outcome} by {done.decided_by}", highlight=False)


def _state(each: Request) -> str:
    return "waits" if each.outcome is None else f"{each.outcome} by {each.decided_by}"


_PRINTED = named(
    "action",
    "subject",
    "details",
    "reason",
    "requested_by",
    "requested_at",
    "expires_at",
    "outcome",
    "decided_by",
    "decision_reason",
    "decided_at",
    request="id",
)
"""The fields of a request that JSON has."""
