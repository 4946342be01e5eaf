"""A package's public names, each loaded when it is first asked for: who needs one name waits for no other."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from emoney.ledger.base.extras import demanded


def face(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__` (PEP 562). `homes`: for each public name, the module that has it.

    A home may be written `MODULE:NAME`, where the module calls it otherwise. Asking for a name raises
    MissingExtra where its module needs a library of an extra that is not installed.
    """

    def found(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, attribute = homes[name].partition(":")
        with demanded():
            value = getattr(import_module(f"{package}.{module}"), attribute or name)
        setattr(import_module(package), name, value)
        return value

    return found
