"""`emoney import`, `trial-balance`, `verify`, `partitions`, `retire-claims`; `statement` is beside."""

from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from emoney.jobs.cli.output import AsJson, Cell, amount, fail, listing, print_json, progress, screen, table
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.jobs.importing import DEFAULT_START, ImportResult, formats, run_import
from emoney.jobs.installation import policy_packs
from emoney.ledger import totals
from emoney.ledger.posting import partitions
from emoney.ledger.proofs import PublicKey, SigningKey
from emoney.ledger.proofs.errors import SigningKeyMissing, SigningKeyUnsafe
from emoney.ledger.reports.tail import Start
from emoney.ledger.reports.trial_balance import TrialBalance
from emoney.ledger.reports.verification import Verification
from emoney.ledger.totals.checking import CHECKS
from emoney.ledger.transfers.money import format_amount, to_decimal

Deep = Annotated[
    bool,
    typer.Option("--deep", help="Read everything, and total every past day again; not since the last total."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("import")(import_)
    app.command("trial-balance")(show_trial_balance)
    app.command("verify")(verify)
    app.command("partitions")(show_partitions)
    app.command("retire-claims")(retire_claims)


def import_(
    transactions: Annotated[
        Path, typer.Argument(help="The transactions, plain or gzipped; Parquet for amlgentex.")
    ],
    format: Annotated[str, typer.Option(help=f"One of {', '.join(formats.names())}.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 code of the amounts.")],
    accounts_file: Annotated[
        Path | None, typer.Option("--accounts", help="The accounts, where the format has them.")
    ] = None,
    pack: Annotated[str, typer.Option(help="Policy pack whose limits apply to customers, or none.")] = "none",
    tier: Annotated[
        list[str] | None, typer.Option(help="FILE_TIER=PACK_TIER, to map the file's tiers by name.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Whose references these are; the format's name by default.")
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option(help="When a simulation's first step begins, UTC; 2026-01-01 by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay an operator's history: opening balances, then its rows as transfers, in order.

    A file with an error anywhere leaves the ledger as it was. A second run changes nothing.
    """
    if tier and pack == "none":
        fail("--tier maps to the tiers of a pack: name one with --pack", 2)
    policy = None if pack == "none" else policy_packs().pack(pack)
    with opened() as emoney, progress() as observe:
        result = run_import(
            emoney.database,
            transactions,
            format=format,
            currency=currency,
            accounts_file=accounts_file,
            source=source,
            start=start.replace(tzinfo=UTC) if start else DEFAULT_START,
            pack=policy,
            tier_names=_mapping(tier or []),
            progress=observe,
            ledger=emoney.ledger,
        )
    if as_json:
        print_json(result.to_json())
    else:
        _show_import(result)


def _mapping(pairs: list[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        name, _, tier = pair.partition("=")
        if not name or not tier:
            fail(f"--tier {pair}: write FILE_TIER=PACK_TIER, such as 0=minimum", 2)
        mapping[name] = tier
    return mapping


def _show_import(result: ImportResult) -> None:
    rows = [
        ("rows", result.rows),
        ("posted", result.posted),
        ("posted by an earlier run", result.replayed),
        ("refused", result.refused),
        ("skipped", result.skipped),
        ("accounts opened", result.accounts_created),
        ("opening balances", f"{Decimal(result.opening_total):,f} {result.currency}"),
        ("rows per second", f"{result.rows_per_second:,.0f}"),
    ]
    table(f"Import of {result.source}", ("", "count"), rows, right=("count",))
    if result.refused_by_rule:
        by_rule = list(result.refused_by_rule.most_common())
        table("Refused, by rule", ("rule", "transfers"), by_rule, right=("transfers",))
        first = [(r.line, r.reference, r.rule, r.limit or "", r.used or "") for r in result.refusals[:10]]
        table(
            "The first of them",
            ("line", "reference", "rule", "limit", "used"),
            first,
            right=("limit", "used"),
        )


def show_trial_balance(deep: Deep = False, as_json: AsJson = False) -> None:
    """Check the books, from the last sealed day total on.

    Exit code 1 when they are wrong or e-money is not covered.
    """
    with opened_connection() as (emoney, connection):
        found = totals.trial_balance(connection, deep=deep, key=_public_key(emoney.home))
    if as_json:
        print_json(_trial_balance_json(found))
    else:
        numbers = ("accounts", "debits", "credits", "balance")
        for total in found.totals:
            currency = total.currency
            lines = [
                (
                    line.kind,
                    line.accounts,
                    *(format_amount(sum_, currency) for sum_ in (line.debits, line.credits, line.balance)),
                )
                for line in found.lines
                if line.currency == currency
            ]
            table(f"Trial balance, {currency}", ("kind", *numbers), lines, right=numbers)
            screen.print(
                f"outstanding e-money {amount(total.outstanding, currency)}, "
                f"backed by {amount(total.backing, currency)}",
                highlight=False,
            )
        screen.print("[green]balanced[/]" if found.balanced else "[bold red]NOT balanced[/]")
        if not found.safeguarded:
            screen.print("[bold red]outstanding e-money is NOT covered[/]")
        for account in found.wrong_accounts:
            screen.print(f"account {account} does not follow from its entries")
        for transfer in found.wrong_transfers:
            screen.print(f"transfer {transfer} has not its two entries")
        if found.without_limits:
            screen.print(_without_limits(found.without_limits), highlight=False)
        for account in found.wrong_receipts:
            screen.print(f"what is issued on account {account} does not follow from its receipts")
        for words in found.wrong_totals:
            screen.print(words, highlight=False)
        screen.print(_read_from(found.start), highlight=False)
    if not (found.balanced and found.safeguarded):
        raise typer.Exit(1)


def verify(deep: Deep = False, as_json: AsJson = False) -> None:
    """Check balances, holds, limits and their counters, from the last sealed day total on.

    Exit code 1 when anything differs, named row by row.
    """
    with opened_connection() as (emoney, connection), progress() as observe:
        done = iter(range(len(CHECKS)))
        found = totals.verify(
            connection,
            deep=deep,
            key=_public_key(emoney.home),
            observe=lambda name: observe(name, next(done), len(CHECKS)),
        )
    if as_json:
        breaches = [asdict(each) for each in found.breaches]
        told = {"checks": found.checks, "breaches": breaches, "without_limits": _named(found)}
        print_json({"ok": found.ok, **told, "since": _since(found.start)})
    else:
        said = ("rule", "table", "key", "expected", "found", "transfer")
        lines = [tuple(getattr(each, name) or "" for name in said) for each in found.breaches]
        if lines:
            table(f"Breaches ({len(lines)})", said, lines)
        if found.without_limits:
            screen.print(_without_limits(found.without_limits), highlight=False)
        screen.print(_read_from(found.start), highlight=False)
        words = f"{', '.join(found.checks)}: "
        screen.print(
            words + ("[green]all follows[/]" if found.ok else "[bold red]NOT right[/]"), highlight=False
        )
    if not found.ok:
        raise typer.Exit(1)


def _public_key(home: Path) -> PublicKey | None:
    """What must have signed the proof log, where this installation has the key."""
    try:
        return SigningKey.load(home).public
    except (SigningKeyMissing, SigningKeyUnsafe):
        return None


def _read_from(start: Start | None) -> str:
    if start is None:
        return "everything was read"
    return f"read from day total {start.number} on, posted up to {start.last_posted_at:%Y-%m-%d %H:%M:%S %Z}"


def _since(start: Start | None) -> dict[str, Any] | None:
    if start is None:
        return None
    return {"day_total": start.number, "made_at": start.made_at, "last_posted_at": start.last_posted_at}


def _trial_balance_json(found: TrialBalance) -> dict[str, Any]:
    return {
        "balanced": found.balanced,
        "safeguarded": found.safeguarded,
        "totals": [
            {
                "currency": total.currency,
                "debits": to_decimal(total.debits, total.currency),
                "credits": to_decimal(total.credits, total.currency),
                "outstanding": to_decimal(total.outstanding, total.currency),
                "backing": to_decimal(total.backing, total.currency),
            }
            for total in found.totals
        ],
        "lines": [
            {
                "currency": line.currency,
                "kind": line.kind,
                "accounts": line.accounts,
                "debits": to_decimal(line.debits, line.currency),
                "credits": to_decimal(line.credits, line.currency),
                "balance": to_decimal(line.balance, line.currency),
            }
            for line in found.lines
        ],
        "wrong_accounts": found.wrong_accounts,
        "wrong_transfers": found.wrong_transfers,
        "without_limits": _named(found),
        "wrong_receipts": found.wrong_receipts,
        "wrong_totals": found.wrong_totals,
        "since": _since(found.start),
    }


def show_partitions(as_json: AsJson = False) -> None:
    """The partitions of claims, entries and transfers, in order of time."""
    with opened_connection() as (_, connection):
        found = partitions.partitions(connection)
    columns: dict[str, Cell] = {
        "table": "table",
        "partition": "name",
        "rows, about": lambda each: f"{each.rows:,}",
        "bytes": lambda each: f"{each.size:,}",
    }
    listing("Partitions", found, columns, as_json, right=("rows, about", "bytes"))


def retire_claims(
    before: Annotated[datetime, typer.Argument(formats=["%Y-%m"], help="A month, UTC: those before it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it: there is no way back.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take the claims of ids before a month out of the ledger; such ids are refused.

    As the database's owner. Prints the tables that have them from then on, in the schema ledger: keep them
    elsewhere, and drop them.
    """
    if not yes:
        fail("ids before that month are refused for ever afterwards: say --yes", 2)
    with opened() as emoney:
        tables = partitions.retire_claims(
            emoney.url, before.replace(tzinfo=UTC), emoney.settings.database.pool
        )
    if as_json:
        print_json({"tables": tables})
    elif tables:
        screen.print(f"retired: {', '.join(tables)}", highlight=False)
    else:
        screen.print("there is nothing to retire before that month", highlight=False)


def _without_limits(wallets: int) -> str:
    return f"{wallets:,} customers' accounts are under no limits; --json names them"


def _named(found: TrialBalance | Verification) -> dict[str, Any]:
    return {"wallets": found.without_limits, "ids": found.named_without_limits}
