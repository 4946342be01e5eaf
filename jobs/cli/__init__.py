"""The command line `emoney`. Exit codes: 0 done, 1 refused or found wrong, 2 misused.

With `--json` a command that was refused prints `{"error": {"code", "message"}}` on standard output, beside
the line for people on standard error; docs/errors.md lists the codes.
"""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from emoney.jobs.cli.output import JSON_OPTION, complain, print_json, tell_error
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.logs import LogLevel, logged
from emoney.jobs.cli.terminal.opened import Acting, acting_as
from emoney.jobs.cli.terminal.screens import notices, screen
from emoney.ledger.base.errors import EmoneyError
from emoney.ledger.base.extras import demanded

PARTS: dict[str, dict[str, str]] = {
    "setup": {
        "init": "Make the database ready, or bring it up to date.",
        "demo": "Simulate a wallet operator in an installation of its own: enrol, post, monitor, report.",
    },
    "ledger": {
        "import": "Replay an operator's history: opening balances, then its rows as transfers, in order.",
        "trial-balance": "Check the books, from the last sealed day total on.",
        "verify": "Check balances, holds, limits and their counters, from the last sealed day total on.",
    },
    "statement": {
        "statement": "An account's entries, oldest first, each with the balance after it.",
        "balance": "What an account held at a moment.",
    },
    "accounts": {
        "accounts": "Accounts: shown, frozen, bounded, moved, closed; the chart as a tree.",
    },
    "periods": {
        "periods": "Closed periods: nothing counts in them any more.",
    },
    "safeguarding.reconciliation": {
        "safeguarding": "Bank statements, the daily reconciliation, own funds.",
    },
    "safeguarding.receipts": {
        "receipts": "Receipts: what arrived at the bank, which e-money is issued against.",
    },
    "control.clock": {
        "clock": "The clock: how far others may be from the database's, and how late a transfer may come.",
    },
    "control.officers": {
        "officers": "Officers: who acts under a login of their own, and decides what takes two persons.",
    },
    "proof": {
        "proof": "Proofs that nothing was changed: a signed log of all that happened.",
    },
    "events": {
        "events": "Events: every posted and refused transfer, at least once, in order per account.",
    },
    "kyc": {
        "kyc": "Persons, tiers and policy packs.",
    },
    "aml": {
        "aml": "Anti-money-laundering monitoring.",
    },
    "privacy": {
        "privacy": "Personal data: what is held and leaves, the impact assessment, keys, rights, breaches.",
    },
    "schedule": {
        "jobs": "Scheduled jobs: extraction and monitoring.",
    },
    "settings": {
        "settings": "The settings that hold here.",
    },
    "bench": {
        "bench": "Benchmarks, from a checkout of the source.",
    },
}

app = group(
    "The e-money ledger: limits inside the posting, KYC, AML monitoring, privacy assessments.", parts=PARTS
)
app.info.name = "emoney"


def _version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        screen.line(f"emoney {metadata.version('emoney')}")
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    version: Annotated[  # noqa: ARG001  told by its callback
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_version)
    ] = False,
    log_level: Annotated[
        LogLevel | None,
        typer.Option(
            envvar="EMONEY_LOG_LEVEL", case_sensitive=False, help="Log to standard error from this level on."
        ),
    ] = None,
    officer: Annotated[
        str | None,
        typer.Option(envvar="EMONEY_OFFICER", help="Act as this officer, under the officer's own login."),
    ] = None,
    officer_password_file: Annotated[
        Path | None,
        typer.Option(
            envvar="EMONEY_OFFICER_PASSWORD_FILE",
            help="Where the officer's password stands; else it is asked for, or comes from .pgpass.",
        ),
    ] = None,
    officer_key: Annotated[
        Path | None,
        typer.Option(envvar="EMONEY_OFFICER_KEY", help="The officer's key, to sign what takes two persons."),
    ] = None,
    officer_passphrase_file: Annotated[
        Path | None,
        typer.Option(
            envvar="EMONEY_OFFICER_PASSPHRASE_FILE",
            help="Where the passphrase of that key stands; else it is asked for.",
        ),
    ] = None,
) -> None:
    """The e-money ledger: limits inside the posting, KYC, AML monitoring, privacy assessments."""
    ctx.with_resource(acting_as(Acting(officer, officer_password_file, officer_key, officer_passphrase_file)))
    if log_level is not None:
        ctx.with_resource(logged(log_level))


def _end(number: int, _frame: object) -> None:
    """Unwind on SIGTERM as on an error, so that an embedded server is not left running."""
    sys.exit(128 + number)


def main() -> None:
    """Run the command line; errors of the library become one line and exit code 1."""
    signal.signal(signal.SIGTERM, _end)
    try:
        with demanded():
            app()
    except EmoneyError as error:
        sys.exit(tell_error(error, sys.argv))
    except OSError as error:  # a path that was named and cannot be used; BrokenPipeError is typer's
        named = f"{error.filename}: " if error.filename else ""
        message = f"{named}{error.strerror or error}"
        if JSON_OPTION in sys.argv:
            print_json({"error": {"code": "unusable_file", "message": message}})
        complain(message)
        sys.exit(1)
    except KeyboardInterrupt:
        notices.line("stopped")
        sys.exit(130)
