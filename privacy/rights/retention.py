"""How long what is held of a person must be kept, by the rules of `data/retention.yaml`.

Of several rules that apply, the longest holds. A jurisdiction that the file does not name falls under its
rule for `*`; one that no rule covers on a day is kept without an end, since nothing says that it may go.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from emoney import data
from emoney.ledger.base.declarations import Category
from emoney.ledger.limits.windows import YEAR_MONTHS, months_later
from emoney.privacy.errors import InvalidKnowledge

EVERYWHERE = "*"
_YEARS_MAX = 100

Confidence = Literal["primary", "secondary_multi", "derived", "memory", "unknown"]


class Rule(BaseModel):
    """A retention duty: `years` from the end of the relationship, for those that end from `valid_from` to
    `valid_until`, both included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{3,60}$")]
    jurisdictions: Annotated[tuple[str, ...], Field(min_length=1)]
    valid_from: date
    valid_until: date | None
    categories: Annotated[tuple[Category, ...], Field(min_length=1)]
    years: Annotated[int, Field(ge=0, le=_YEARS_MAX)]
    extension_years_max: Annotated[int, Field(ge=0, le=_YEARS_MAX)] | None
    ground: Annotated[str, Field(min_length=1, max_length=400)]
    source: Annotated[str, Field(min_length=1, max_length=300)]
    seen: date
    confidence: Confidence

    @model_validator(mode="after")
    def _dates_in_order(self) -> "Rule":
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("valid_until lies before valid_from")
        return self

    def holds(self, day: date) -> bool:
        """Whether the rule applies to what ended on `day`."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)

    def until(self, ended_on: date) -> date:
        """The last day of the duty, for what ended on a day."""
        return months_later(ended_on, YEAR_MONTHS * self.years)


@dataclass(frozen=True, slots=True)
class Duty:
    """What must be kept until the end of a day. `until`: None as long as nothing says when.

    `ground` and `source`: why, as a person is told.
    """

    until: date | None
    ground: str
    source: str

    def over(self, day: date) -> bool:
        """Whether nothing needs to be kept any more on a day."""
        return self.until is not None and self.until < day


@cache
def rules() -> tuple[Rule, ...]:
    """All rules. Raises InvalidKnowledge when the file does not fit together."""
    try:
        found = TypeAdapter(tuple[Rule, ...]).validate_python(data.read_yaml("retention.yaml"))
    except ValidationError as error:
        raise InvalidKnowledge(f"data/retention.yaml: {error}") from None
    if len({rule.id for rule in found}) < len(found):
        raise InvalidKnowledge("data/retention.yaml: two rules have one id")
    if not any(EVERYWHERE in rule.jurisdictions and rule.valid_until is None for rule in found):
        raise InvalidKnowledge(f"data/retention.yaml: no rule for {EVERYWHERE!r} is without an end")
    return found


def of(jurisdiction: str, category: Category, day: date) -> list[Rule]:
    """The rules for what ended on `day` in a jurisdiction: its own or, where it has none, those for all."""
    there = [rule for rule in rules() if category in rule.categories and rule.holds(day)]
    own = [rule for rule in there if jurisdiction in rule.jurisdictions]
    return own or [rule for rule in there if EVERYWHERE in rule.jurisdictions]


def duty(
    jurisdictions: Collection[str], ended_on: date | None, categories: Collection[Category] | None = None
) -> Duty:
    """The longest duty over what is held of a person, in every jurisdiction of theirs.

    `ended_on`: the day the relationship ended; None while it goes on. `categories`: all that lead to a person
    by default.
    """
    held = categories or [each for each in Category if each not in (Category.NONE, Category.KEY_MATERIAL)]
    day = ended_on or date.max
    found = {
        rule.id: rule
        for place in sorted(jurisdictions) or [EVERYWHERE]
        for category in held
        for rule in of(place, category, day)
    }
    if not found:
        return Duty(None, "No retention rule says when this may go.", "data/retention.yaml")
    if ended_on is None:
        first = next(iter(found.values()))
        return Duty(None, f"The relationship goes on. {first.ground}", first.source)
    longest = max(found.values(), key=lambda rule: rule.until(ended_on))
    return Duty(longest.until(ended_on), longest.ground, longest.source)
