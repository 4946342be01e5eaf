"""The algorithm registry: each cryptographic suite with its reference and state, and how long keys may serve.

Both are data, in `data/cryptography/`. The references are the inventory that ISO/TS 12812-2, Annex C, asks
for.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from emoney import data


class AlgorithmState(StrEnum):
    """Whether a suite may be used."""

    ALLOWED = "allowed"
    LEGACY = "legacy"
    DENIED = "denied"


class Algorithm(BaseModel):
    """A suite: `used_in` says where in this code, `limits` what keeps it safe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    what: str
    references: tuple[str, ...] = Field(min_length=1)
    strength_bits: int = Field(ge=0, le=512)
    state: AlgorithmState
    used_in: tuple[str, ...]
    limits: str


class Cryptoperiod(BaseModel):
    """For how many days a key of this use protects, and for how many it opens what it protected."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    use: str
    originator_days: int = Field(gt=0)
    recipient_days: int = Field(gt=0)

    def from_(self, made: datetime) -> "Window":
        """The two ends for a key made at `made`."""
        return Window(
            made + timedelta(days=self.originator_days),
            made + timedelta(days=max(self.originator_days, self.recipient_days)),
        )


class Window(NamedTuple):
    """When a key stops to protect new data, and when to open what it protected."""

    seal_until: datetime
    open_until: datetime


@cache
def registry() -> tuple[Algorithm, ...]:
    """Every suite, in the file's order."""
    return tuple(Algorithm.model_validate(each) for each in data.read_yaml("cryptography", "algorithms.yaml"))


@cache
def _periods() -> dict[str, Cryptoperiod]:
    read = data.read_yaml("cryptography", "cryptoperiods.yaml")
    return {period.use: period for period in (Cryptoperiod.model_validate(each) for each in read)}


def window(use: str, made: datetime) -> Window:
    """The cryptoperiod of a key of this use, made at `made`."""
    return _periods()[use].from_(made)
