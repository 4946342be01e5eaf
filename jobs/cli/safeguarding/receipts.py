"""`emoney receipts`: what arrived at the bank, recorded before e-money is issued against it."""

from typing import Annotated, Any
from uuid import UUID

import typer

from emoney.jobs.cli.options import Actor, Reason
from emoney.jobs.cli.output import (
    AsJson,
    Cell,
    amount,
    day,
    fail,
    json_of,
    listing,
    named,
    print_json,
    screen,
    table,
    utc,
)
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened
from emoney.jobs.installation import Emoney
from emoney.ledger.receipts import Policy, Receipt, receipt
from emoney.ledger.receipts import policy as policies
from emoney.ledger.transfers.money import to_decimal, to_minor

app = group("Receipts: what arrived at the bank, which e-money is issued against.")

Ref = Annotated[str, typer.Argument(help="The account's external reference, or its id.")]
Reference = Annotated[str, typer.Argument(help="The bank's or the collector's reference of what arrived.")]
Statement = Annotated[
    str | None, typer.Option(help="The reference of the bank's statement that confirms it.")
]
Entry = Annotated[int | None, typer.Option(min=1, help="The number of the entry in that statement.")]


@app.command()
def record(
    account_ref: Ref,
    reference: Reference,
    received: Annotated[str, typer.Argument(metavar="AMOUNT", help="In major units, such as 4000.00.")],
    *,
    actor: Actor,
    reason: Reason,
    statement: Statement = None,
    entry: Entry = None,
    opening: Annotated[
        bool, typer.Option("--opening", help="It covers balances carried over from another ledger.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Record what arrived. The same again changes nothing."""
    with opened() as emoney:
        account, currency = _account(emoney, account_ref)
        found = emoney.receipts.record(
            account,
            reference,
            to_minor(received, currency),
            currency,
            actor=actor,
            reason=reason,
            statement=statement,
            entry=entry,
            opening=opening,
        )
    _tell(found, account_ref, as_json=as_json)


@app.command("list")
def list_(
    account_ref: Annotated[
        str | None, typer.Option("--account", help="Of this account alone: its reference or id.")
    ] = None,
    open_only: Annotated[bool, typer.Option("--open", help="Those alone that are not used up.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = receipt.LISTED_MAX,
    as_json: AsJson = False,
) -> None:
    """The receipts, the newest first."""
    with opened() as emoney, emoney.receipts.reading() as connection:
        account = None if account_ref is None else receipt.account(connection, account_ref)[0]
        found = receipt.every(connection, account, open_only=open_only, most=limit)
    if as_json:
        print_json([_json(each) for each in found])
        return
    columns: dict[str, Cell] = {
        "reference": "reference",
        "amount": lambda each: amount(each.amount, each.currency),
        "issued": lambda each: amount(each.drawn, each.currency),
        "left": lambda each: amount(each.left, each.currency),
        "confirmed by": _confirmed,
        "recorded": lambda each: day(each.recorded_at),
    }
    listing("Receipts", found, columns, as_json=False, right=("amount", "issued", "left"))


@app.command()
def show(account_ref: Ref, reference: Reference, as_json: AsJson = False) -> None:
    """A receipt, and what was issued on it."""
    with opened() as emoney, emoney.receipts.reading() as connection:
        account_id, _ = receipt.account(connection, account_ref)
        found = receipt.find(connection, account_id, reference)
        issued = receipt.issues(connection, found.id)
    if as_json:
        issues = [{"transfer": each, "amount": to_decimal(minor, found.currency)} for each, minor in issued]
        print_json(_json(found) | {"issues": issues})
        return
    rows = [
        ("account", account_ref),
        ("for", "issues" if found.purpose == "issue" else "balances carried over"),
        ("amount", amount(found.amount, found.currency)),
        ("received", amount(found.received, found.currency)),
        ("issued", amount(found.drawn, found.currency)),
        ("left", amount(found.left, found.currency)),
        ("confirmed by", _confirmed(found) or "nothing"),
        ("recorded", utc(found.recorded_at)),
        ("actor", found.actor),
        ("reason", found.reason),
    ]
    table(f"Receipt {reference}", ("", "value"), rows)
    if issued:
        lines = [(each, amount(minor, found.currency)) for each, minor in issued]
        table("Issued on it", ("transfer", "amount"), lines, right=("amount",))


@app.command()
def match(
    account_ref: Ref,
    reference: Annotated[
        str | None, typer.Argument(help="The receipt; without it, all of the same reference and amount.")
    ] = None,
    *,
    statement: Statement = None,
    entry: Entry = None,
    actor: Actor,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Confirm receipts by entries of the account's bank statements."""
    with opened() as emoney:
        account, _ = _account(emoney, account_ref)
        if reference is None:
            if statement is not None or entry is not None:
                fail("--statement and --entry are of one receipt: name it", 2)
            found = emoney.receipts.match_by_reference(account, actor=actor, reason=reason)
        elif statement is None or entry is None:
            fail("name the entry that confirms it: --statement and --entry", 2)
        else:
            matched = emoney.receipts.match(account, reference, statement, entry, actor=actor, reason=reason)
            found = [matched]
    if as_json:
        print_json([_json(each) for each in found])
        return
    for each in found:
        screen.print(f"{each.reference} is confirmed by {_confirmed(each)}", highlight=False)
    if not found:
        screen.print("nothing is confirmed: no entry has the reference and amount of an open receipt")


@app.command()
def policy(
    new: Annotated[Policy | None, typer.Argument(help="What is issued against from now on.")] = None,
    actor: Annotated[str | None, typer.Option(envvar="EMONEY_ACTOR", help="Who sets it.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why it is set.")] = None,
    as_json: AsJson = False,
) -> None:
    """What e-money is issued against, shown or set, and every change of it."""
    with opened() as emoney:
        if new is not None:
            if actor is None or reason is None:
                fail("say who sets it and why: --actor and --reason", 2)
            emoney.receipts.set_policy(new, actor=actor, reason=reason)
        with emoney.receipts.reading() as connection:
            current, changes = policies.current(connection), policies.history(connection)
    if as_json:
        print_json({"policy": current, "changes": [json_of(each) for each in changes]})
        return
    screen.print(f"e-money is issued by the policy {current}", highlight=False)
    if changes:
        rows = [(each.policy, each.actor, each.reason, utc(each.at)) for each in changes]
        table("Changes", ("policy", "actor", "reason", "at"), rows)


@app.command()
def withdraw(
    account_ref: Ref,
    reference: Reference,
    part: Annotated[
        str | None, typer.Argument(metavar="AMOUNT", help="In major units; all that is left, without it.")
    ] = None,
    *,
    actor: Actor,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Ask to withdraw what did not arrive; it takes another person's `approve`."""
    with opened() as emoney:
        account, currency = _account(emoney, account_ref)
        minor = None if part is None else to_minor(part, currency)
        request = emoney.receipts.ask_withdrawal(account, reference, minor, actor=actor, reason=reason)
    if as_json:
        print_json({"request": request})
    else:
        screen.print(f"asked for as {request}: another person approves it", highlight=False)


@app.command()
def approve(
    request: Annotated[str, typer.Argument(help="The request's id.")],
    *,
    actor: Actor,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Withdraw what another person asked for, as far as nothing is issued on it."""
    with opened() as emoney:
        found = emoney.receipts.approve_withdrawal(request, actor=actor, reason=reason)
    _tell(found, str(found.account_id), as_json=as_json)


@app.command()
def reject(
    request: Annotated[str, typer.Argument(help="The request's id.")],
    *,
    actor: Actor,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Refuse to withdraw what another person asked for."""
    with opened() as emoney:
        found = emoney.receipts.reject_withdrawal(request, actor=actor, reason=reason)
    if as_json:
        print_json({"request": found.id, "outcome": found.outcome})
    else:
        screen.print(f"{found.id} is rejected", highlight=False)


def _account(emoney: Emoney, name: str) -> tuple[UUID, str]:
    with emoney.receipts.reading() as connection:
        return receipt.account(connection, name)


def _tell(found: Receipt, account_ref: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_json(found))
        return
    left, received = (amount(minor, found.currency) for minor in (found.left, found.received))
    screen.print(f"{found.reference} on {account_ref}: {left} of {received} left to issue", highlight=False)


def _confirmed(found: Receipt) -> str:
    return "" if found.statement is None else f"{found.statement} entry {found.entry}"


def _json(found: Receipt) -> dict[str, Any]:
    money = {name: to_decimal(getattr(found, name), found.currency) for name in _MONEY}
    return {**json_of(found, **named(*_FIELDS, account="account_id")), **money}


_FIELDS = (
    "id",
    "reference",
    "purpose",
    "currency",
    "statement",
    "entry",
    "actor",
    "reason",
    "recorded_at",
)
_MONEY = ("amount", "received", "drawn", "left")
