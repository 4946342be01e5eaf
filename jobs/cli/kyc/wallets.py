"""`emoney kyc` for wallets: those above their tier, and those long unused."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer

from emoney.jobs.cli.options import Actor, GoodsOnly, OneCountry, Reason, Reloadable
from emoney.jobs.cli.output import (
    AsJson,
    Cell,
    amount,
    day,
    fail,
    json_of,
    listing,
    named,
    notices,
    print_json,
    progress,
    screen,
    table,
)
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.kyc.life import dormancy
from emoney.kyc.life.dormancy_rules import dormancy_rules
from emoney.kyc.wallets import assignment as binding
from emoney.kyc.wallets import downgrade, end_of_day
from emoney.kyc.wallets import reassignment as rebinding
from emoney.kyc.wallets import stated_features as wallet_features
from emoney.kyc.wallets.restrictions import downgrades as policies
from emoney.ledger.accounts import account as accounts

Wallet = Annotated[str, typer.Argument(help="The wallet's reference or account id.")]
GROUNDS = ("litigation", "fraud_investigation", "lien", "error_under_investigation")

app = group("Wallets long unused: list, exempt, reactivate.")


def register(kyc: typer.Typer) -> None:
    """Add the commands to `emoney kyc`."""
    kyc.command("downgrades")(downgrades)
    kyc.command("rebind")(rebind)
    kyc.command("end-of-day")(ended_above)
    kyc.command("features")(features)
    kyc.add_typer(app, name="dormancy")


def downgrades(as_json: AsJson = False) -> None:
    """Wallets restricted as above the cap of their tier, or reaching none; with every step."""
    with opened_connection() as (_, connection):
        found = downgrade.restricted_wallets(connection)
    columns: dict[str, Cell] = {
        "wallet": lambda each: each.wallet or each.account_id,
        "tier": lambda each: f"{each.pack}/{each.tier}",
        "stage": lambda each: each.stage.replace("_", " "),
        "cause": lambda each: each.cause.replace("_", " "),
        "balance": lambda each: amount(each.balance, each.currency),
        "debits stop on": lambda each: day(each.next_at),
    }
    printed = named(
        "wallet",
        "pack",
        "tier",
        "stage",
        "cause",
        "next_at",
        "balance",
        "currency",
        "steps",
        account="account_id",
    )
    listing("Restricted wallets", found, columns, as_json, right=("balance",), printed=printed)


def rebind(as_json: AsJson = False) -> None:
    """Bind wallets anew whose pack, rates or transitions changed; the job `rebind` does it too."""
    with opened() as emoney, progress() as observe:
        done = rebinding.rebind(
            emoney.database,
            emoney.clock(),
            packs=emoney.packs,
            policies=policies(emoney.home),
            progress=observe,
        )
    if as_json:
        left = [
            {"pack": pack, "reason": reason, "wallets": count} for (pack, reason), count in done.left.items()
        ]
        print_json({"wallets": done.seen, "rebound": dict(done.rebound), "left": left})
    else:
        for pack, count in sorted(done.rebound.items()):
            screen.print(f"{pack}: {count:,} wallets bound anew", highlight=False)
        for (pack, reason), count in sorted(done.left.items()):
            notices.print(f"{pack}: {count:,} wallets left as they were: {reason}", highlight=False)
        screen.print(f"{done.seen:,} wallets compared", highlight=False)
    if done.left:
        raise typer.Exit(1)


def ended_above(
    days: Annotated[int, typer.Option(min=1, max=3660, help="How many days back.")] = 31,
    as_json: AsJson = False,
) -> None:
    """Wallets that ended a day above a cap which is measured then. The job `end-of-day` finds them."""
    with opened_connection() as (emoney, connection):
        found = end_of_day.listed(connection, emoney.clock().date() - timedelta(days=days))
        named = {each.account_id: accounts.get(connection, each.account_id) for each in found}
    if as_json:
        print_json([json_of(each) | {"wallet": named[each.account_id].external_ref} for each in found])
        return
    rows = [
        (
            named[each.account_id].external_ref or each.account_id,
            each.day,
            each.rule,
            *(amount(minor, named[each.account_id].currency) for minor in (each.cap, each.held)),
            each.in_a_row,
            each.step.replace("_", " "),
        )
        for each in found
    ]
    columns = ("wallet", "day", "rule", "cap", "held", "days in a row", "step")
    table("Ended the day above", columns, rows, right=("cap", "held", "days in a row"))


def features(
    wallet: Wallet,
    reloadable: Reloadable = None,
    one_country: OneCountry = None,
    goods_only: GoodsOnly = None,
    loaded_with_cash: Annotated[
        bool | None, typer.Option("--loaded-with-cash/--not-loaded-with-cash", help="Was loaded with cash.")
    ] = None,
    phone_not_validated: Annotated[
        bool | None,
        typer.Option("--phone-not-validated/--phone-validated", help="Of its phone."),
    ] = None,
    cohort: Annotated[
        list[str] | None, typer.Option(help="A cohort of the pack's overrides; repeatable.")
    ] = None,
    actor: Annotated[
        str | None, typer.Option(help="Who does it: an id of your own.", envvar="EMONEY_ACTOR")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why, without personal data.")] = None,
    as_json: AsJson = False,
) -> None:
    """What a wallet is, as far as limits depend on it. With options it is stated anew; the rest stays."""
    given = {
        "reloadable": reloadable,
        "one_country": one_country,
        "goods_only": goods_only,
        "loaded_with_cash": loaded_with_cash,
        "phone_not_validated": phone_not_validated,
        "cohorts": None if cohort is None else frozenset(cohort),
    }
    stated = {name: value for name, value in given.items() if value is not None}
    if stated and (not actor or not reason):
        fail("to state what a wallet is, say --actor and --reason", 2)
    with opened_connection() as (emoney, connection):
        account = accounts.by_ref_or_id(connection, wallet).id
        now = binding.lock(connection, account).features
        if stated:
            assert actor is not None
            assert reason is not None
            now = replace(now, **stated)  # type: ignore[arg-type]
            wallet_features.state(
                connection, account, now, packs=emoney.packs, actor=actor, reason=reason, at=emoney.clock()
            )
        told = wallet_features.history(connection, account)
    what = {name: getattr(now, name) for name in given} | {"cohorts": sorted(now.cohorts)}
    if as_json:
        statements = [
            json_of(each, number="number", actor="actor", reason="reason", at="at") for each in told
        ]
        print_json({"wallet": wallet, "account": account, "features": what, "statements": statements})
        return
    for name, value in what.items():
        said = (
            {None: "not said", True: "yes", False: "no"}.get(value) if name != "cohorts" else ", ".join(value)
        )
        screen.print(f"{name.replace('_', ' ')}: {said or 'none'}", highlight=False)


@app.command("list")
def list_dormant(as_json: AsJson = False) -> None:
    """Wallets on their way from a notice to the state."""
    with opened_connection() as (_, connection):
        found = dormancy.listed(connection)
    columns: dict[str, Cell] = {
        "wallet": lambda each: each["wallet"] or each["account"],
        "stage": "stage",
        "inactive since": lambda each: day(each["inactive_since"]),
        "next step on": lambda each: day(each["next_at"]),
        "moved": lambda each: amount(each["amount"], each["currency"]),
    }
    listing("Dormant wallets", found, columns, as_json, right=("moved",))


@app.command()
def exempt(
    wallet: Wallet,
    ground: Annotated[str, typer.Argument(help=f"One of {', '.join(GROUNDS)}.")],
    actor: Actor,
    reason: Reason,
    end: Annotated[bool, typer.Option("--end", help="Let the clock run again.")] = False,
) -> None:
    """Stop the clock of a wallet, or let it run again."""
    if ground not in GROUNDS:
        fail(f"the ground is one of {', '.join(GROUNDS)}", 2)
    with opened_connection() as (emoney, connection):
        account = accounts.by_ref_or_id(connection, wallet).id
        if end:
            ended = dormancy.end_exemption(connection, account, ground, at=emoney.clock())  # type: ignore[arg-type]
            if not ended:
                fail(f"the clock of {wallet} is not stopped on the ground of {ground}")
        else:
            dormancy.exempt(connection, account, ground, actor=actor, reason=reason, at=emoney.clock())  # type: ignore[arg-type]
    screen.print(f"{wallet}: {ground} {'ended' if end else 'recorded'}", highlight=False)


@app.command()
def reactivate(wallet: Wallet, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Let the holder, who is identified again, use the wallet; what was moved comes back."""
    with opened() as emoney:
        with emoney.database.connection() as connection:
            account = accounts.by_ref_or_id(connection, wallet)
        rules = dormancy_rules(emoney.home)
        returned = dormancy.reactivate(
            emoney.ledger,
            account.id,
            rules,
            packs=emoney.packs,
            actor=actor,
            reason=reason,
            at=emoney.clock(),
        )
    if as_json:
        print_json({"wallet": wallet, "returned": returned, "currency": account.currency})
    else:
        screen.line(f"{wallet}: reactivated, {amount(returned, account.currency)} came back")
