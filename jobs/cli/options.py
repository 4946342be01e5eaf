"""Options that several commands have."""

from typing import Annotated

import typer

Actor = Annotated[
    str, typer.Option(envvar="EMONEY_ACTOR", help="Who does it: an id of your own; no name of a person.")
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
