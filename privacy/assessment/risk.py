"""Risks before and after the controls that were found in place."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from emoney.privacy.assessment.controls import Evidence
from emoney.privacy.assessment.knowledge import Risk


class Level(StrEnum):
    """How bad a risk is, from likelihood times impact (1 to 16)."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"
    SEVERE = "severe"


@dataclass(frozen=True, slots=True)
class Rating:
    """Likelihood and impact, each from 1 (low) to 4 (severe)."""

    likelihood: int
    impact: int

    @property
    def level(self) -> Level:
        """Up to 3 low, up to 6 moderate, up to 9 high, above severe."""
        score = self.likelihood * self.impact
        if score <= 3:
            return Level.LOW
        if score <= 6:
            return Level.MODERATE
        return Level.HIGH if score <= 9 else Level.SEVERE


@dataclass(frozen=True, slots=True)
class AssessedRisk:
    """A risk, rated before and after the controls that count, and those that should but do not."""

    risk: Risk
    before: Rating
    after: Rating
    in_place: tuple[Evidence, ...]
    missing: tuple[Evidence, ...]


def assess(risks: Sequence[Risk], evidence: Sequence[Evidence]) -> list[AssessedRisk]:
    """Each risk with what is left of it. A control not found lowers nothing; nothing falls below 1."""
    known = {found.control.id: found for found in evidence}
    return [_assessed(risk, known) for risk in risks]


def _assessed(risk: Risk, known: dict[str, Evidence]) -> AssessedRisk:
    named = [known[control] for control in risk.lowered_by]
    in_place = tuple(found for found in named if found.counts)
    steps = [risk.lowered_by[found.control.id] for found in in_place]
    after = Rating(
        max(1, risk.likelihood - sum(step.likelihood for step in steps)),
        max(1, risk.impact - sum(step.impact for step in steps)),
    )
    missing = tuple(found for found in named if not found.counts)
    return AssessedRisk(risk, Rating(risk.likelihood, risk.impact), after, in_place, missing)
