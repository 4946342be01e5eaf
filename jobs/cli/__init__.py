"""The command line `emoney`. Exit codes: 0 done, 1 refused or found wrong, 2 misused."""

import signal
import sys
from functools import cache
from importlib import import_module, metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from emoney.jobs.cli.logs import LogLevel, logged
from emoney.jobs.cli.output import notices, screen
from emoney.ledger.base.errors import EmoneyError

_GROUPS = {
    "accounts": "accounts",
    "periods": "periods",
    "kyc": "kyc",
    "aml": "aml",
    "events": "events",
    "privacy": "privacy",
    "safeguarding": "safeguarding",
    "proof": "proof",
    "jobs": "schedule",
    "settings": "settings",
    "bench": "bench",
}
"""The groups of commands, and the module of each, which is loaded when one of its commands is given."""

_TOP = ("setup", "ledger", "statement")
"""The modules of the commands that are in no group."""


class _OnDemand(TyperGroup):
    """Loads what a command needs when it is given: a question about a limit waits for no data frames."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *_top_commands(), *_GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in _GROUPS:
            group = typer.main.get_group(import_module(f"emoney.jobs.cli.{_GROUPS[cmd_name]}").app)
            group.name = cmd_name
            return group
        return super().get_command(ctx, cmd_name) or _top_commands().get(cmd_name)


@cache
def _top_commands() -> dict[str, Any]:
    top = typer.Typer()
    for name in _TOP:
        import_module(f"emoney.jobs.cli.{name}").register(top)
    return dict(typer.main.get_group(top).commands)


def _version(asked: bool) -> None:
    if asked:
        screen.print(f"emoney {metadata.version('emoney')}", highlight=False)
        raise typer.Exit


app = typer.Typer(
    name="emoney",
    cls=_OnDemand,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local values would show what nobody should see
    add_completion=False,
)


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
) -> None:
    """The e-money ledger: limits inside the posting, KYC, AML monitoring, privacy assessments."""
    if log_level is not None:
        ctx.with_resource(logged(log_level))


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
