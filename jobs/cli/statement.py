"""`emoney statement` and `emoney balance`: an account's period, and what it held at a moment."""

import contextlib
import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from emoney.jobs.cli.output import AsJson, amount, fail, notices, print_json, progress, screen, table
from emoney.jobs.cli.terminal.opened import opened_connection
from emoney.ledger.accounts import account as accounts
from emoney.ledger.accounts.account import Account
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.reports import as_of, statements
from emoney.ledger.reports.as_of import TimeBasis
from emoney.ledger.reports.statements import EffectiveStatement, Statement, StatementLine
from emoney.ledger.transfers.money import format_amount, to_decimal

_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)

AccountRef = Annotated[str, typer.Argument(help="The account's external reference, or its id.")]


class Format(StrEnum):
    """How a statement is written."""

    TABLE = "table"
    CSV = "csv"
    CAMT053 = "camt053"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("statement")(statement)
    app.command("balance")(show_balance)


def statement(
    account_ref: AccountRef,
    start: Annotated[datetime | None, typer.Option("--from", help="Only from this moment on, UTC.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="Only before this moment, UTC.")] = None,
    by: Annotated[
        TimeBasis, typer.Option(help="posted: when it was booked; effective: when it counts.")
    ] = TimeBasis.POSTED,
    format: Annotated[
        Format, typer.Option(help="csv and camt053 (ISO 20022) hold the whole period.")
    ] = Format.TABLE,
    out: Annotated[
        Path | None, typer.Option(help="A file for csv and camt053, written whole or not at all.")
    ] = None,
    after: Annotated[
        int,
        typer.Option(min=0, help="In a table, only the lines that follow the one of this number."),
    ] = 0,
    limit: Annotated[
        int, typer.Option(min=1, max=statements.PAGE_MAX, help="In a table, at most so many lines.")
    ] = 100,
    with_proofs: Annotated[
        Path | None,
        typer.Option(help="Also write the whole period with a proof of each entry to this file, as JSON."),
    ] = None,
    around: Annotated[
        bool,
        typer.Option(
            help="With proofs: also of the entries just before and after, which prove that none is left out."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """An account's entries, oldest first, each with the balance after it."""
    if format is not Format.TABLE and as_json:
        fail("--json and --format exclude each other", 2)
    if format is Format.TABLE and out is not None:
        fail("--out goes with --format csv or camt053", 2)
    effective = by is TimeBasis.EFFECTIVE
    if effective and (format is Format.CAMT053 or with_proofs is not None):
        fail("camt.053 and proofs are of what was posted, in its order: leave out --by effective", 2)
    if around and with_proofs is None:
        fail("--around goes with --with-proofs", 2)
    with opened_connection() as (emoney, connection):
        account = accounts.by_ref_or_id(connection, account_ref)
        last = min(emoney.clock(), _LATEST) if format is Format.CAMT053 else _LATEST
        first = account.opened_at if format is Format.CAMT053 else _EARLIEST
        period = _utc(start) if start else first, _utc(end) if end else last
        if effective:
            _by_effective_time(connection, account, period, format, out, after, limit, as_json=as_json)
            return
        found = statements.between(connection, account, *period)
        if with_proofs is not None:
            _prove(connection, found, with_proofs, around=around)
        if format is not Format.TABLE:
            _export(connection, found, format, out, emoney.clock())
            return
        lines = statements.page(
            connection,
            account.id,
            after=max(after, found.opening.version),
            until=found.closing.version,
            limit=limit,
        )
    next_after = lines[-1].version if lines and lines[-1].version < found.closing.version else None
    _tell(account, by, (found.opening.balance, found.closing.balance), lines, next_after, as_json=as_json)


def _by_effective_time(
    connection: Connection,
    account: Account,
    period: tuple[datetime, datetime],
    format: Format,
    out: Path | None,
    after: int,
    limit: int,
    *,
    as_json: bool,
) -> None:
    found = statements.effective_between(connection, account, *period)
    if format is Format.CSV:
        _write(partial(_csv, connection, found), out)
        return
    with contextlib.closing(found.lines(connection, after=after)) as following:
        lines = list(islice(following, limit))
        more = next(following, None)
    next_after = lines[-1].version if more else None
    balances = found.opening, found.closing
    _tell(account, TimeBasis.EFFECTIVE, balances, lines, next_after, as_json=as_json)


def _tell(
    account: Account,
    by: TimeBasis,
    balances: tuple[int, int],
    lines: list[StatementLine],
    next_after: int | None,
    *,
    as_json: bool,
) -> None:
    if as_json:
        print_json(_statement_json(account, by, balances, lines, next_after))
    else:
        _show(account, balances[1], lines, next_after)


def show_balance(
    account_ref: AccountRef,
    at: Annotated[datetime | None, typer.Option(help="The moment, UTC; now by default.")] = None,
    by: Annotated[
        TimeBasis, typer.Option(help="posted: when it was booked; effective: when it counts.")
    ] = TimeBasis.POSTED,
    as_json: AsJson = False,
) -> None:
    """What an account held at a moment."""
    with opened_connection() as (emoney, connection):
        account = accounts.by_ref_or_id(connection, account_ref)
        moment = _utc(at) if at else emoney.clock()
        found = as_of.balance(connection, account.id, moment, basis=by)
    if as_json:
        print_json(
            {
                "account": account.external_ref or account.id,
                "currency": account.currency,
                "at": moment,
                "by": by,
                "balance": to_decimal(found, account.currency),
            }
        )
        return
    screen.line(amount(found, account.currency))


def _export(
    connection: Connection, found: Statement, format: Format, out: Path | None, made_at: datetime
) -> None:
    if format is Format.CAMT053:
        from emoney.ledger.reports.exports import write_camt

        _write(partial(write_camt, connection, found, made_at=made_at), out)
    else:
        _write(partial(_csv, connection, found), out)


def _csv(connection: Connection, found: Statement | EffectiveStatement, stream: BinaryIO) -> None:
    from emoney.ledger.reports.exports import write_csv

    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    write_csv(connection, found, text)
    text.flush()
    text.detach()


def _write(write: Callable[[BinaryIO], object], out: Path | None) -> None:
    from emoney.ledger.base.files import replace_file

    def write_file(path: Path) -> None:
        with path.open("wb") as stream:
            write(stream)

    if out is None:
        sys.stdout.flush()
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
    else:
        replace_file(out, write_file)


def _prove(connection: Connection, found: Statement, out: Path, *, around: bool) -> None:
    from emoney.ledger.base.files import replace_file
    from emoney.ledger.proofs import write_proved

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8") as stream, progress() as observe:
            write_proved(connection, found, stream, around=around, progress=observe)

    replace_file(out, write)
    notices.print(
        f"{found.line_count:,} entries with their proofs in {out}; `emoney proof verify` checks them offline",
        highlight=False,
        soft_wrap=True,
    )


def _statement_json(
    account: Account,
    by: TimeBasis,
    balances: tuple[int, int],
    lines: list[StatementLine],
    next_after: int | None,
) -> dict[str, Any]:
    currency = account.currency
    opening, closing = balances
    return {
        "account": account.external_ref or account.id,
        "id": account.id,
        "kind": account.kind,
        "currency": currency,
        "balance": to_decimal(account.balance, currency),
        "by": by,
        "opening_balance": to_decimal(opening, currency),
        "closing_balance": to_decimal(closing, currency),
        "lines": [
            {
                "version": line.version,
                "effective_at": line.effective_at,
                "posted_at": line.posted_at,
                "operation": line.operation,
                "reference": line.reference,
                "transfer": line.transfer_id,
                "counterparty": line.counterparty,
                "change": to_decimal(line.change, currency),
                "balance": to_decimal(line.balance, currency),
            }
            for line in lines
        ],
        "next_after": next_after,
    }


def _show(account: Account, closing: int, lines: list[StatementLine], next_after: int | None) -> None:
    currency = account.currency
    rows = [
        (
            line.version,
            f"{line.effective_at:%Y-%m-%d %H:%M}",
            line.operation,
            line.reference or "",
            line.counterparty,
            format_amount(line.change, currency),
            format_amount(line.balance, currency),
        )
        for line in lines
    ]
    table(
        f"{account.external_ref or account.id}: {format_amount(closing, currency)} {currency}",
        ("no", "time, UTC", "operation", "reference", "with", "change", "balance"),
        rows,
        right=("no", "change", "balance"),
    )
    if next_after is not None:
        screen.print(f"There are more: --after {next_after}")


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
