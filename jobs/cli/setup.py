"""`emoney init` and `emoney demo`."""

from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer

from emoney.jobs import installation as emoney
from emoney.jobs.cli.output import AsJson, fail, json_of, named, print_json, progress, screen

FIRST_OFFICERS = 2


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("init")(init)
    app.command("demo")(demo)


def init(
    officer: Annotated[
        list[str] | None,
        typer.Option(help="The first officers, each with every role: give two. See `emoney officers`."),
    ] = None,
    password_file: Annotated[
        list[Path] | None,
        typer.Option(help="Where their passwords stand, in the same order; else they are asked for."),
    ] = None,
) -> None:
    """Make the database ready, or bring it up to date.

    Uses the database of EMONEY_DATABASE_URL, as its owner, or else the embedded one under EMONEY_HOME.
    """
    passwords = _passwords(officer or [], password_file or [])
    changed = emoney.init()
    screen.print("The database is ready." if changed else "The database is up to date already.")
    if passwords:
        _hire(passwords)
        screen.print(f"Officers: {', '.join(passwords)}. They act with `emoney --officer NAME …`.")


def _passwords(names: list[str], files: list[Path]) -> dict[str, str]:
    """The first officers and their passwords, complete before anything is done."""
    if not names:
        return {}
    from emoney.jobs.cli.terminal.passwords import password
    from emoney.ledger.officers import checked_password, login_of

    if len(set(map(login_of, names))) < len(names) or len(names) < FIRST_OFFICERS:
        fail("give --officer at least twice, with a name each: what takes two persons takes two", 2)
    if files and len(files) != len(names):
        fail("give a --password-file for each --officer, in the same order, or none", 2)
    found: dict[str, str] = {}
    for name, file in zip_longest(names, files):
        chosen = password(f"Password of {name}", file, confirm=True)
        if chosen is None:
            fail("give the officers' passwords with --password-file, or at a terminal", 2)
        found[name] = checked_password(chosen)
    return found


def _hire(passwords: dict[str, str]) -> None:
    from emoney.jobs.cli.terminal.opened import opened
    from emoney.ledger import officers

    with opened() as house:
        with house.sole_connection() as connection:
            there = {each.name for each in officers.listed(connection)}
        for name, password in passwords.items():
            if name not in there:
                officers.add(
                    house.url,
                    name,
                    officers.OfficerRole,
                    password,
                    actor="init",
                    reason="the first officers",
                    pool=house.settings.database.pool,
                )


def demo(
    out: Annotated[Path, typer.Option(help="Where the demo's installation and reports go.")] = Path(
        "emoney-demo"
    ),
    seed: Annotated[int, typer.Option(help="The same seed gives the same operator.")] = 7,
    persons: Annotated[int, typer.Option(min=50, max=20_000, help="Customers to enrol.")] = 1500,
    days: Annotated[int, typer.Option(min=7, max=90, help="Days of transfers.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Simulate a wallet operator in an installation of its own: enrol, post, monitor, report."""
    from emoney.jobs.demo import render, run_demo

    with progress() as observe:
        result = run_demo(out, seed=seed, persons=persons, days=days, progress=observe)
    if as_json:
        print_json(
            json_of(result) | json_of(result, **named("persons", "refused", "alerts", "total_seconds"))
        )
    else:
        screen.print(render(result))
    if not result.sound:
        raise typer.Exit(1)
