"""What a demo did, counted."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Planted:
    """Launderers of one kind among the persons, and how many of them its scenario raised an alert on."""

    planted: int
    found: int


@dataclass(frozen=True, slots=True)
class DemoResult:
    """A finished demo.

    `refused_by_rule`: the ledger's rule and how many transfers it refused, most first.
    `planted`: by scenario. `look_alikes`: honest persons whose business looks like laundering, and
    `look_alikes_alerted` how many of them an alert names as its subject; `others_alerted`: other honest
    persons so named. `outstanding`, `backing`: amounts in major units of `currency`.
    `seconds`: by phase, in their order. `home`: the installation, to look around in with the command line.
    """

    seed: int
    days: int
    currency: str
    pack: str
    persons_by_tier: dict[str, int]
    agents: int
    merchants: int
    posted: int
    refused_by_rule: dict[str, int]
    alerts_by_scenario: dict[str, int]
    planted: dict[str, Planted]
    look_alikes: int
    look_alikes_alerted: int
    others_alerted: int
    balanced: bool
    safeguarded: bool
    outstanding: Decimal
    backing: Decimal
    seconds: dict[str, float]
    home: Path
    monitoring_report: Path
    privacy_report: Path

    @property
    def persons(self) -> int:
        """How many persons were enrolled."""
        return sum(self.persons_by_tier.values())

    @property
    def refused(self) -> int:
        """How many transfers were refused."""
        return sum(self.refused_by_rule.values())

    @property
    def alerts(self) -> int:
        """How many alerts were raised."""
        return sum(self.alerts_by_scenario.values())

    @property
    def total_seconds(self) -> float:
        """The time of all phases."""
        return sum(self.seconds.values())

    @property
    def sound(self) -> bool:
        """Whether the books balance and the e-money is covered."""
        return self.balanced and self.safeguarded
