"""What is wrong with the settings, in an operator's words: the setting, what would be right, no secret."""

import re
from typing import Any

from pydantic_core import ErrorDetails

from emoney.jobs.settings.leaves import Leaf, nearest
from emoney.jobs.settings.sources import FILE, Reading

SHOWN_MAX = 60
"""Characters of a wrong value."""
_NAME = re.compile(r"[\w.-]{0,40}")
"""Printable characters alone, of an unknown name."""

_PLAIN = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "dict_type": "must be a table",
}


def fault(error: ErrorDetails, reading: Reading) -> str:
    """One error of pydantic's as a line."""
    place = tuple(str(part) for part in error["loc"])
    leaf = _leaf(place, reading)
    name = ".".join(place)
    if leaf is None:
        name = _short(name)
    if error["type"] == "extra_forbidden":
        return f"{name}: there is no such setting{nearest(name, list(reading.leaves))}"
    if error["type"] in ("model_type", "model_attributes_type") and leaf is None:
        return f"{name}: must be a table of settings"
    said = _PLAIN.get(error["type"]) or error["msg"]
    said = said.removeprefix("Value error, ").replace("Input should be", "must be")
    if leaf is None:
        return f"{name}: {said}"
    return f"{_called(leaf, reading)}: {said}{_instead(leaf, error['input'])}"


def _short(name: str) -> str:
    """What begins like a name, in a key that may be anything, such as a URL with a password."""
    begun = _NAME.match(name)
    shown = begun.group() if begun else ""
    return shown if shown == name else f"{shown}…"


def _leaf(place: tuple[str, ...], reading: Reading) -> Leaf | None:
    """The setting that an error lies in: at its place, or at one of several values of it."""
    return next((each for each in reading.leaves.values() if place[: len(each.path)] == each.path), None)


def _called(leaf: Leaf, reading: Reading) -> str:
    source = reading.sources.get(leaf.name)
    if source == "file":
        return f"{leaf.name} in {FILE}"
    return f"{leaf.name} ({leaf.variable})" if source == "environment" else leaf.name


def _instead(leaf: Leaf, value: Any) -> str:
    if leaf.is_secret or not isinstance(value, str | int | float):
        return ""
    return f", not {str(value)[:SHOWN_MAX]!r}"
