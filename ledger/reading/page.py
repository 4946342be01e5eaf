"""Pages: a list in pieces, each found by the key of the one before, however much was written in between."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from emoney.ledger.base.errors import InvalidInput

PAGE_DEFAULT, PAGE_MAX = 100, 1_000

Item = TypeVar("Item")
Place = tuple[Any, ...]
"""The key of a row, in the order of the list: moments, ids, whole numbers."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some of a list. `next`: given back as `after`, it gives the page behind; None where nothing is.

    Its text is opaque, good for the same question only, and for as long as the ledger is there.
    """

    items: tuple[Item, ...]
    next: str | None


def checked_limit(limit: object) -> int:
    """How many items a page has. Raises InvalidInput unless it is 1 to PAGE_MAX."""
    if type(limit) is not int or not 1 <= limit <= PAGE_MAX:
        raise InvalidInput(f"a page has 1 to {PAGE_MAX} items")
    return limit


def page(
    rows: Sequence[Sequence[Any]],
    limit: int,
    keys: int,
    asked: Sequence[object],
    made: Callable[[Sequence[Any]], Item],
) -> Page[Item]:
    """The page of the first `limit` of these rows, each beginning with the `keys` columns of its place."""
    shown = rows[:limit]
    items = tuple(made(row[keys:]) for row in shown)
    return Page(items, _token(tuple(shown[-1][:keys]), asked) if len(rows) > limit else None)


def place_after(token: str | None, asked: Sequence[object], forms: Sequence[type]) -> Place | None:
    """The place that a page's `next` names, None for the beginning.

    `forms`: the types of its parts. Raises InvalidInput for another text, or one of another question.
    """
    if token is None:
        return None
    try:
        question, *parts = json.loads(base64.urlsafe_b64decode(str(token).encode()))
        if question == _question(asked):
            return tuple(_parsed(form, part) for form, part in zip(forms, parts, strict=True))
    except (ValueError, TypeError, binascii.Error, AttributeError):
        raise InvalidInput("`after` is the `next` of a page before, as it was given") from None
    raise InvalidInput("`after` belongs to a page of another question: ask the same one, or begin anew")


def _token(place: Place, asked: Sequence[object]) -> str:
    parts = [each.isoformat() if isinstance(each, datetime) else each for each in place]
    text = json.dumps([_question(asked), *parts], default=str, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def _question(asked: Sequence[object]) -> str:
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]


def _parsed(form: type, part: Any) -> Any:
    if form is datetime:
        return datetime.fromisoformat(part)
    if form is UUID:
        return UUID(part)
    if type(part) is not int:
        raise TypeError
    return part
