"""The command line `emoney`. Exit codes: 0 done, 1 refused or found wrong, 2 misused."""

import sys

import typer

from jobs.cli import aml, kyc, ledger, privacy, schedule, setup
from jobs.cli.output import notices
from ledger.errors import EmoneyError

app = typer.Typer(
    name="emoney",
    help="The e-money ledger: limits inside the posting, KYC, AML monitoring, privacy assessments.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local values would show what nobody should see
    add_completion=False,
)
setup.register(app)
ledger.register(app)
app.add_typer(kyc.app, name="kyc")
app.add_typer(aml.app, name="aml")
app.add_typer(privacy.app, name="privacy")
app.add_typer(schedule.app, name="jobs")


def main() -> None:
    """Run the command line; errors of the library become one line and exit code 1."""
    try:
        app()
    except EmoneyError as error:
        notices.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        notices.print("stopped")
        sys.exit(130)
