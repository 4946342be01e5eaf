"""`emoney officers`: who acts under a login of their own."""

from base64 import b64decode, b64encode
from pathlib import Path
from typing import Annotated

import typer

from emoney.jobs.cli.options import Actor, Reason
from emoney.jobs.cli.output import AsJson, fail, json_of, listing, print_json, screen, utc
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.jobs.cli.terminal.passwords import password
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

KeyPath = Annotated[Path, typer.Argument(help="Where the key goes; nothing there is replaced.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(help="Where its passphrase stands, in a file of mode 0600; else it is asked for."),
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
            "signs": lambda each: "" if each.key is None else "yes",
            "since": lambda each: utc(each.since),
        },
        as_json,
        printed={name: name for name in ("name", "state", "roles", "key", "since")},
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
    chosen = password(f"Password of {name}", password_file, confirm=True)
    if chosen is None:
        fail("give the officer's password with --password-file, or at a terminal", 2)
    with opened() as emoney:
        made = officers.add(
            emoney.url, name, role, chosen, actor=actor, reason=reason, pool=emoney.settings.database.pool
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


@app.command("make-key")
def make_key(file: KeyPath, passphrase_file: PassphraseFile = None) -> None:
    """Make a key to sign with, in a new file, and print what is public of it."""
    secret = password(f"Passphrase of {file.name}", passphrase_file, confirm=True)
    if secret is None:
        fail("give the key's passphrase with --passphrase-file, or at a terminal", 2)
    made = officers.KeyFile.make(file, secret)
    screen.print(b64encode(made.public_key).decode(), highlight=False, markup=False)


@app.command("register-key")
def register_key(
    public: Annotated[str, typer.Argument(help="The public key, as make-key prints it.")],
    reason: Reason,
) -> None:
    """Register the key of the officer who runs this (emoney --officer NAME): from now on it signs."""
    with opened_connection() as (_, connection):
        officers.register_key(connection, _public(public), reason=reason)
    screen.print("What you ask for and decide is signed from now on: emoney --officer-key FILE")


@app.command("replace-key")
def replace_key(
    name: Name,
    public: Annotated[str, typer.Argument(help="The public key, as make-key prints it.")],
    actor: Actor,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Give an officer another key, as when its own is lost; as the owner of the database."""
    with opened() as emoney:
        pool = emoney.settings.database.pool
        changed = officers.replace_key(
            emoney.url, name, _public(public), actor=actor, reason=reason, pool=pool
        )
    _tell(changed, as_json)


@app.command()
def signatures(
    demand: Annotated[bool, typer.Option(help="All sign what takes two persons, or only who has a key.")],
    actor: Actor,
    reason: Reason,
) -> None:
    """Demand signatures of all officers, or only of those with a key; as the owner of the database."""
    with opened() as emoney:
        pool = emoney.settings.database.pool
        officers.demand_signatures(emoney.url, demand, actor=actor, reason=reason, pool=pool)
    screen.print("All officers sign." if demand else "Officers who have a key sign.")


def _public(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        fail("a public key is the line of base64 that make-key prints", 2)


def _tell(officer: Officer, as_json: bool) -> None:
    if as_json:
        print_json(json_of(officer))
    else:
        signs = "no key" if officer.key is None else "signs with a key"
        screen.print(f"Officer {officer.name} is {officer.state}, {signs}: {', '.join(officer.roles)}.")
