"""The assessment's knowledge base: `data/assessment/*.yaml`, checked when it is read."""

from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emoney import data
from emoney.privacy.errors import InvalidKnowledge

Check = Literal[
    "by test",
    "no direct identifiers",
    "identifiers sealed",
    "keys wrapped",
    "append-only",
    "ordinary role",
    "all declared",
    "tables present",
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PurposeText(_Part):
    """Why fields are opened for a purpose, by whom and on which legal ground."""

    name: str
    why: str
    actor: str
    basis: str


class Control(_Part):
    """Something that lowers risks, and how to find out whether it is in place."""

    id: str
    title: str
    what: str
    check: Check
    tables: tuple[str, ...] = Field(default=(), strict=False)
    in_schema: str | None = Field(default=None, alias="schema")


class Steps(_Part):
    """By how many levels a control lowers a risk."""

    likelihood: int = Field(default=0, ge=0, le=3)
    impact: int = Field(default=0, ge=0, le=3)


class Risk(_Part):
    """What could happen to persons; likelihood and impact from 1 to 4 before any control."""

    id: str
    title: str
    how: str
    affects: str
    likelihood: int = Field(ge=1, le=4)
    impact: int = Field(ge=1, le=4)
    lowered_by: dict[str, Steps]


class Criterion(_Part):
    """One question of the threshold analysis; `met` is None where the operator has to answer."""

    criterion: str
    met: bool | None
    why: str


class Alternative(_Part):
    """A way that was considered."""

    option: str
    in_favour: str = Field(alias="for")
    against: str
    decision: str


class Gap(_Part):
    """What is not built, and what that means."""

    what: str
    means: str


class Recommendation(_Part):
    """What the operator should do, who, by when, and against which risks."""

    text: str
    owner: str
    priority: str
    risks: tuple[str, ...] = Field(strict=False)


class Standing(_Part):
    """The parts of the report that do not depend on the running system."""

    scope: str
    objective: str
    method: str
    competence: str
    independence: str
    threshold: tuple[Criterion, ...] = Field(strict=False)
    alternatives: tuple[Alternative, ...] = Field(strict=False)
    gaps: tuple[Gap, ...] = Field(strict=False)
    recommendations: tuple[Recommendation, ...] = Field(strict=False)


class Knowledge(_Part):
    """The whole knowledge base."""

    purposes: tuple[PurposeText, ...] = Field(strict=False)
    controls: tuple[Control, ...] = Field(strict=False)
    risks: tuple[Risk, ...] = Field(strict=False)
    standing: Standing


@cache
def load() -> Knowledge:
    """The shipped knowledge base. Raises InvalidKnowledge, saying where it does not fit together."""
    return parse(
        {
            "purposes": data.read_yaml("assessment", "purposes.yaml"),
            "controls": data.read_yaml("assessment", "controls.yaml"),
            "risks": data.read_yaml("assessment", "risks.yaml"),
            "standing": data.read_yaml("assessment", "report.yaml"),
        }
    )


def parse(content: Any) -> Knowledge:
    """A knowledge base out of plain values. Raises InvalidKnowledge."""
    try:
        knowledge = Knowledge.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidKnowledge(
            f"The assessment's knowledge base is wrong at {where}: {first['msg']}."
        ) from None
    controls = {control.id for control in knowledge.controls}
    risks = {risk.id for risk in knowledge.risks}
    for risk in knowledge.risks:
        if unknown := sorted(set(risk.lowered_by) - controls):
            raise InvalidKnowledge(f"Risk {risk.id} names the control {unknown[0]}, which there is not.")
    for advice in knowledge.standing.recommendations:
        if unknown := sorted(set(advice.risks) - risks):
            raise InvalidKnowledge(f"A recommendation names the risk {unknown[0]}, which there is not.")
    return knowledge
