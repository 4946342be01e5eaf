"""The one way from a value to JSON."""

from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID


def json_of(value: Any, /, **printed: str) -> Any:
    """`value` in JSON's own types: dataclasses and named tuples as objects of their fields, models as
    pydantic has them, moments in ISO 8601 and UTC, UUIDs, decimals and paths as text, sets in order.

    `printed`: instead of all fields these, each under the name it is printed as: `wallet="external_ref"`.
    Raises TypeError for what has no JSON form.
    """
    if printed:
        return {name: json_of(getattr(value, field)) for name, field in printed.items()}
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal | Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: json_of(getattr(value, field.name)) for field in fields(value)}
    return _of_several(value)


def named(*fields: str, **printed: str) -> dict[str, str]:
    """For `json_of`: these fields under their own names, and others under the names they are printed as."""
    return {**dict(zip(fields, fields, strict=True)), **printed}


def _of_several(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_key(key): json_of(each) for key, each in value.items()}
    if hasattr(value, "_asdict"):
        return json_of(value._asdict())
    if isinstance(value, Set):
        return sorted(json_of(each) for each in value)
    if isinstance(value, list | tuple):
        return [json_of(each) for each in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _key(key: Any) -> str:
    return str(json_of(key))
