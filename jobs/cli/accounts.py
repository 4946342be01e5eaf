"""`emoney accounts`: one account as it stands, the chart as a tree, and what may be changed of an account."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from emoney.jobs.cli.kyc.approvals import tell_request
from emoney.jobs.cli.options import Actor, ActorOrAnybody, Reason
from emoney.jobs.cli.output import AsJson, amount, fail, print_json, screen, table
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.jobs.installation import Emoney
from emoney.ledger import account_changes, profile_changes
from emoney.ledger.account_changes import LEVELS_MAX, Change
from emoney.ledger.accounts import account as accounts
from emoney.ledger.accounts import freezes, hierarchy
from emoney.ledger.accounts.account import METADATA_BYTES_MAX, Account
from emoney.ledger.accounts.freezes import Freeze
from emoney.ledger.accounts.hierarchy import Node, Tree
from emoney.ledger.transfers.money import format_amount, to_decimal, to_minor

app = group("Accounts: shown, frozen, bounded, moved, closed; the chart as a tree.")

Ref = Annotated[str, typer.Argument(help="The account's external reference, or its id.")]


@app.command()
def show(account_ref: Ref, as_json: AsJson = False) -> None:
    """An account as it stands, and every change of it."""
    with opened_connection() as (emoney, connection):
        account = accounts.by_ref_or_id(connection, account_ref, emoney.clock())
        parent = None if account.parent_id is None else _name(accounts.get(connection, account.parent_id))
        metadata = accounts.metadata(connection, account.id)
        changes = account_changes.changes(connection, account.id)
        standing = freezes.standing(connection, account.id)
    if as_json:
        print_json(_account_json(account, parent, metadata, standing, changes))
        return
    frozen = [f"{_sides(each.debit, each.credit)} ({each.kind.replace('_', ' ')})" for each in standing]
    rows = [
        ("id", account.id),
        ("kind", account.kind),
        ("balance", _amount(account.balance, account)),
        ("available", _amount(account.available, account)),
        ("floor", "none" if account.floor is None else _amount(account.floor, account)),
        ("ceiling", "none" if account.ceiling is None else _amount(account.ceiling, account)),
        ("frozen for", ", ".join(frozen) or "nothing"),
        ("opened", f"{account.opened_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"),
        ("closed", f"{account.closed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" if account.closed_at else "no"),
        ("below", parent or "none"),
        ("limits", account.profile_id or "none"),
        ("metadata", json.dumps(metadata, ensure_ascii=False) if metadata else "none"),
    ]
    table(f"Account {_name(account)}", ("", "value"), rows)
    if changes:
        table(
            "Changes",
            ("no", "when (UTC)", "what", "actor", "why"),
            [
                (c.number, f"{c.at.astimezone(UTC):%Y-%m-%d %H:%M}", _said(c, account), c.actor, c.reason)
                for c in changes
            ],
        )


@app.command()
def tree(
    at: Annotated[
        datetime | None, typer.Option(help="As it stood at this moment, UTC; now by default.")
    ] = None,
    levels: Annotated[int, typer.Option(min=1, max=LEVELS_MAX, help="Show so many levels.")] = LEVELS_MAX,
    as_json: AsJson = False,
) -> None:
    """The chart of accounts: each account with all below it summed, and one line per kind for all others."""
    moment = None if at is None else at.replace(tzinfo=UTC)
    with opened_connection() as (_, connection):
        found = hierarchy.tree(connection, moment, levels=levels)
    if as_json:
        print_json(_tree_json(found, moment))
        return
    rows: list[tuple[Any, ...]] = []
    for node in found.top:
        rows += _lines(node)
    if rows:
        numbers = ("accounts below", "own balance", "total")
        table("Accounts in the hierarchy", ("account", "kind", "currency", *numbers), rows, right=numbers)
    others = [(o.kind, o.currency, o.accounts, format_amount(o.total, o.currency)) for o in found.others]
    sums = ("accounts", "total")
    table("All other accounts", ("kind", "currency", *sums), others, right=sums)


@app.command()
def freeze(
    account_ref: Ref,
    reason: Reason,
    debit: Annotated[bool, typer.Option(help="Refuse what goes out.")] = True,
    credit: Annotated[bool, typer.Option(help="Refuse what comes in.")] = True,
    *,
    actor: ActorOrAnybody,
    as_json: AsJson = False,
) -> None:
    """Refuse debits and credits from now on; --no-credit or --no-debit leaves one side as it is."""
    _set_frozen(account_changes.freeze, account_ref, debit, credit, actor, reason, as_json)


@app.command()
def unfreeze(
    account_ref: Ref,
    reason: Reason,
    debit: Annotated[bool, typer.Option(help="Take what goes out again.")] = True,
    credit: Annotated[bool, typer.Option(help="Take what comes in again.")] = True,
    *,
    actor: ActorOrAnybody,
    as_json: AsJson = False,
) -> None:
    """Lift the operator's own freeze; --no-credit or --no-debit leaves one side as it is.

    Freezes for other causes stand: compliance lifts its own by two persons.
    """
    _set_frozen(account_changes.unfreeze, account_ref, debit, credit, actor, reason, as_json)


@app.command()
def close(account_ref: Ref, reason: Reason, actor: ActorOrAnybody, as_json: AsJson = False) -> None:
    """Close an account for good. Refused unless it holds nothing and nothing is held on it or for it."""
    with opened() as emoney:
        account = _find(emoney, account_ref)
        change = account_changes.close(emoney.ledger, account.id, actor=actor, reason=reason)
    _tell(account, change, as_json)


@app.command()
def bounds(
    account_ref: Ref,
    reason: Reason,
    floor: Annotated[
        str | None,
        typer.Option(help="The least it may hold, such as 25.00; what its kind asks for by default."),
    ] = None,
    ceiling: Annotated[str | None, typer.Option(help="The most it may hold; no ceiling by default.")] = None,
    *,
    actor: ActorOrAnybody,
    as_json: AsJson = False,
) -> None:
    """Set both bounds of an account's balance; one that is not named is taken away."""
    with opened() as emoney:
        account = _find(emoney, account_ref)
        low, high = (None if b is None else to_minor(b, account.currency) for b in (floor, ceiling))
        change = account_changes.set_bounds(
            emoney.ledger, account.id, floor=low, ceiling=high, actor=actor, reason=reason
        )
    _tell(account, change, as_json)


