"""When a wallet is dormant and what follows, by pack: the file `dormancy.yaml`."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from emoney.kyc import settings
from emoney.kyc.packs.evidence import Kind
from emoney.kyc.packs.rules import Confidence

_Months = Annotated[int, Field(ge=1, le=600)]


class DormancyRule(BaseModel):
    """The periods of a pack. Months of inactivity before the block, and after it until each later step.

    `reactivated_by`: evidence of which one must be verified before a blocked wallet is let go.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    inactive_months: _Months
    notice_months_before: _Months
    told_after_working_days: int = Field(ge=1, le=30)
    terminate_months: _Months
    escheat_months: _Months
    reactivated_by: tuple[Kind, ...] = Field(min_length=1, max_length=50)
    holidays: tuple[date, ...] = Field(default=(), max_length=1000)
    source: str = Field(min_length=1, max_length=400)
    confidence: Confidence

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.notice_months_before >= self.inactive_months:
            raise ValueError("the notice comes after the wallet was last used")
        if self.terminate_months >= self.escheat_months:
            raise ValueError("a wallet is terminated before its money goes to the state")
        return self


class DormancyRules(BaseModel):
    """The file `dormancy.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["emoney-dormancy/1"]
    packs: Mapping[str, DormancyRule] = Field(default_factory=dict, max_length=1000)


def dormancy_rules(home: Path | None = None) -> DormancyRules:
    """The rules of all packs that have one. Raises InvalidSettings."""
    return settings.read("dormancy", DormancyRules, home)
