"""What a scenario is: a named pattern, its parameters with their reasons, and an expression that finds it."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import ibis.expr.types as ir
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from emoney import data
from emoney.aml.errors import InvalidScenario

_FIELDS = {"title", "typology", "parameters"}
_PARAMETER_FIELDS = {"value", "unit", "reason"}


class Parameters(BaseModel):
    """The numbers of a scenario. Unknown names and values out of range are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Reasoned:
    """A parameter as the file states it: its value, the unit, and why it is what it is."""

    name: str
    value: Any
    unit: str
    reason: str


class Scenario(ABC):
    """A pattern worth an analyst's look.

    `alerts` is an Ibis expression over the transfer history (columns: see `aml.history.transfers.COLUMNS`),
    so DuckDB and Spark run the same code. It depends on the rows only, never on their order or on the present
    moment.
    """

    name: ClassVar[str]
    revision: ClassVar[int]
    """Raised when the expression changes what it finds."""
    facts: ClassVar[tuple[str, ...]]
    """Columns after the common ones: the numbers that `why` tells."""
    model: ClassVar[type[Parameters]]
    parameters: Parameters
    """The validated numbers, of the type `model`."""

    def __init__(self, title: str, typology: str, reasoned: Sequence[Reasoned]) -> None:
        self.title = title
        self.typology = typology
        self.reasoned = tuple(reasoned)
        try:
            self.parameters = self.model.model_validate({each.name: each.value for each in reasoned})
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise InvalidScenario(f"Scenario {self.name}, parameter {field}: {first['msg']}.") from error

    @property
    def version(self) -> str:
        """Names this revision of the expression with these values: two alerts of one version compare."""
        content = json.dumps(
            [self.name, self.revision, self.parameters.model_dump(mode="json")], sort_keys=True
        )
        return f"{self.revision}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"

    def skipped(self, currencies: Sequence[str]) -> dict[str, str]:  # noqa: ARG002  for those that need a threshold
        """Currencies of the history this scenario cannot judge, each with the reason."""
        return {}

    @abstractmethod
    def alerts(self, transfers: ir.Table) -> ir.Table:
        """Evidence rows: the columns of `aml.scenarios.windows.EVIDENCE`, then `facts`."""

    @abstractmethod
    def why(self, facts: Mapping[str, Any]) -> str:
        """One sentence on an episode, with its numbers; `facts` is one of its evidence rows."""


def read(kind: type[Scenario], directory: Path | None = None) -> Scenario:
    """A scenario with the parameters of `directory/NAME.yaml` where that file exists, else the shipped ones.

    Raises InvalidScenario when the file is not of the form described in `data/scenarios/README.md`.
    """
    own = directory / f"{kind.name}.yaml" if directory else None
    try:
        content = (
            yaml.safe_load(own.read_text(encoding="utf-8"))
            if own and own.is_file()
            else data.read_yaml("scenarios", f"{kind.name}.yaml")
        )
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidScenario(f"Scenario {kind.name}: its file is not YAML in UTF-8.") from error
    if (
        not isinstance(content, dict)
        or set(content) != _FIELDS
        or not isinstance(content["parameters"], dict)
    ):
        raise InvalidScenario(
            f"Scenario {kind.name}: its file must hold exactly {', '.join(sorted(_FIELDS))}."
        )
    reasoned = []
    for name, stated in content["parameters"].items():
        if not isinstance(stated, dict) or set(stated) != _PARAMETER_FIELDS:
            raise InvalidScenario(f"Scenario {kind.name}, parameter {name}: give value, unit and reason.")
        reasoned.append(Reasoned(str(name), stated["value"], str(stated["unit"]), str(stated["reason"])))
    return kind(str(content["title"]), str(content["typology"]), reasoned)


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 agent", "3 agents"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