@app.command()
def move(
    account_ref: Ref,
    reason: Reason,
    below: Annotated[
        str | None, typer.Option(help="The account to stand below; below none by default.")
    ] = None,
    *,
    actor: ActorOrAnybody,
    as_json: AsJson = False,
) -> None:
    """Place an account, with all that stands below it, below another one of its currency and side."""
    with opened() as emoney:
        account = _find(emoney, account_ref)
        parent: UUID | None = None if below is None else _find(emoney, below).id
        change = account_changes.move(emoney.ledger, account.id, parent, actor=actor, reason=reason)
    _tell(account, change, as_json)


@app.command("lift-limits")
def lift_limits(account_ref: Ref, reason: Reason, actor: Actor, as_json: AsJson = False) -> None:
    """Ask that an account be without limits, there already or to be opened. Another person approves it."""
    with opened_connection() as (emoney, connection):
        found = accounts.find(connection, [account_ref]).get(account_ref)
        account_id = accounts.id_of_reference(account_ref) if found is None else found.id
        asked = profile_changes.request_lifting(
            connection, account_id, actor=actor, reason=reason, at=emoney.clock()
        )
    tell_request(asked, as_json)


@app.command("set-metadata")
def set_metadata(account_ref: Ref) -> None:
    """Replace what is kept about an account with the JSON object on standard input; no personal data."""
    text = sys.stdin.read(4 * METADATA_BYTES_MAX + 1)
    try:
        metadata: Any = json.loads(text) if len(text) <= 4 * METADATA_BYTES_MAX else None
    except (ValueError, RecursionError):
        fail("standard input is not JSON")
    with opened_connection() as (emoney, connection):
        account = accounts.by_ref_or_id(connection, account_ref)
        accounts.set_metadata(connection, account.id, metadata, at=emoney.clock())
    screen.print(f"{_name(account)}: metadata replaced", highlight=False, markup=False)


