"""`emoney kyc terms`: texts that persons agree to, and what they said."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from emoney.jobs.cli.options import Actor, Person
from emoney.jobs.cli.output import AsJson, print_json, screen, table
from emoney.jobs.installation import Emoney
from emoney.kyc.evidence import person as persons
from emoney.kyc.persons import consents

app = typer.Typer(help="Terms and consent, by version.", no_args_is_help=True)

Kind = Annotated[str, typer.Argument(help="The kind of text, such as terms_of_use.")]
Version = Annotated[str, typer.Argument(help="Its version.")]
Locale = Annotated[str, typer.Option(help="Its language, such as en or en-GH.")]


@app.command()
def publish(
    kind: Kind,
    version: Version,
    text: Annotated[Path, typer.Argument(help="The file of the text.")],
    effective_from: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="From which day on.")],
    actor: Actor,
    locale: Locale = "en",
) -> None:
    """Publish a version of a text."""
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        consents.publish(
            connection,
            kind,
            version,
            locale,
            text.read_bytes(),
            effective_from=effective_from.date(),
            actor=actor,
            at=emoney.clock(),
        )
    screen.print(f"{kind} {version} ({locale}) is published", highlight=False)


@app.command()
def consent(
    person: Person,
    kind: Kind,
    version: Version,
    actor: Actor,
    channel: Annotated[str, typer.Option(help="Where it was said, such as app.")],
    locale: Locale = "en",
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="The person takes it back.")] = False,
) -> None:
    """Record that a person agreed to a text, or takes it back."""
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        found = persons.find(connection, person)
        consents.record(
            connection,
            found.id,
            kind,
            version,
            locale,
            given=not withdrawn,
            channel=channel,
            actor=actor,
            at=emoney.clock(),
        )
    said = "takes back" if withdrawn else "agreed to"
    screen.print(f"{person} {said} {kind} {version} ({locale})", highlight=False)


@app.command()
def standing(person: Person, as_json: AsJson = False) -> None:
    """What a person last said of each kind of text, and which are not agreed to in their present version."""
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        found = persons.find(connection, person).id
        held = consents.standing(connection, found)
        outdated = consents.outdated(connection, found, emoney.clock())
    told = [
        {
            "kind": each.kind,
            "version": each.version,
            "locale": each.locale,
            "given": each.given,
            "channel": each.channel,
            "at": each.recorded_at,
        }
        for each in held
    ]
    if as_json:
        print_json({"said": told, "outdated": outdated})
        return
    table(
        "Consent",
        ("kind", "version", "locale", "given", "channel", "at"),
        [list(row.values()) for row in told],
    )
    if outdated:
        screen.print(f"not agreed to as they are now: {', '.join(outdated)}", highlight=False)
