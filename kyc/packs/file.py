"""The text of a pack's file: YAML read strictly, and the line on which something in it stands."""

from collections.abc import Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from emoney.data import SafeLoader
from emoney.kyc.errors import InvalidPack

TEXT_MAX = 1_000_000
"""Characters of a file."""


class _StrictLoader(SafeLoader):  # type: ignore[valid-type,misc]
    """Refuses what plain YAML settles silently: of two equal keys, the last one wins."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice in one mapping", node.start_mark
                )
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def content_of(text: str, what: str) -> Any:
    """The content of YAML, in which no key may stand twice. Raises InvalidPack, saying `what` it is."""
    if len(text) > TEXT_MAX:
        raise InvalidPack(f"{what}: {len(text)} characters; at most {TEXT_MAX} are read")
    try:
        return yaml.load(text, _StrictLoader)  # noqa: S506  # a safe loader that is stricter yet
    except yaml.YAMLError as error:
        raise InvalidPack(f"{what}: {error}") from error


def syntax_line(error: BaseException | None) -> int | None:
    """The line, from 1, of a fault in the YAML itself."""
    mark = getattr(error, "problem_mark", None)
    return None if mark is None else int(mark.line) + 1


def line_of(text: str, place: Sequence[str | int]) -> int:
    """The line, from 1, on which what `place` leads to stands, as far as the way leads into the text."""
    node = yaml.compose(text, SafeLoader)
    line = 0
    for step in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1


class Misplaced(ValueError):
    """A fault that a check of the whole has found in a part of it. `place`: the way to that part."""

    def __init__(self, message: str, *place: str | int) -> None:
        super().__init__(message)
        self.place = place


def invalid(what: str, error: ValidationError, whole: str = "the file") -> InvalidPack:
    """The first thing that is wrong by the schema. `whole`: what to call the file itself."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or whole
    cause = first.get("ctx", {}).get("error")
    place = (*first["loc"], *(cause.place if isinstance(cause, Misplaced) else ()))
    return InvalidPack(f"{what}: {where}: {first['msg'].removeprefix('Value error, ')}", place=place)