def _set_frozen(
    change: Callable[..., Change],
    account_ref: str,
    debit: bool,
    credit: bool,
    actor: str,
    reason: str,
    as_json: bool,
) -> None:
    if not debit and not credit:
        fail("--no-debit and --no-credit together leave nothing to do", 2)
    with opened() as emoney:
        account = _find(emoney, account_ref)
        changed = change(emoney.ledger, account.id, debit=debit, credit=credit, actor=actor, reason=reason)
    _tell(account, changed, as_json)


def _find(emoney: Emoney, account_ref: str) -> Account:
    with emoney.database.connection() as connection:
        return accounts.by_ref_or_id(connection, account_ref)


def _name(account: Account) -> str:
    return account.external_ref or str(account.id)


def _amount(minor: int, account: Account) -> str:
    return amount(minor, account.currency)


def _tell(account: Account, change: Change, as_json: bool) -> None:
    if as_json:
        print_json({"account": _name(account), "id": account.id, **change.to_json()})
    else:
        screen.print(f"{_name(account)}: {_said(change, account)}", highlight=False, markup=False)


def _said(change: Change, account: Account) -> str:
    """A change in words."""
    if change.kind in ("freeze", "unfreeze"):
        kind = "" if change.freeze_kind == account_changes.OPERATOR else f" ({change.freeze_kind})"
        frozen = _sides(change.frozen_debit, change.frozen_credit)
        return f"{change.kind}{kind}: frozen for {frozen or 'nothing'}"
    if change.kind == "bounds":
        low, high = ("none" if b is None else _amount(b, account) for b in (change.floor, change.ceiling))
        return f"bounds: floor {low}, ceiling {high}"
    if change.kind == "parent":
        return f"parent: below {change.parent_id or 'none'}"
    if change.kind == "profile":
        return f"limits: {change.profile_id or 'none'}"
    return "closed"


def _sides(debit: bool | None, credit: bool | None) -> str:
    return " and ".join(side for side, is_ in (("debits", debit), ("credits", credit)) if is_)


def _lines(node: Node) -> list[tuple[Any, ...]]:
    own, total = (format_amount(minor, node.currency) for minor in (node.balance, node.total))
    name = "  " * (node.level - 1) + node.name
    line = (name, node.kind, node.currency, node.below, own, total)
    return [line, *(deeper for child in node.children for deeper in _lines(child))]


def _account_json(
    account: Account,
    parent: str | None,
    metadata: dict[str, Any],
    standing: list[Freeze],
    changes: list[Change],
) -> dict[str, Any]:
    def decimal(minor: int | None) -> Any:
        return None if minor is None else to_decimal(minor, account.currency)

    return {
        "account": _name(account),
        "id": account.id,
        "kind": account.kind,
        "currency": account.currency,
        "holder": account.holder,
        "profile": account.profile_id,
        "balance": decimal(account.balance),
        "available": decimal(account.available),
        "held": decimal(account.pending),
        "floor": decimal(account.floor),
        "ceiling": decimal(account.ceiling),
        "frozen_debit": account.frozen_debit,
        "frozen_credit": account.frozen_credit,
        "freezes": [asdict(each) for each in standing],
        "opened_at": account.opened_at,
        "closed_at": account.closed_at,
        "parent": parent,
        "version": account.version,
        "metadata": metadata,
        "changes": [change.to_json() for change in changes],
    }


def _tree_json(found: Tree, moment: datetime | None) -> dict[str, Any]:
    def node_json(node: Node) -> dict[str, Any]:
        return {
            "account": node.name,
            "id": node.account_id,
            "kind": node.kind,
            "currency": node.currency,
            "balance": to_decimal(node.balance, node.currency),
            "total": to_decimal(node.total, node.currency),
            "below": node.below,
            "children": [node_json(child) for child in node.children],
        }

    return {
        "at": moment,
        "tree": [node_json(node) for node in found.top],
        "others": [
            {
                "kind": other.kind,
                "currency": other.currency,
                "accounts": other.accounts,
                "total": to_decimal(other.total, other.currency),
            }
            for other in found.others
        ],
    }
