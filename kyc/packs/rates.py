"""Index units: amounts that a law states in a unit of its own, at the rate of the day.

`rates/UNIT.yaml` in a folder of packs has the dated rates. A rate applies only on the days it is stated for;
on other days it is missing or stale, and a limit in the unit is not known, which fails closed.
"""

from collections.abc import Iterator
from datetime import date
from decimal import ROUND_DOWN, Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from emoney.kyc.errors import InvalidPack
from emoney.kyc.packs.file import invalid
from emoney.kyc.packs.rules import Confidence, Part, Source, Sourced, Text
from emoney.ledger.transfers.money import AMOUNT_MAX, exponent


class Rate(Sourced):
    """What one unit is worth, in decimals of the currency, from a day until another, exclusive."""

    from_: date = Field(alias="from")
    to: date
    rate: Annotated[Decimal, Field(gt=0)] | None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.from_ >= self.to:
            raise ValueError(f"ends on {self.to}, which is not after it starts on {self.from_}")
        if (self.rate is None) != (self.confidence is Confidence.UNKNOWN):
            raise ValueError('null goes with confidence "unknown"')
        return self


class IndexUnit(Part):
    """A unit and its rates in the order of time.

    `rounding`: down to the minor unit, so that what is compared is never above what the text says.
    `replaces`: that the file stands, on purpose, for the shipped one of the same unit.
    """

    format: Literal["emoney-index-unit/1"]
    replaces: Literal["shipped"] | None = None
    unit: Annotated[str, Field(pattern=r"^[A-Z]{2,10}$")]
    title: Text
    currency: str
    rounding: Literal["down"]
    collected: Text
    sources: dict[str, Source] = Field(min_length=1, max_length=50)
    rates: tuple[Rate, ...] = Field(min_length=1, max_length=20_000)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        exponent(self.currency)
        for before, after in pairwise(self.rates):
            if before.to > after.from_:
                raise ValueError(f"two rates hold on {after.from_}")
        for rate in self.rates:
            if rate.source not in (None, *self.sources):
                raise ValueError(f"the rate of {rate.from_} names the source {rate.source!r}, not listed")
        return self

    def amounts(
        self, units: Decimal, since: date | None, until: date | None
    ) -> Iterator[tuple[date | None, date | None, int | None, str]]:
        """What `units` are worth over the days from `since` until `until`, exclusive; None where open.

        Each stretch as (from, to, minor units or None where no rate is known, by which rate in words).
        """
        at = since
        for rate in self.rates:
            start, end = rate.from_, rate.to
            if (until is not None and start >= until) or (at is not None and end <= at):
                continue
            if at is None or at < start:
                yield at, start, None, self._missing(start)
            start = start if at is None else max(at, start)
            at = end if until is None else min(end, until)
            if rate.rate is None:
                yield start, at, None, self._missing(start)
            else:
                yield start, at, self._minor(units, rate.rate), self._said(units, rate)
        if at is None or until is None or at < until:
            yield at, until, None, self._missing(at)

    def _minor(self, units: Decimal, rate: Decimal) -> int:
        worth = (units * rate).scaleb(exponent(self.currency)).to_integral_value(ROUND_DOWN)
        if worth > AMOUNT_MAX:
            raise InvalidPack(f"{units} {self.unit} is beyond the largest amount")
        return int(worth)

    def _said(self, units: Decimal, rate: Rate) -> str:
        return (
            f"{units:f} {self.unit} at {rate.rate:f} {self.currency}, rounded down "
            f"[{rate.source or 'no source'}; confidence {rate.confidence}; "
            f"the rate holds from {rate.from_} until {rate.to}]"
        )

    def _missing(self, day: date | None) -> str:
        known = [rate for rate in self.rates if rate.rate is not None]
        if not known:
            return f"no rate of {self.unit} is known"
        if day is not None and day >= known[-1].to:
            return f"the last rate of {self.unit} known is stale since {known[-1].to}"
        return f"no rate of {self.unit} is known for these days"


def parse_unit(content: Any) -> IndexUnit:
    """An index unit from the content of its file. Raises InvalidPack, saying where and what is wrong."""
    try:
        return IndexUnit.model_validate(content)
    except ValidationError as error:
        raise invalid("index unit", error) from error
