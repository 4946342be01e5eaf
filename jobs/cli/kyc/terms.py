"""`emoney kyc terms`: texts that persons agree to, and what they said."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from emoney.jobs.cli.options import Actor, Person
from emoney.jobs.cli.output import AsJson, json_of, named, print_json, screen, table, utc
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened_connection
from emoney.kyc.evidence import person as persons
from emoney.kyc.persons import consents

app = group("Terms and consent, by version.")


def register(kyc: typer.Typer) -> None:
    """Add the commands to `emoney kyc`."""
    kyc.add_typer(app, name="terms")


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
    with opened_connection() as (emoney, connection):
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
    with opened_connection() as (emoney, connection):
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
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, person).id
        held = consents.standing(connection, found)
        outdated = consents.outdated(connection, found, emoney.clock())
    if as_json:
        same = named("kind", "version", "locale", "given", "channel")
        print_json({"said": [json_of(each, at="recorded_at", **same) for each in held], "outdated": outdated})
        return
    rows = [
        (
            each.kind,
            each.version,
            each.locale,
            "yes" if each.given else "no",
            each.channel,
            utc(each.recorded_at),
        )
        for each in held
    ]
    table("Consent", ("kind", "version", "locale", "given", "channel", "at"), rows)
    if outdated:
        screen.print(f"not agreed to as they are now: {', '.join(outdated)}", highlight=False)
