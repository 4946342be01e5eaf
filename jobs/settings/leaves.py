"""Every single setting: its name, its variable, its default, and whether it is a secret."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

PREFIX = "EMONEY_"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A setting. `path`: its section, if it is in one, and its field; `what`: one line on it."""

    path: tuple[str, ...]
    variable: str
    default: Any
    what: str
    is_secret: bool

    @property
    def name(self) -> str:
        """As settings.toml has it: `section.field`."""
        return ".".join(self.path)


def leaves(model: type[BaseModel]) -> Mapping[str, Leaf]:
    """The settings of a model and its sections, by name, in their order."""
    return MappingProxyType({leaf.name: leaf for leaf in _leaves(model, ())})


def _leaves(model: type[BaseModel], above: tuple[str, ...]) -> Iterator[Leaf]:
    for name, field in model.model_fields.items():
        path = (*above, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _leaves(field.annotation, path)
        else:
            yield _leaf(path, field)


def _leaf(path: tuple[str, ...], field: FieldInfo) -> Leaf:
    extra = field.json_schema_extra
    named = extra.get("variable") if isinstance(extra, dict) else None
    return Leaf(
        path,
        str(named) if named else PREFIX + "_".join(path).upper(),
        field.default,
        field.description or "",
        SecretStr in (field.annotation, *get_args(field.annotation)),
    )


def nearest(name: str, known: Mapping[str, object] | list[str]) -> str:
    """` (did you mean …?)`, or nothing where no known name is near."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {found[0]}?)" if found else ""
