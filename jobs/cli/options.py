"""Options that several commands have."""

from collections.abc import Callable
from typing import Annotated

import typer

from emoney.jobs.cli.terminal.opened import officer


def _acting(otherwise: str | None) -> Callable[[], str]:
    def name() -> str:
        if (acting := officer() or otherwise) is None:
            raise typer.BadParameter("say who does it: --actor, or emoney --officer NAME ...")
        return acting

    return name


_ACTOR = "Who does it: an id of your own, no name of a person; with --officer that officer."
Actor = Annotated[
    str,
    typer.Option(envvar="EMONEY_ACTOR", help=_ACTOR, default_factory=_acting(None), show_default=False),
]
ANYBODY = "command line"
ActorOrAnybody = Annotated[
    str,
    typer.Option(envvar="EMONEY_ACTOR", help=_ACTOR, default_factory=_acting(ANYBODY), show_default=ANYBODY),
]
Reason = Annotated[str, typer.Option(help="Why, in up to 500 characters, without personal data.")]
Person = Annotated[str, typer.Argument(help="The person's reference or id.")]
PackOption = Annotated[str | None, typer.Option(help="Policy pack; by default the one of the currency.")]

Reloadable = Annotated[
    bool | None, typer.Option("--reloadable/--not-reloadable", help="Can be loaded more than once.")
]
OneCountry = Annotated[
    bool | None, typer.Option("--one-country/--any-country", help="Can be used in one country only.")
]
GoodsOnly = Annotated[
    bool | None, typer.Option("--goods-only/--any-use", help="Is for goods and services only.")
]
