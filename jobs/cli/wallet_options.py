"""What a wallet is, as options of the commands that open one or state it."""

from typing import Annotated

import typer

Reloadable = Annotated[
    bool | None, typer.Option("--reloadable/--not-reloadable", help="Can be loaded more than once.")
]
OneCountry = Annotated[
    bool | None, typer.Option("--one-country/--any-country", help="Can be used in one country only.")
]
GoodsOnly = Annotated[
    bool | None, typer.Option("--goods-only/--any-use", help="Is for goods and services only.")
]
