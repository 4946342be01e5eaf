"""Fan-in: many holders, most of whom never paid this one before, pay one holder within days.

That alone is also a collection for a wedding or the first round of a savings group. It is laundering-like
when the payers brought the money in as cash just before (smurfs), or when most of it leaves again as cash
at once. Source of the pattern: red flags of mobile money, "one receiver with many senders" (FATF; GSMA risk
guidance).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import ibis
import ibis.expr.types as ir
from pydantic import Field

from emoney.aml.scenarios.scenario import Parameters, Scenario, counted
from emoney.aml.scenarios.windows import (
    SECONDS_PER_HOUR,
    SUBJECT,
    day_of,
    episodes,
    evidence,
    measure,
    reached,
    within,
)
from emoney.ledger.transfers.money import format_amount
from emoney.ledger.transfers.operations import Operation

EPISODE = (*SUBJECT, "first_day", "last_day", "strength")


class FanInParameters(Parameters):
    """The numbers of this scenario; `data/scenarios/fan_in.yaml` has their reasons."""

    operations: list[Operation] = Field(min_length=1)
    window_days: int = Field(ge=1, le=366)
    payers_min: int = Field(ge=2, le=100_000)
    new_payers_share_min: float = Field(ge=0, le=1)
    funding_hours: int = Field(ge=1, le=24 * 31)
    funded_part_min: float = Field(gt=0, le=1)
    funded_payers_share_min: float = Field(gt=0, le=1)
    leaving_hours: int = Field(ge=1, le=24 * 31)
    cash_left_share_min: float = Field(gt=0, le=1)


class FanIn(Scenario):
    """Score: the mean of how far the payers lie above their minimum, the share of new payers, the share of
    payers funded by cash, and the share that left as cash."""

    name: ClassVar[str] = "fan_in"
    revision: ClassVar[int] = 1
    facts: ClassVar[tuple[str, ...]] = (
        "payers",
        "new_payers",
        "funded_payers",
        "total",
        "cash_left",
        "days",
    )
    model: ClassVar[type[Parameters]] = FanInParameters
    parameters: FanInParameters

    def alerts(self, transfers: ir.Table) -> ir.Table:
        """See `Scenario.alerts`."""
        numbers = self.parameters
        payments = self._payments(transfers)
        windows = measure(
            payments,
            numbers.window_days,
            payers=ibis._.payer.nunique(),
            new_payers=ibis._.payer.nunique(where=ibis._.is_first),
        )
        wide = windows.filter(
            windows.payers >= numbers.payers_min,
            windows.new_payers >= windows.payers * numbers.new_payers_share_min,
        )
        inside = within(payments, episodes(wide.mutate(strength=reached(wide.payers, numbers.payers_min))))
        funding = self._funding(transfers, inside)
        leaving = self._leaving(transfers, inside)
        found = self._judged(inside, funding, leaving)
        parts = ibis.union(
            inside.select("subject", "first_day", "transfer_id", part=ibis.literal("payment")),
            funding.select(
                "subject", "first_day", transfer_id=funding.funding_id, part=ibis.literal("funding")
            ),
            leaving.select("subject", "first_day", "transfer_id", part=ibis.literal("withdrawal")),
        )
        return evidence(transfers, found, parts, self.facts)

    def why(self, facts: Mapping[str, Any]) -> str:
        """See `Scenario.why`."""
        currency = facts["currency"]
        return (
            f"{counted(facts['payers'], 'holder')} ({facts['new_payers']} for the first time) paid "
            f"{format_amount(facts['total'], currency)} {currency} to this one within "
            f"{counted(facts['days'], 'day')}; {facts['funded_payers']} of them had brought the money in as "
            f"cash up to {counted(self.parameters.funding_hours, 'hour')} before, and "
            f"{format_amount(facts['cash_left'], currency)} {currency} left as cash within "
            f"{counted(self.parameters.leaving_hours, 'hour')} after."
        )

    def _payments(self, transfers: ir.Table) -> ir.Table:
        """Payments between holders; `is_first` where this payer never paid this holder before."""
        between = transfers.filter(
            transfers.operation.isin([each.value for each in self.parameters.operations]),
            transfers.debit_kind == "customer",
            transfers.credit_kind == "customer",
        )
        rows = between.select(
            "transfer_id",
            "at",
            "amount",
            "currency",
            subject=between.credit_account,
            subject_ref=between.credit_ref,
            payer=between.debit_account,
            day=day_of(between["at"]),
        )
        order = ibis.window(group_by=["subject", "payer"], order_by=["at", "transfer_id"])
        return rows.mutate(is_first=ibis.row_number().over(order) == 0)

    def _funding(self, transfers: ir.Table, inside: ir.Table) -> ir.Table:
        """Cash-ins of the payers shortly before their payment."""
        cash = transfers.filter(transfers.operation == Operation.CASH_IN.value).select(
            funding_id="transfer_id", funded="credit_account", cash="amount", cash_at="at"
        )
        seconds = inside["at"].epoch_seconds() - cash.cash_at.epoch_seconds()
        joined = inside.inner_join(
            cash,
            [
                inside.payer == cash.funded,
                seconds >= 0,
                seconds <= self.parameters.funding_hours * SECONDS_PER_HOUR,
                cash.cash >= inside.amount * self.parameters.funded_part_min,
            ],
        )
        return joined.select("subject", "first_day", "payer", "funding_id")

    def _leaving(self, transfers: ir.Table, inside: ir.Table) -> ir.Table:
        """Cash the holder took out from the first payment until shortly after the last."""
        spans = inside.group_by(["subject", "first_day"]).agg(
            begin=inside["at"].min(), end=inside["at"].max()
        )
        out = transfers.filter(transfers.operation == Operation.CASH_OUT.value).select(
            "transfer_id", "amount", "at", holder="debit_account"
        )
        joined = spans.inner_join(
            out,
            [
                spans.subject == out.holder,
                out["at"] >= spans.begin,
                out["at"].epoch_seconds() - spans.end.epoch_seconds()
                <= self.parameters.leaving_hours * SECONDS_PER_HOUR,
            ],
        )
        return joined.select("subject", "first_day", "transfer_id", "amount")

    def _judged(self, inside: ir.Table, funding: ir.Table, leaving: ir.Table) -> ir.Table:
        """The episodes in which enough payers were funded by cash or enough left as cash, with facts and
        score.
        """
        numbers = self.parameters
        key = ["subject", "first_day"]
        received = inside.group_by(list(EPISODE)).agg(
            payers=inside.payer.nunique(),
            new_payers=inside.payer.nunique(where=inside.is_first),
            total=inside.amount.sum().cast("int64"),
        )
        funded = funding.group_by(key).agg(funded_payers=funding.payer.nunique())
        left = leaving.group_by(key).agg(cash_left=leaving.amount.sum().cast("int64"))
        joined = received.left_join(funded, key).drop("subject_right", "first_day_right")
        joined = joined.left_join(left, key).drop("subject_right", "first_day_right")
        known = joined.mutate(
            funded_payers=joined.funded_payers.fill_null(0), cash_left=joined.cash_left.fill_null(0)
        )
        shares = known.mutate(
            new_share=known.new_payers / known.payers,
            funded_share=known.funded_payers / known.payers,
            left_share=ibis.least(known.cash_left / known.total, ibis.literal(1.0)),
            days=known.last_day - known.first_day + 1,
        )
        kept = shares.filter(
            (shares.funded_share >= numbers.funded_payers_share_min)
            | (shares.left_share >= numbers.cash_left_share_min)
        )
        return kept.mutate(score=(kept.strength + kept.new_share + kept.funded_share + kept.left_share) / 4.0)
