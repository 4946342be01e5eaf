"""`emoney settings`: what is set, and where."""

from typing import Any

from emoney.jobs.cli.output import AsJson, notices, print_json, table
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.settings.listing import listed
from emoney.jobs.settings.settings import Settings, known
from emoney.jobs.settings.sources import unknown_variables

app = group("The settings that hold here.")


@app.callback()
def _group() -> None:
    """Keeps `show` a command of its own."""


@app.command()
def show(as_json: AsJson = False) -> None:
    """Every setting with its value and where that comes from: default, file, environment or argument.

    Secrets are masked. Variables that begin with EMONEY_ and set nothing are told on standard error.
    """
    found = listed(Settings())
    for slip in unknown_variables(known()):
        notices.print(f"notice: {slip}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        print_json(found)
    else:
        rows = [(each.name, _text(each.value), each.source) for each in found]
        table("Settings", ("name", "value", "from"), rows)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    return "" if value is None else str(value)
