"""`emoney kyc explain`, `emoney kyc headroom`: what would happen, what did, and what is left."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import typer

from jobs.cli.output import AsJson, fail, print_json, screen
from kyc.explain import Asked, Explanation
from kyc.explain import explain as ask
from kyc.packs import load_pack
from kyc.standing import read_state

STATE_CHARACTERS_MAX = 1_000_000


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
        load_pack(pack), tier, operation, amount, read_state(_parse(state)), datetime.now(UTC)
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
    what = f"{asked.operation} of {said['amount']} {asked.pack.currency}"
    where = f"{asked.tier.id} of {asked.pack.id} on {asked.day}"
    colour = {"allow": "green", "allow_until_end_of_day": "yellow"}.get(answer.decision, "red")
    screen.print(f"{what} at {where}: [bold {colour}]{answer.decision}[/]", highlight=False)
    rows = [
        (name, said[key])
        for name, key in (
            ("rule", "rule"),
            ("limit", "limit"),
            ("used so far", "used"),
            ("still allowed", "headroom"),
            ("again from", "until"),
            ("by", "source"),
        )
        if said[key] is not None
    ]
    if answer.unknown:
        rows.append(("note", "the number is not known, so nothing is allowed"))
    if not answer.rules_asked:
        rows.append(("note", "no rule of this tier measures this operation"))
    if asked.pack.status == "draft":
        rows.append(("note", "a draft: in force nowhere yet"))
    if not asked.pack.all_primary:
        rows.append(("note", "numbers from secondary sources: verify before relying on them"))
    for name, value in rows:
        screen.print(f"  {name:14}{value}", highlight=False, markup=False, soft_wrap=True)


def _show_refusal(transfer_id: str, as_json: bool) -> None:
    raise NotImplementedError
