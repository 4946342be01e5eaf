"""`emoney kyc` for wallets: those above their tier, and those long unused."""

from typing import Annotated

import typer

from jobs.cli.kyc_approvals import Because, By
from jobs.cli.output import AsJson, fail, print_json, screen, table
from jobs.emoney import Emoney
from kyc import dormancy, downgrade
from kyc.dormancy_rules import dormancy_rules
from ledger import accounts
from ledger.money import format_amount

Wallet = Annotated[str, typer.Argument(help="The wallet's reference or account id.")]
GROUNDS = ("litigation", "fraud_investigation", "lien", "error_under_investigation")

app = typer.Typer(help="Wallets long unused: list, exempt, reactivate.", no_args_is_help=True)


def register(kyc: typer.Typer) -> None:
    """Add the commands to `emoney kyc`."""
    kyc.command("downgrades")(downgrades)
    kyc.add_typer(app, name="dormancy")


def downgrades(as_json: AsJson = False) -> None:
    """Wallets restricted for being above the cap of their tier, or reaching none; with every step."""
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        found = downgrade.restricted_wallets(connection)
    if as_json:
        print_json(
            [
                {
                    "account": each.account_id,
                    "wallet": each.wallet,
                    "pack": each.pack,
                    "tier": each.tier,
                    "stage": each.stage,
                    "cause": each.cause,
                    "next_at": each.next_at,
                    "balance": each.balance,
                    "currency": each.currency,
                    "steps": each.steps,
                }
                for each in found
            ]
        )
        return
    rows = [
        (
            each.wallet or each.account_id,
            f"{each.pack}/{each.tier}",
            each.stage.replace("_", " "),
            each.cause.replace("_", " "),
            f"{format_amount(each.balance, each.currency)} {each.currency}",
            "" if each.next_at is None else f"{each.next_at:%Y-%m-%d}",
        )
        for each in found
    ]
    columns = ("wallet", "tier", "stage", "cause", "balance", "debits stop on")
    table("Restricted wallets", columns, rows, right=("balance",))


@app.command("list")
def list_dormant(as_json: AsJson = False) -> None:
    """Wallets on their way from a notice to the state."""
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        found = dormancy.listed(connection)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            each["wallet"] or each["account"],
            each["stage"],
            f"{each['inactive_since']:%Y-%m-%d}",
            "" if each["next_at"] is None else f"{each['next_at']:%Y-%m-%d}",
            f"{format_amount(each['amount'], each['currency'])} {each['currency']}",
        )
        for each in found
    ]
    columns = ("wallet", "stage", "inactive since", "next step on", "moved")
    table("Dormant wallets", columns, rows, right=("moved",))


@app.command()
def exempt(
    wallet: Wallet,
    ground: Annotated[str, typer.Argument(help=f"One of {', '.join(GROUNDS)}.")],
    by: By,
    because: Because,
    end: Annotated[bool, typer.Option("--end", help="Let the clock run again.")] = False,
) -> None:
    """Stop the clock of a wallet, or let it run again."""
    if ground not in GROUNDS:
        fail(f"the ground is one of {', '.join(GROUNDS)}", 2)
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        account = accounts.by_ref_or_id(connection, wallet).id
        if end:
            ended = dormancy.end_exemption(connection, account, ground, at=emoney.clock())  # type: ignore[arg-type]
            if not ended:
                fail(f"the clock of {wallet} is not stopped on the ground of {ground}")
        else:
            dormancy.exempt(connection, account, ground, by=by, because=because, at=emoney.clock())  # type: ignore[arg-type]
    screen.print(f"{wallet}: {ground} {'ended' if end else 'recorded'}", highlight=False)


@app.command()
def reactivate(wallet: Wallet, by: By, because: Because, as_json: AsJson = False) -> None:
    """Let the holder, who is identified again, use the wallet; what was moved comes back."""
    with Emoney.open() as emoney:
        with emoney.database.connection() as connection:
            account = accounts.by_ref_or_id(connection, wallet)
        rules = dormancy_rules(emoney.home)
        returned = dormancy.reactivate(
            emoney.ledger, account.id, rules, by=by, because=because, at=emoney.clock()
        )
    if as_json:
        print_json({"wallet": wallet, "returned": returned, "currency": account.currency})
    else:
        amount = format_amount(returned, account.currency)
        screen.print(f"{wallet}: reactivated, {amount} {account.currency} came back", highlight=False)
