"""Generalisation hierarchies: each value, step by step coarser, up to `*`, which says nothing.

Level 0 is the value as it is, level `height` is `*`. Values equal at one level are equal at every higher one,
which is checked when a hierarchy is read. The shipped ones are in `data/releases/hierarchies.yaml`, with the
meaning of each kind; a plan may bring its own.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from emoney import data
from emoney.privacy.releases.errors import InvalidHierarchy, InvalidRecord

TOP = "*"
MISSING = "(none)"
"""What stands for a value that is not there, below the top."""

TEXT_MAX = 200
STEPS_MAX, EDGES_MAX, GROUPS_MAX = 10, 1000, 10_000
_NUMBER_MAX = Decimal(10) ** 18

_DATE_STEPS: dict[str, Callable[[date], str]] = {
    "month": lambda day: f"{day:%Y-%m}",
    "quarter": lambda day: f"{day:%Y}-Q{(day.month + 2) // 3}",
    "half": lambda day: f"{day:%Y}-H{(day.month + 5) // 6}",
    "year": lambda day: f"{day:%Y}",
    "decade": lambda day: f"{day.year // 10}0s",
}


class _Hierarchy(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def height(self) -> int:
        """The level of `*`."""
        return self._steps + 1

    @property
    def _steps(self) -> int:
        raise NotImplementedError

    def name(self, level: int) -> str:
        """A level in words, such as `month` or `in ranges of 5`."""
        if level >= self.height:
            return "withheld"
        return "as it is" if level == 0 else self._name(level - 1)

    def _name(self, step: int) -> str:
        raise NotImplementedError

    def levels(self, value: str) -> tuple[str, ...]:
        """The value at each level, from 0 to `height`. An empty one is a value of its own.

        Raises InvalidRecord, without the value in its text, when it is not of this hierarchy's kind.
        """
        if len(value) > TEXT_MAX or not value.isprintable():
            raise InvalidRecord(f"a value is up to {TEXT_MAX} printable characters")
        if not value:
            return (MISSING,) * self.height + (TOP,)
        return (*self._levels(value), TOP)

    def _levels(self, value: str) -> tuple[str, ...]:
        raise NotImplementedError


class Dates(_Hierarchy):
    """Calendar dates, ISO 8601."""

    kind: Literal["dates"]
    steps: Annotated[list[str], Field(min_length=1, max_length=STEPS_MAX)]

    @model_validator(mode="after")
    def _coarser(self) -> "Dates":
        order = list(_DATE_STEPS)
        if any(step not in order for step in self.steps):
            raise ValueError(f"steps are of {', '.join(order)}")
        if any(order.index(fine) >= order.index(coarse) for fine, coarse in pairwise(self.steps)):
            raise ValueError("each step is coarser than the one before")
        return self

    @property
    def _steps(self) -> int:
        return len(self.steps)

    def _name(self, step: int) -> str:
        return self.steps[step]

    def _levels(self, value: str) -> tuple[str, ...]:
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise InvalidRecord("not a date: write 2026-03-31") from None
        return (day.isoformat(), *(_DATE_STEPS[step](day) for step in self.steps))


class Ranges(_Hierarchy):
    """Numbers in ranges of one width."""

    kind: Literal["ranges"]
    widths: Annotated[list[Annotated[Decimal, Field(gt=0, lt=10**15)]], Field(max_length=STEPS_MAX)]
    origin: Decimal = Decimal(0)
    low: Decimal | None = None
    high: Decimal | None = None

    @model_validator(mode="after")
    def _nested(self) -> "Ranges":
        if any(wide % narrow or wide == narrow for narrow, wide in pairwise(self.widths)):
            raise ValueError("each width is a multiple of the one before")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low is below high")
        return self

    @property
    def _steps(self) -> int:
        return len(self.widths)

    def _name(self, step: int) -> str:
        return f"in ranges of {self.widths[step]}"

    def _levels(self, value: str) -> tuple[str, ...]:
        number = _number(value)
        if self.low is not None and number < self.low:
            return (f"below {self.low}",) * self.height
        if self.high is not None and number >= self.high:
            return (f"{self.high} or more",) * self.height
        return (_plain(number), *(self._range(number, width) for width in self.widths))

    def _range(self, number: Decimal, width: Decimal) -> str:
        start = self.origin + (number - self.origin) // width * width
        if start > number:  # // of a Decimal rounds towards zero
            start -= width
        return f"{_plain(start)} to <{_plain(start + width)}"


class Edges(_Hierarchy):
    """Numbers between edges of one's own."""

    kind: Literal["edges"]
    steps: Annotated[
        list[Annotated[list[Decimal], Field(min_length=1, max_length=EDGES_MAX)]], Field(max_length=STEPS_MAX)
    ]

    @model_validator(mode="after")
    def _nested(self) -> "Edges":
        if any(low >= high for edges in self.steps for low, high in pairwise(edges)):
            raise ValueError("edges rise")
        if any(not set(coarse) < set(fine) for fine, coarse in pairwise(self.steps)):
            raise ValueError("each step has some of the edges of the one before")
        return self

    @property
    def _steps(self) -> int:
        return len(self.steps)

    def _name(self, step: int) -> str:
        return f"between {len(self.steps[step])} edges"

    def _levels(self, value: str) -> tuple[str, ...]:
        number = _number(value)
        return (_plain(number), *(self._between(number, edges) for edges in self.steps))

    @staticmethod
    def _between(number: Decimal, edges: list[Decimal]) -> str:
        below = [edge for edge in edges if edge <= number]
        above = [edge for edge in edges if edge > number]
        if not below:
            return f"below {_plain(above[0])}"
        return f"{_plain(below[-1])} to <{_plain(above[0])}" if above else f"{_plain(below[-1])} or more"


