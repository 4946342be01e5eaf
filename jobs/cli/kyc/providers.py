"""`emoney kyc providers`: whose word evidence may rest on."""

from typing import Annotated

import typer

from emoney.jobs.cli.options import Actor, Reason
from emoney.jobs.cli.output import AsJson, json_of, listing, print_json, screen, utc
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.kyc.evidence import providers
from emoney.kyc.evidence.providers import Provider
from emoney.kyc.evidence.records import VERIFIED, Assurance, EvidenceState

app = group("Whose word evidence may rest on, other than that of two of your staff.")


def register(kyc: typer.Typer) -> None:
    """Add the commands to `emoney kyc`."""
    kyc.add_typer(app, name="providers")


Name = Annotated[str, typer.Argument(help="The provider's name in records, such as acme-id.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """The providers as they stand, and who registered each."""
    with opened_connection() as (_, connection):
        found = providers.listed(connection)
    listing(
        "Providers",
        found,
        {
            "name": "name",
            "active": lambda each: "yes" if each.active else "withdrawn",
            "gives": lambda each: ", ".join(each.gives),
            "by": lambda each: ", ".join(each.methods or ("any method",)),
            "at most": "assurance",
            "login": lambda each: each.login or "any",
            "actor": "actor",
            "since": lambda each: utc(each.at),
        },
        as_json,
    )


@app.command("register")
def register_(
    name: Name,
    actor: Actor,
    reason: Reason,
    gives: Annotated[
        list[EvidenceState] | None,
        typer.Option(help="A state that it stands behind; both by default.", show_default=False),
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="A method by which; any by default.", show_default=False)
    ] = None,
    assurance: Annotated[Assurance, typer.Option(help="How sure, at most.")] = Assurance.HIGH,
    login: Annotated[
        str | None, typer.Option(help="The only login of the database that records its evidence.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a provider verify evidence, in just these ways; as the owner of the database."""
    with opened() as emoney:
        made = providers.register(
            emoney.url,
            name,
            gives=gives or VERIFIED,
            methods=method or None,
            assurance=assurance,
            login=login,
            actor=actor,
            reason=reason,
            pool=emoney.settings.database.pool,
        )
    _tell(made, as_json)


@app.command()
def withdraw(name: Name, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Let a provider verify nothing from now on; as the owner of the database."""
    with opened() as emoney:
        pool = emoney.settings.database.pool
        _tell(providers.withdraw(emoney.url, name, actor=actor, reason=reason, pool=pool), as_json)


def _tell(provider: Provider, as_json: bool) -> None:
    if as_json:
        print_json(json_of(provider))
    else:
        stands = "is registered" if provider.active else "is withdrawn"
        screen.print(f"Provider {provider.name} {stands}: {', '.join(provider.gives)}.")
