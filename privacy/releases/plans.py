"""Release plans: which columns of which records leave, how coarse, and under which guarantees.

Every column that leaves is either a quasi-identifier, which others may know of a person and which is
generalised, or sensitive, which must stay uncertain. What a plan does not name does not leave. The shipped
plans are in `data/releases`.
"""

from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from emoney import data
from emoney.privacy.releases.errors import InvalidPlan
from emoney.privacy.releases.hierarchies import Hierarchy, shipped

TEXT_MAX = 100_000
QUASI_IDENTIFIERS_MAX, SENSITIVE_MAX = 8, 4
GENERALISATIONS_MAX = 5_000
"""Combinations of levels that are searched."""

_Column = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
_HIERARCHIES_FILE = "hierarchies.yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class QuasiIdentifier(_Strict):
    """How a quasi-identifier may leave: `from` this level of its hierarchy up to `at_most` that one.

    A level is its number, or for dates the step's name.
    """

    hierarchy: str
    at_least: int | str = Field(default=0, alias="from")
    at_most: int | str | None = None


class Sensitive(_Strict):
    """A sensitive column: at least `l` different values in each class, at most `t` from the whole's spread.

    `t`: distance of a class's distribution from that of the release, 0 to 1, all values equally far apart.
    `hierarchy` and `level`: how coarse it leaves; as it is without them.
    """

    l: Annotated[int, Field(ge=1, le=1000)] = 1  # noqa: E741  the field's own name
    t: Annotated[float, Field(ge=0, le=1)] = 1.0
    hierarchy: str | None = None
    level: int | str = 0


class Plan(_Strict):
    """A release plan. `k`: persons at least in each class; `suppress_max`: the share that may be left out."""

    name: _Name
    purpose: Annotated[str, Field(min_length=1, max_length=200)]
    subject: _Column
    pseudonyms: _Name | None = None
    k: Annotated[int, Field(ge=2, le=10_000)]
    suppress_max: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    quasi_identifiers: Annotated[
        dict[_Column, QuasiIdentifier], Field(min_length=1, max_length=QUASI_IDENTIFIERS_MAX)
    ]
    sensitive: Annotated[dict[_Column, Sensitive], Field(max_length=SENSITIVE_MAX)] = {}
    hierarchies: dict[str, Hierarchy] = {}

    @model_validator(mode="after")
    def _fits(self) -> "Plan":
        columns = [self.subject, *self.quasi_identifiers, *self.sensitive]
        if len(set(columns)) < len(columns) or "pseudonym" in columns:
            raise ValueError("a column is the subject, a quasi-identifier or sensitive; `pseudonym` is taken")
        combinations = 1
        for column in self.quasi_identifiers:
            low, high = self.span(column)
            if low > high:
                raise ValueError(f"{column}: `from` is above `at_most`")
            combinations *= high - low + 1
        for column in self.sensitive:
            self.sensitive_level(column)
        if combinations > GENERALISATIONS_MAX:
            raise ValueError(
                f"{combinations} combinations of levels; {GENERALISATIONS_MAX} are searched: "
                "narrow `from` and `at_most`"
            )
        return self

    def hierarchy(self, name: str) -> Hierarchy:
        """A hierarchy of the plan's own, or else a shipped one."""
        found = self.hierarchies.get(name) or shipped().get(name)
        if found is None:
            raise ValueError(f"there is no hierarchy {name!r}; there are {', '.join(sorted(shipped()))}")
        return found

    def span(self, column: str) -> tuple[int, int]:
        """The lowest and the highest level at which a quasi-identifier may leave."""
        quasi = self.quasi_identifiers[column]
        hierarchy = self.hierarchy(quasi.hierarchy)
        high = hierarchy.height if quasi.at_most is None else _level(hierarchy, quasi.at_most)
        return _level(hierarchy, quasi.at_least), high

    def sensitive_level(self, column: str) -> tuple[Hierarchy | None, int]:
        """The hierarchy and the level at which a sensitive column leaves."""
        sensitive = self.sensitive[column]
        if sensitive.hierarchy is None:
            return None, 0
        hierarchy = self.hierarchy(sensitive.hierarchy)
        return hierarchy, _level(hierarchy, sensitive.level)


def plan_names() -> list[str]:
    """The names of the shipped plans, sorted."""
    names = {entry.name for entry in data.folder("releases").iterdir()} - {_HIERARCHIES_FILE}
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def load_plan(name: str) -> Plan:
    """The shipped plan of this name. Raises InvalidPlan."""
    if name not in plan_names():
        raise InvalidPlan(f"there is no release plan {name[:60]!r}; there are {', '.join(plan_names())}")
    return read_plan((data.folder("releases") / f"{name}.yaml").read_text(encoding="utf-8"))


def read_plan(text: str) -> Plan:
    """A plan from the text of its YAML file. Raises InvalidPlan, saying where and what is wrong."""
    if len(text) > TEXT_MAX:
        raise InvalidPlan(f"release plan: {len(text)} characters; at most {TEXT_MAX} are read")
    try:
        content: Any = yaml.safe_load(text)
        return Plan.model_validate(content)
    except yaml.YAMLError as error:
        raise InvalidPlan(f"release plan: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the plan"
        raise InvalidPlan(f"release plan: {where}: {first['msg'].removeprefix('Value error, ')}") from None


def _level(hierarchy: Hierarchy, level: int | str) -> int:
    for number in range(hierarchy.height + 1):
        if level in (number, hierarchy.name(number)):
            return number
    names = ", ".join(f"{number} {hierarchy.name(number)}" for number in range(hierarchy.height + 1))
    raise ValueError(f"there is no level {level!r}; there are {names}")
