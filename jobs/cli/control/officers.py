"""`emoney officers`: who acts under a login of their own."""

from pathlib import Path
from typing import Annotated

import typer

from emoney.jobs.cli.options import Actor, Reason
from emoney.jobs.cli.output import AsJson, fail, json_of, listing, print_json, screen, utc
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.jobs.cli.terminal.passwords import prompted, read_password
from emoney.ledger import officers
from emoney.ledger.officers import Officer, OfficerRole

app = group("Officers: who acts under a login of their own, and decides what takes two persons.")

Name = Annotated[str, typer.Argument(help="The officer: small letters, digits and . _ -")]
Roles = Annotated[
    list[OfficerRole], typer.Option("--role", help="A role; may be given several times.", show_default=False)
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        help="Where the new officer's password stands, in a file of mode 0600; else it is asked for."
    ),
]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """The officers, with their states and roles."""
    with opened_connection() as (_, connection):
        found = officers.listed(connection)
    listing(
        "Officers",
        found,
        {
            "name": "name",
            "state": "state",
            "roles": lambda each: ", ".join(each.roles),
            "since": lambda each: utc(each.since),
        },
        as_json,
        printed={name: name for name in ("name", "state", "roles", "since")},
    )


@app.command()
def history(as_json: AsJson = False) -> None:
    """What was changed about officers, the newest first."""
    with opened_connection() as (_, connection):
        found = officers.history(connection)
    listing(
        "Changes",
        found,
        {
            "officer": "officer",
            "state": "state",
            "roles": lambda each: ", ".join(each.roles),
            "actor": "actor",
            "login": "by_login",
            "why": "reason",
            "when": lambda each: utc(each.at),
        },
        as_json,
    )


@app.command()
def add(
    name: Name,
    role: Roles,
    actor: Actor,
    reason: Reason,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Make an officer, who logs in with a password; as the owner of the database."""
    password = (
        prompted(f"Password of {name}", confirm=True)
        if password_file is None
        else read_password(password_file)
    )
    if password is None:
        fail("give the officer's password with --password-file, or at a terminal", 2)
    with opened() as emoney:
        made = officers.add(
            emoney.url, name, role, password, actor=actor, reason=reason, pool=emoney.settings.database.pool
        )
        with emoney.sole_connection() as connection:
            alone = len(officers.listed(connection)) == 1
    _tell(made, as_json)
    if alone and not as_json:
        screen.print("From now on officers decide what takes two persons: add a second one.")


@app.command()
def suspend(name: Name, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Let an officer neither log in nor act; as the owner of the database."""
    with opened() as emoney:
        pool = emoney.settings.database.pool
        _tell(officers.suspend(emoney.url, name, actor=actor, reason=reason, pool=pool), as_json)


@app.command()
def reinstate(name: Name, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Let a suspended officer act again; as the owner of the database."""
    with opened() as emoney:
        pool = emoney.settings.database.pool
        _tell(officers.reinstate(emoney.url, name, actor=actor, reason=reason, pool=pool), as_json)


@app.command()
def roles(name: Name, role: Roles, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Give an officer exactly these roles; as the owner of the database."""
    with opened() as emoney:
        pool = emoney.settings.database.pool
        changed = officers.change_roles(emoney.url, name, role, actor=actor, reason=reason, pool=pool)
    _tell(changed, as_json)


def _tell(officer: Officer, as_json: bool) -> None:
    if as_json:
        print_json(json_of(officer))
    else:
        screen.print(f"Officer {officer.name} is {officer.state}: {', '.join(officer.roles)}.")
