"""Structuring: cash brought in by amounts that stay just below the reporting threshold.

Counted are cash-ins of one holder from the band below the threshold, summed over all agents, within the
window. A holder who also brings in amounts at or above the threshold is not avoiding it: traders do, and
are spared by `below_share_min`. Source of the pattern: FATF, red flags of cash placement; "linked
transactions" count together.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from iso4217 import Currency
from pydantic import Field, field_validator

from emoney.aml.scenarios.scenario import Parameters, Scenario, counted
from emoney.aml.scenarios.windows import SUBJECT, day_of, episodes, evidence, measure, reached, within
from emoney.ledger.transfers.money import format_amount, to_minor
from emoney.ledger.transfers.operations import Operation

DEFAULT = "default"


class StructuringParameters(Parameters):
    """The numbers of this scenario; `data/scenarios/structuring.yaml` has their reasons."""

    thresholds: dict[str, Decimal | None]
    """Reporting threshold per ISO 4217 code in major units, and `default` for all others; None: unknown."""
    operations: list[Operation] = Field(min_length=1)
    band: Decimal = Field(gt=0, lt=1)
    window_days: int = Field(ge=1, le=366)
    cash_ins_min: int = Field(ge=2, le=1000)
    habit_days: int = Field(ge=0, le=3660)
    below_share_min: float = Field(gt=0, le=1)

    @field_validator("thresholds")
    @classmethod
    def _known_and_positive(cls, stated: dict[str, Decimal | None]) -> dict[str, Decimal | None]:
        for currency, threshold in stated.items():
            if currency != DEFAULT:
                to_minor(threshold or 1, currency)
            if threshold is not None and not threshold > 0:
                raise ValueError(
                    f"the threshold for {currency} is {threshold}; give a positive amount or null"
                )
        return stated


class Structuring(Scenario):
    """Score: the mean of how far the number of cash-ins lies above its minimum, and of their share below the
    threshold; half as much again of what is missing to 1 when several agents took the cash."""

    name: ClassVar[str] = "structuring"
    revision: ClassVar[int] = 1
    facts: ClassVar[tuple[str, ...]] = ("cash_ins", "total", "agents", "threshold", "days")
    model: ClassVar[type[Parameters]] = StructuringParameters
    parameters: StructuringParameters

    def threshold(self, currency: str) -> int | None:
        """The reporting threshold in minor units of `currency`; None when it is not configured."""
        stated = self.parameters.thresholds.get(currency, self.parameters.thresholds.get(DEFAULT))
        return None if stated is None else to_minor(str(stated), currency)

    def skipped(self, currencies: Sequence[str]) -> dict[str, str]:
        """Currencies without a reporting threshold."""
        return {
            currency: f"no reporting threshold is configured for {currency}: "
            f"state one under thresholds in {self.name}.yaml"
            for currency in currencies
            if self.threshold(currency) is None
        }

    def alerts(self, transfers: ir.Table) -> ir.Table:
        """See `Scenario.alerts`."""
        numbers = self.parameters
        rows = self._near_or_above(transfers)
        windows = measure(rows.filter(rows.below), numbers.window_days, cash_ins=ibis._.count()).filter(
            ibis._.cash_ins >= numbers.cash_ins_min
        )
        found = episodes(windows.mutate(strength=reached(windows.cash_ins, numbers.cash_ins_min)))
        inside = within(rows.filter(rows.below), found)
        facts = inside.group_by([*SUBJECT, "first_day", "last_day", "strength", "threshold"]).agg(
            cash_ins=inside.count(),
            total=inside.amount.sum().cast("int64"),
            agents=inside.debit_account.nunique(),
        )
        known = facts.inner_join(self._habit(rows, found), ["subject", "first_day"])
        kept = known.filter(known.below_share >= numbers.below_share_min)
        plain = (kept.strength + kept.below_share) / 2.0
        scored = kept.mutate(
            score=(kept.agents > 1).ifelse(plain + (1.0 - plain) / 2.0, plain),
            days=kept.last_day - kept.first_day + 1,
        )
        parts = inside.select("subject", "first_day", "transfer_id")
        return evidence(transfers, scored, parts.mutate(part=ibis.literal("cash-in")), self.facts)

    def why(self, facts: Mapping[str, Any]) -> str:
        """See `Scenario.why`."""
        currency = facts["currency"]
        return (
            f"{facts['cash_ins']} cash-ins at {counted(facts['agents'], 'agent')} within "
            f"{counted(facts['days'], 'day')}, each at most {self.parameters.band:.0%} below the reporting "
            f"threshold of {format_amount(facts['threshold'], currency)} {currency}, together "
            f"{format_amount(facts['total'], currency)} {currency}."
        )

    def _habit(self, rows: ir.Table, found: ir.Table) -> ir.Table:
        """Per episode, the share of the holder's large cash-ins that stay below: in it and in the days
        before.
        """
        spans = found.select("subject", "first_day", "last_day")
        large = rows.select("day", "below", holder="subject")
        joined = spans.inner_join(
            large,
            [
                spans.subject == large.holder,
                large.day >= spans.first_day - self.parameters.habit_days,
                large.day <= spans.last_day,
            ],
        )
        return joined.group_by(["subject", "first_day"]).agg(below_share=joined.below.mean())

    def _near_or_above(self, transfers: ir.Table) -> ir.Table:
        """Holders' cash-ins from the band's lower edge upwards; `below` tells those under the threshold."""
        in_scope = transfers.operation.isin([each.value for each in self.parameters.operations]) & (
            transfers.credit_kind == "customer"
        )
        cash = transfers.filter(in_scope)
        known = cash.inner_join(self._levels(), "currency")
        near = known.filter(known.amount >= known.lowest)
        return near.select(
            "transfer_id",
            "amount",
            "debit_account",
            "threshold",
            "currency",
            subject=near.credit_account,
            subject_ref=near.credit_ref,
            day=day_of(near["at"]),
            below=near.amount < near.threshold,
        )

    def _levels(self) -> ir.Table:
        """Per currency, in minor units: the threshold, and the lowest amount that counts as near it."""
        stated = self.parameters.thresholds
        codes = {code for code in stated if code != DEFAULT}
        if stated.get(DEFAULT) is not None:
            codes |= {each.code for each in Currency if each.exponent is not None}
        tops = {code: self.threshold(code) for code in sorted(codes)}
        known = [(code, top) for code, top in tops.items() if top is not None]
        return ibis.memtable(
            pa.table(
                {
                    "currency": pa.array([code for code, _ in known], pa.string()),
                    "threshold": pa.array([top for _, top in known], pa.int64()),
                    "lowest": pa.array(
                        [math.ceil(top * (1 - self.parameters.band)) for _, top in known], pa.int64()
                    ),
                }
            )
        )
