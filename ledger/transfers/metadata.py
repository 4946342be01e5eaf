"""Metadata: a small JSON object that an operator keeps with a transfer or an account.

The ledger does not look into it. It is for ids and words of the operator's own, such as the number of an
order or a channel; never personal data, which belongs into `kyc`, sealed. So it is bounded: names of a fixed
form, texts as short as references, whole numbers, and no more than METADATA_BYTES_MAX in all.
"""

import json
import re
from typing import Any, NoReturn

from emoney.ledger.base.errors import InvalidMetadata
from emoney.ledger.base.names import REFERENCE_MAX, has_hidden, is_reference

METADATA_BYTES_MAX = 2048
DEPTH_MAX = 3
NAMES_MAX = 32
"""How many bytes as JSON, how many objects and lists within each other, how many names in all."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_INTEGER_MAX = 2**53 - 1

Metadata = dict[str, Any]


def _unchangeable(*_: object, **__: object) -> NoReturn:
    raise TypeError("metadata that was checked is not changed: give another to another transfer")


class _Object(dict[str, Any]):
    """An object of metadata that was checked."""

    __setitem__ = __delitem__ = __ior__ = _unchangeable
    clear = pop = popitem = setdefault = update = _unchangeable

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


class _List(list[Any]):
    """A list in it."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _unchangeable
    append = clear = extend = insert = pop = remove = reverse = sort = _unchangeable

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (list(self),)


def checked_metadata(given: object, what: str = "metadata") -> Metadata | None:
    """A copy of what is given that cannot be changed, None for an empty object.

    Raises InvalidMetadata, which quotes none of it.
    """
    if not isinstance(given, dict):
        raise InvalidMetadata(
            f"{what}: metadata is an object of names and values, not a {type(given).__name__}"
        )
    left = [NAMES_MAX]
    copied: Metadata = _copied(given, DEPTH_MAX, left, what)
    if len(as_text(copied).encode()) > METADATA_BYTES_MAX:
        raise InvalidMetadata(f"{what}: metadata takes more than {METADATA_BYTES_MAX} bytes as JSON")
    return copied or None


def checked_name(name: object) -> str:
    """`name`, if it is one that metadata may have. Raises InvalidMetadata."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidMetadata("a name in metadata has 1 to 32 small letters, digits and _, a letter first")
    return name


def as_text(metadata: Metadata | None) -> str:
    """The one JSON text of it: names in order, without blanks."""
    return json.dumps(metadata, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _copied(value: object, depth: int, left: list[int], what: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if type(value) is int and abs(value) <= _INTEGER_MAX:
        return value
    if type(value) is str and is_reference(value) and not has_hidden(value):
        return value
    if isinstance(value, dict | list) and depth:
        left[0] -= len(value)
        if left[0] < 0:
            raise InvalidMetadata(f"{what}: metadata has more than {NAMES_MAX} names and values in all")
        if isinstance(value, list):
            return _List(_copied(each, depth - 1, left, what) for each in value)
        return _Object(
            (checked_name(name), _copied(each, depth - 1, left, what)) for name, each in value.items()
        )
    raise InvalidMetadata(
        f"{what}: a value in metadata is a text of 1 to {REFERENCE_MAX} characters, none a control or "
        f"format character, a whole number below 2^53, true, false, null, or an object or list of these, "
        f"at most {DEPTH_MAX} deep"
    )
