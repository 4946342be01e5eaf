"""The scenarios, in the order in which they run and are reported."""

from pathlib import Path

from aml.scenarios.fan_in import FanIn
from aml.scenarios.pass_through import PassThrough
from aml.scenarios.scenario import Reasoned, Scenario, read
from aml.scenarios.structuring import Structuring

KINDS: tuple[type[Scenario], ...] = (Structuring, FanIn, PassThrough)


def load(directory: Path | None = None) -> list[Scenario]:
    """All scenarios with the shipped parameters; a `NAME.yaml` in `directory` replaces those of that
    scenario.

    Raises InvalidScenario.
    """
    return [read(kind, directory) for kind in KINDS]


__all__ = ["FanIn", "KINDS", "PassThrough", "Reasoned", "Scenario", "Structuring", "load", "read"]
