"""`emoney kyc explain`, `emoney kyc headroom`: what would happen, what did, and what is left."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import typer

from emoney.jobs.cli.output import AsJson, fail, print_json, screen, table
from emoney.jobs.cli.terminal.opened import opened_connection
from emoney.jobs.installation import policy_packs
from emoney.kyc.limits.explain import Asked, Explanation
from emoney.kyc.limits.explain import explain as ask
from emoney.kyc.limits.stated import read_state

STATE_CHARACTERS_MAX = 1_000_000


def register(kyc: typer.Typer) -> None:
    """Add the commands to `emoney kyc`."""
    kyc.command("explain")(explain)
    kyc.command("headroom")(headroom)


def explain(
    pack: Annotated[str | None, typer.Option(help="The policy pack.")] = None,
    tier: Annotated[str | None, typer.Option(help="The tier of the wallet.")] = None,
    operation: Annotated[str | None, typer.Option(help="What is tried, such as p2p_out.")] = None,
    amount: Annotated[str | None, typer.Option(help="How much, as a decimal in the pack's currency.")] = None,
    state: Annotated[
        str, typer.Option(help="What the wallet holds and has used, as a JSON object; all keys optional.")
    ] = "{}",
    refusal: Annotated[
        str | None,
        typer.Option(help="Instead: the id of a transfer that was refused.", metavar="TRANSFER_ID"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What would happen if a wallet at a tier did something, and by which rule of which text.

    Asks the function that posting asks. Keys of the state: balance, wallet_balances, used, opened, at,
    reloadable, loaded_before, loaded_with_cash, phone_not_validated, cohorts, payee: docs/policy-packs.md.
    """
    question = (pack, tier, operation, amount)
    if refusal is not None:
        if any(part is not None for part in question) or state != "{}":
            fail("a refusal is explained by itself: give --refusal alone", 2)
        _show_refusal(refusal, as_json)
        return
    if pack is None or tier is None or operation is None or amount is None:
        fail("say --pack, --tier, --operation and --amount; or --refusal", 2)
    asked, answer = ask(
        policy_packs().pack(pack), tier, operation, amount, read_state(_parse(state)), datetime.now(UTC)
    )
    said = _said(asked, answer)
    if as_json:
        print_json(said)
        return
    _show(asked, answer, said)


