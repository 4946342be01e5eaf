"""The scenarios, in the order in which they run and are reported."""

from pathlib import Path

from emoney.aml.scenarios.fan_in import FanIn
from emoney.aml.scenarios.pass_through import PassThrough
from emoney.aml.scenarios.scenario import Reasoned, Scenario, read
from emoney.aml.scenarios.structuring import Structuring

KINDS: tuple[type[Scenario], ...] = (Structuring, FanIn, PassThrough)


def load(directory: Path | None = None) -> list[Scenario]:
    """All scenarios with the shipped parameters; a `NAME.yaml` in `directory` replaces those of that
    scenario.

    Raises InvalidScenario.
    """
    return [read(kind, directory) for kind in KINDS]


__all__ = ["FanIn", "KINDS", "PassThrough", "Reasoned", "Scenario", "Structuring", "load", "read"]
