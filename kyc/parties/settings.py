"""What the law of a place sets about parties: the age of majority, the share of a beneficial owner."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from emoney.kyc import settings
from emoney.kyc.packs.evidence import Kind
from emoney.kyc.packs.rules import Confidence

_Text = Annotated[str, Field(min_length=1, max_length=500)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Majority(_Part):
    """The age at which one is of age."""

    years: int = Field(ge=10, le=25)
    source: _Text
    confidence: Confidence


class Share(_Part):
    """A share of ownership, in basis points."""

    share_bp: int = Field(ge=1, le=10_000)
    source: _Text
    confidence: Confidence


class _Majorities(_Part):
    default: Majority
    packs: Mapping[str, Majority] = Field(default_factory=dict, max_length=1000)


class _Shares(_Part):
    default: Share
    packs: Mapping[str, Share] = Field(default_factory=dict, max_length=1000)


class _Guardian(_Part):
    verified_by: tuple[Kind, ...] = Field(min_length=1, max_length=50)
    source: _Text


class Parties(_Part):
    """The file `parties.yaml`."""

    format: Literal["emoney-parties/1"]
    majority: _Majorities
    guardian: _Guardian
    beneficial_owner: _Shares

    def of_age_on(self, born: date, pack_id: str) -> date:
        """The day on which a person comes of age; who was born on 29 February does so on 1 March."""
        years = self.majority.packs.get(pack_id, self.majority.default).years
        try:
            return born.replace(year=born.year + years)
        except ValueError:
            return date(born.year + years, 3, 1)

    def owner_share_bp(self, pack_id: str | None = None) -> int:
        """The share, in basis points, from which on a natural person is a beneficial owner."""
        return self.beneficial_owner.packs.get(pack_id or "", self.beneficial_owner.default).share_bp


def parties(home: Path | None = None) -> Parties:
    """The operator's file, else the shipped one. Raises InvalidSettings."""
    return settings.read("parties", Parties, home)