def _parse(state: str) -> Any:
    if len(state) > STATE_CHARACTERS_MAX:
        fail(f"the state has {len(state):,} characters; at most {STATE_CHARACTERS_MAX:,} are read", 2)
    try:
        return json.loads(state, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        at = (
            f" at line {error.lineno}, column {error.colno}"
            if isinstance(error, json.JSONDecodeError)
            else ""
        )
        fail(f"the state is not JSON{at}", 2)


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _said(asked: Asked, answer: Explanation) -> dict[str, Any]:
    pack = asked.pack
    left = answer.headroom
    return {
        "decision": answer.decision,
        "rule": answer.rule,
        "headroom": _plain(left),
        "source": answer.source,
        "limit": _plain(answer.limit),
        "used": _plain(answer.used),
        "metric": answer.metric,
        "unknown": answer.unknown,
        "until": answer.until,
        "headroom_after": _plain(left - asked.amount)
        if left is not None and answer.decision == "allow"
        else None,
        "pack": pack.id,
        "tier": asked.tier.id,
        "operation": asked.operation,
        "amount": _plain(asked.amount),
        "currency": pack.currency,
        "at": asked.at,
        "local_day": asked.day,
        "rules_asked": answer.rules_asked,
        "draft": pack.status == "draft",
        "needs_acceptance": not pack.all_primary,
    }


def _show(asked: Asked, answer: Explanation, said: dict[str, Any]) -> None:
    what = f"{asked.operation} of {asked.amount:,f} {asked.pack.currency}"
    where = f"{asked.tier.id} of {asked.pack.id} on {asked.day}"
    colour = {"allow": "green", "allow_until_end_of_day": "yellow"}.get(answer.decision, "red")
    screen.print(f"{what} at {where}: [bold {colour}]{answer.decision}[/]", highlight=False)
    _print_rows(said, _ANSWERED, _unit(answer.metric, asked.pack.currency))
    if answer.unknown:
        _print_row("note", _UNKNOWN)
    if not answer.rules_asked:
        _print_row("note", "no rule of this tier measures this operation")
    if asked.pack.status == "draft":
        _print_row("note", "a draft: in force nowhere yet")
    if not asked.pack.all_primary:
        _print_row("note", "numbers from secondary sources: verify before relying on them")


_REFUSED = {
    "rule": "rule",
    "limit": "limit",
    "used": "used so far",
    "headroom": "still allowed",
    "source": "by",
}
_ANSWERED = {**_REFUSED, "until": "again from"}
_UNKNOWN = "the number is not known, so nothing is allowed"


_NUMBERS = ("limit", "used", "headroom")
_NOT_THERE = {"headroom": "", "limit": "unknown", "used": ""}


def _print_rows(said: dict[str, Any], names: dict[str, str], unit: str) -> None:
    for key, name in names.items():
        if said[key] is not None:
            _print_row(name, _number(said[key], unit) if key in _NUMBERS else said[key])


def _unit(metric: str | None, currency: str) -> str:
    """What the numbers of a rule are of."""
    return "transfers" if metric == "count" else currency


def _number(said: str, unit: str) -> str:
    return f"{Decimal(said):,f} {unit}"


def _print_row(name: str, value: Any) -> None:
    screen.print(f"  {name:14}{value}", highlight=False, markup=False, soft_wrap=True)


def _show_refusal(transfer_id: str, as_json: bool) -> None:
    from emoney.kyc.limits.refusals import refusal_of

    try:
        asked = UUID(transfer_id)
    except ValueError:
        fail("a transfer's id is a UUID, such as 018f0c1e-7a5b-7c3d-8e2f-0123456789ab", 2)
    with opened_connection() as (_, connection):
        found = refusal_of(connection, asked)
    said = {
        key: f"{value:f}" if isinstance(value, Decimal) else value for key, value in asdict(found).items()
    }
    if as_json:
        order = ("decision", "rule", "headroom", "source")
        print_json({key: said[key] for key in order} | said)
        return
    what = f"{found.operation} of {found.amount:,f} {found.currency} on {found.at:%Y-%m-%d %H:%M:%S %Z}"
    screen.print(f"{what}: [bold red]{found.decision}[/]", highlight=False)
    _print_rows(said, _REFUSED, _unit("count" if found.counts else None, found.currency))
    if found.unknown:
        _print_row("note", _UNKNOWN)


def headroom(
    wallet: Annotated[str, typer.Argument(help="The wallet's reference, or its account's id.")],
    as_json: AsJson = False,
) -> None:
    """What a wallet may still do: each rule in force now, its limit, and what is used of it."""
    from emoney.kyc.limits.refusals import headroom_of
    from emoney.ledger.accounts import account as accounts

    with opened_connection() as (emoney, connection):
        account = accounts.by_ref_or_id(connection, wallet)
        found = headroom_of(connection, account.id, emoney.clock())
    rules = [
        {key: f"{value:f}" if isinstance(value, Decimal) else value for key, value in asdict(left).items()}
        for left in found.rules
    ]
    if as_json:
        about = {
            "wallet": wallet,
            "profile": found.profile,
            "currency": found.currency,
            "balance": f"{found.balance:f}",
            "local_day": found.day,
        }
        print_json(about | {"rules": rules})
        return
    rows = [
        (
            left["rule"].rsplit("/", 1)[1],
            left["direction"],
            *(
                _number(left[name], _unit(left["metric"], found.currency)) if left[name] else _NOT_THERE[name]
                for name in ("headroom", "limit", "used")
            ),
            left["decision"].replace("_", " "),
        )
        for left in rules
    ]
    title = f"{wallet} at {found.profile} on {found.day}, balance {found.balance:,f} {found.currency}"
    columns = ("rule", "money", "still allowed", "limit", "used", "above")
    table(title, columns, rows, right=("still allowed", "limit", "used"))
