"""Groups of commands: plain help, and what a command needs is loaded when it is given."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup

from emoney.ledger.base.extras import demanded

Parts = Mapping[str, Mapping[str, str]]
"""For each module, the commands it has and what help says of each, which a test holds against the module."""


class Group(TyperGroup):
    """A group whose help says of each command the whole first sentence, however long."""

    parts: ClassVar[Parts] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """Those of this module, then the others, in the order they are listed in."""
        return [*super().list_commands(ctx), *(name for names in self.parts.values() for name in names)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, loaded. Raises MissingExtra."""
        for module, names in self.parts.items():
            if cmd_name in names:
                return loaded(module, cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of commands, of which none is loaded for it."""
        told = {name: said for names in self.parts.values() for name, said in names.items()}
        rows = [
            (name, told.get(name) or first_sentence(self.commands[name])) for name in self.list_commands(ctx)
        ]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def group(help: str, *, parts: Parts | None = None, no_args_is_help: bool = True) -> typer.Typer:
    """A group of commands. `parts`: those that are loaded when they are given, by module."""
    cls = Group if parts is None else type("OnDemand", (Group,), {"parts": parts})
    return typer.Typer(
        help=help,
        cls=cls,
        no_args_is_help=no_args_is_help,
        rich_markup_mode=None,  # its panels would take longer to load than all the rest
        pretty_exceptions_enable=False,  # a traceback with local values would show what nobody should see
        add_completion=False,
    )


def loaded(module: str, name: str) -> Any:
    """A command, or a group of them, of a module that either has `register(group)` or is the group `app`."""
    with demanded():
        found = import_module(f"emoney.jobs.cli.{module}")
    if not hasattr(found, "register"):
        command = typer.main.get_group(found.app)
        command.name = name
        return command
    several = group("")
    found.register(several)
    return typer.main.get_group(several).commands[name]


def first_sentence(command: Any) -> str:
    """What help says of a command in the list of its group."""
    said = " ".join((command.help or "").strip().split("\n\n")[0].split())
    head, end, _ = said.partition(". ")
    return head + end.strip()