class Prefixes(_Hierarchy):
    """The first characters of a code."""

    kind: Literal["prefixes"]
    keep: Annotated[list[Annotated[int, Field(ge=1, le=TEXT_MAX)]], Field(max_length=STEPS_MAX)]

    @model_validator(mode="after")
    def _fewer(self) -> "Prefixes":
        if any(more <= fewer for more, fewer in pairwise(self.keep)):
            raise ValueError("each step keeps fewer characters than the one before")
        return self

    @property
    def _steps(self) -> int:
        return len(self.keep)

    def _name(self, step: int) -> str:
        return f"first {self.keep[step]} characters"

    def _levels(self, value: str) -> tuple[str, ...]:
        return (value, *(value if len(value) <= keep else f"{value[:keep]}…" for keep in self.keep))


class Groups(_Hierarchy):
    """What each value belongs to. A chain that ends early stays with its last group."""

    kind: Literal["groups"]
    belongs_to: Annotated[dict[str, str], Field(min_length=1, max_length=GROUPS_MAX)]

    @model_validator(mode="after")
    def _even(self) -> "Groups":
        leaves = set(self.belongs_to) - set(self.belongs_to.values())
        if not leaves:
            raise ValueError("the groups go round in a circle")
        if len({len(self._chain(leaf)) for leaf in leaves}) > 1:
            raise ValueError("every value is as many steps below the widest groups as every other")
        return self

    def _chain(self, value: str) -> list[str]:
        chain = [value]
        while (parent := self.belongs_to.get(chain[-1])) is not None:
            chain.append(parent)
            if len(chain) > STEPS_MAX:
                raise ValueError(f"a group goes round in a circle, or is more than {STEPS_MAX} steps up")
        return chain

    @property
    def _steps(self) -> int:
        return max(len(self._chain(value)) for value in self.belongs_to) - 1

    def _name(self, step: int) -> str:
        return f"group {step + 1}"

    def _levels(self, value: str) -> tuple[str, ...]:
        chain = self._chain(value)
        if len(chain) != self.height:
            raise InvalidRecord("a value that none of the groups has")
        return tuple(chain)


Hierarchy = Annotated[Dates | Ranges | Edges | Prefixes | Groups, Field(discriminator="kind")]
_HIERARCHIES: TypeAdapter[dict[str, Hierarchy]] = TypeAdapter(dict[str, Hierarchy])


@cache
def shipped() -> Mapping[str, Hierarchy]:
    """The hierarchies that come with the library, by name."""
    return MappingProxyType(read_hierarchies(data.read_yaml("releases", "hierarchies.yaml")))


def read_hierarchies(content: Any) -> dict[str, Hierarchy]:
    """Hierarchies from the content of a file. Raises InvalidHierarchy, saying where and what is wrong."""
    try:
        return _HIERARCHIES.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InvalidHierarchy(f"hierarchy {where}: {first['msg'].removeprefix('Value error, ')}") from None


def _number(value: str) -> Decimal:
    try:
        number = Decimal(value)
        if number.is_finite() and abs(number) < _NUMBER_MAX:
            return number
    except InvalidOperation:
        pass
    raise InvalidRecord("not a number below 10^18: write 1234.50")


def _plain(number: Decimal) -> str:
    """Without an exponent, 1.50 like 1.5 and -0 like 0."""
    text = f"{number or Decimal(0):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
