"""The command line `emoney`. Exit codes: 0 done, 1 refused or found wrong, 2 misused."""

import signal
import sys
from importlib import metadata
from typing import Annotated

import typer

from jobs.cli import (
    accounts,
    aml,
    bench,
    events,
    kyc,
    ledger,
    periods,
    privacy,
    proof,
    safeguarding,
    schedule,
    setup,
    statement,
)
from jobs.cli.output import notices, screen
from ledger.errors import EmoneyError


def _version(asked: bool) -> None:
    if asked:
        screen.print(f"emoney {metadata.version('emoney')}", highlight=False)
        raise typer.Exit


app = typer.Typer(
    name="emoney",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local values would show what nobody should see
    add_completion=False,
)


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """The e-money ledger: limits inside the posting, KYC, AML monitoring, privacy assessments."""


setup.register(app)
ledger.register(app)
statement.register(app)
app.add_typer(accounts.app, name="accounts")
app.add_typer(periods.app, name="periods")
app.add_typer(kyc.app, name="kyc")
app.add_typer(aml.app, name="aml")
app.add_typer(events.app, name="events")
app.add_typer(privacy.app, name="privacy")
app.add_typer(safeguarding.app, name="safeguarding")
app.add_typer(proof.app, name="proof")
app.add_typer(schedule.app, name="jobs")
app.add_typer(bench.app, name="bench")


def _end(number: int, _frame: object) -> None:
    """Unwind on SIGTERM as on an error, so that an embedded server is not left running."""
    sys.exit(128 + number)


def main() -> None:
    """Run the command line; errors of the library become one line and exit code 1."""
    signal.signal(signal.SIGTERM, _end)
    try:
        app()
    except EmoneyError as error:
        notices.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except OSError as error:  # a path that was named and cannot be used; BrokenPipeError is typer's
        named = f"{error.filename}: " if error.filename else ""
        notices.print(
            f"error: {named}{error.strerror or error}",
            style="red",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        sys.exit(1)
    except KeyboardInterrupt:
        notices.print("stopped")
        sys.exit(130)
