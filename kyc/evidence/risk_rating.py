"""The risk rating of a customer from declared factors, with reasons, by the operator's dated policy.

Pure but for `record`, which also moves the date of the next review (`kyc.evidence.refresh`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from emoney.kyc import settings
from emoney.kyc.errors import UnknownFactor
from emoney.kyc.evidence.tables import RiskRatingRow
from emoney.kyc.packs.rules import Confidence
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add

Rating = Literal["low", "standard", "high"]
_Text = Annotated[str, Field(min_length=1, max_length=500)]
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Factor(_Part):
    """What a factor adds, or that it decides by itself; and the reason given for it."""

    reason: _Text
    points: int = Field(default=0, ge=-100, le=100)
    always: Literal["high"] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.always is None) == (self.points == 0):
            raise ValueError("a factor has points other than 0, or decides by itself")
        return self


class Refresh(_Part):
    """How long after a review the next one is due, and when it is reminded of."""

    high_months: int = Field(ge=1, le=120)
    other_months: int = Field(ge=1, le=240)
    remind_days_before: tuple[Annotated[int, Field(ge=0, le=365)], ...] = Field(max_length=10)
    source: _Text
    confidence: Confidence

    def months(self, rating: str) -> int:
        """The months between two reviews at this rating; the unrated have those of the others."""
        return self.high_months if rating == "high" else self.other_months


class RiskPolicy(_Part):
    """The file `risk_rating.yaml`."""

    format: Literal["emoney-risk-rating/1"]
    version: Annotated[str, Field(min_length=1, max_length=40)]
    source: Annotated[str, Field(min_length=1, max_length=150)]
    high_from: int
    low_up_to: int
    factors: Mapping[_Name, Factor] = Field(min_length=1, max_length=200)
    refresh: Refresh

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low_up_to >= self.high_from:
            raise ValueError("low_up_to is below high_from")
        return self


def risk_policy(home: Path | None = None) -> RiskPolicy:
    """The operator's policy, else the shipped example. Raises InvalidSettings."""
    return settings.read("risk_rating", RiskPolicy, home)


@dataclass(frozen=True, slots=True)
class Rated:
    """A rating, the points it comes from, and the reason of each factor in the policy's order."""

    rating: Rating
    points: int
    factors: tuple[str, ...]
    reasons: tuple[str, ...]
    policy: str


def rate(policy: RiskPolicy, declared: Iterable[str]) -> Rated:
    """Rate a customer of whom these factors were declared. Raises UnknownFactor."""
    wanted = set(declared)
    if unknown := wanted - set(policy.factors):
        # not named: free text may be anything
        raise UnknownFactor(
            f"{len(unknown)} of the factors are not in the policy of {policy.version}; "
            f"there are {', '.join(policy.factors)}"
        )
    found = {name: factor for name, factor in policy.factors.items() if name in wanted}
    points = sum(factor.points for factor in found.values())
    rating: Rating = "standard"
    if points >= policy.high_from or any(factor.always for factor in found.values()):
        rating = "high"
    elif points <= policy.low_up_to:
        rating = "low"
    reasons = tuple(
        f"{name}: {factor.reason} ({'decides' if factor.always else format(factor.points, '+d')})"
        for name, factor in found.items()
    )
    return Rated(rating, points, tuple(found), reasons, f"{policy.version}: {policy.source}")


@all_or_nothing
def record(
    connection: Connection, person_id: UUID, rated: Rated, *, actor: str, reason: str, at: datetime
) -> None:
    """Keep a rating. What follows for the next review is `kyc.evidence.refresh.rerated`."""
    add(
        connection,
        RiskRatingRow(
            id=new_id(),
            person_id=person_id,
            rating=rated.rating,
            points=rated.points,
            factors=list(rated.factors),
            reasons=list(rated.reasons),
            policy=rated.policy,
            rated_by=Actor(actor),
            reason=Reason(reason),
            rated_at=at,
        ),
    )
