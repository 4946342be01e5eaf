"""Pass-through: what a holder receives leaves again within hours, nearly whole, again and again.

Counted are receipts from other holders followed by one payment or cash-out of almost the same amount. A
family's remittance relay does the same for one relative: several payers are asked for. And passing on must
be what the account mainly does in that time, which spares accounts where the amounts match by chance.
Source of the pattern: money mules and funnel accounts (FATF, Europol's descriptions of mule accounts).
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


class PassThroughParameters(Parameters):
    """The numbers of this scenario; `data/scenarios/pass_through.yaml` has their reasons."""

    operations_in: list[Operation] = Field(min_length=1)
    operations_out: list[Operation] = Field(min_length=1)
    holding_hours: int = Field(ge=1, le=24 * 31)
    passed_part_min: float = Field(gt=0, le=1)
    window_days: int = Field(ge=1, le=366)
    passes_min: int = Field(ge=2, le=10_000)
    payers_min: int = Field(ge=1, le=10_000)
    passed_share_min: float = Field(ge=0, le=1)


class PassThrough(Scenario):
    """Score: the mean of how far the number of passes and of payers lie above their minimum, and of the
    share of all receipts that was passed on."""

    name: ClassVar[str] = "pass_through"
    revision: ClassVar[int] = 1
    facts: ClassVar[tuple[str, ...]] = (
        "passes",
        "payers",
        "total_in",
        "total_out",
        "hours",
        "received",
        "days",
    )
    model: ClassVar[type[Parameters]] = PassThroughParameters
    parameters: PassThroughParameters

    def alerts(self, transfers: ir.Table) -> ir.Table:
        """See `Scenario.alerts`."""
        numbers = self.parameters
        passes = self._passes(transfers)
        windows = measure(
            passes,
            numbers.window_days,
            passes=ibis._.count(),
            payers=ibis._.payer.nunique(),
        )
        often = windows.filter(windows.passes >= numbers.passes_min, windows.payers >= numbers.payers_min)
        strength = reached(often.passes, numbers.passes_min) + reached(often.payers, numbers.payers_min)
        inside = within(passes, episodes(often.mutate(strength=strength)))
        totals = inside.group_by([*SUBJECT, "first_day", "last_day", "strength"]).agg(
            passes=inside.count(),
            payers=inside.payer.nunique(),
            total_in=inside.amount.sum().cast("int64"),
            total_out=inside.amount_out.sum().cast("int64"),
            hours=inside.held_hours.max(),
        )
        known = totals.inner_join(self._received(transfers, totals), ["subject", "first_day"])
        shares = known.mutate(
            share=known.total_in / known.received, days=known.last_day - known.first_day + 1
        )
        kept = shares.filter(shares.share >= numbers.passed_share_min)
        found = kept.mutate(score=(kept.strength + kept.share) / 3.0)
        parts = ibis.union(
            inside.select("subject", "first_day", "transfer_id", part=ibis.literal("in")),
            inside.select("subject", "first_day", transfer_id=inside.out_id, part=ibis.literal("out")),
        )
        return evidence(transfers, found, parts, self.facts)

    def why(self, facts: Mapping[str, Any]) -> str:
        """See `Scenario.why`."""
        currency = facts["currency"]
        taken = format_amount(facts["total_in"], currency)
        passed = format_amount(facts["total_out"], currency)
        hours = counted(facts["hours"], "hour")
        return (
            f"{counted(facts['passes'], 'receipt')} from {counted(facts['payers'], 'holder')}, together "
            f"{taken} {currency}, left again within {hours} each ({passed} {currency}): "
            f"{facts['total_in'] / facts['received']:.0%} of what this holder received in "
            f"{counted(facts['days'], 'day')}."
        )

    def _passes(self, transfers: ir.Table) -> ir.Table:
        """Receipts with the first outgoing transfer of almost the same amount; each of both counts once."""
        numbers = self.parameters
        incoming = transfers.filter(
            transfers.operation.isin([each.value for each in numbers.operations_in]),
            transfers.debit_kind == "customer",
            transfers.credit_kind == "customer",
        )
        receipts = incoming.select(
            "transfer_id",
            "at",
            "amount",
            "currency",
            subject=incoming.credit_account,
            subject_ref=incoming.credit_ref,
            payer=incoming.debit_account,
            day=day_of(incoming["at"]),
        )
        outgoing = transfers.filter(
            transfers.operation.isin([each.value for each in numbers.operations_out]),
            transfers.debit_kind == "customer",
        ).select(
            out_id="transfer_id",
            holder="debit_account",
            payee="credit_account",
            amount_out="amount",
            out_at="at",
        )
        held = outgoing.out_at.epoch_seconds() - receipts["at"].epoch_seconds()
        pairs = receipts.inner_join(
            outgoing,
            [
                receipts.subject == outgoing.holder,
                receipts.payer != outgoing.payee,
                held >= 0,
                held <= numbers.holding_hours * SECONDS_PER_HOUR,
                outgoing.amount_out <= receipts.amount,
                outgoing.amount_out >= receipts.amount * numbers.passed_part_min,
            ],
        )
        pairs = pairs.mutate(
            held_hours=(pairs.out_at.epoch_seconds() - pairs["at"].epoch_seconds() + SECONDS_PER_HOUR - 1)
            // SECONDS_PER_HOUR
        )
        # the earliest way out of each receipt, and of the receipts that share one the latest
        first_out = ibis.window(group_by="transfer_id", order_by=["out_at", "out_id"])
        pairs = pairs.mutate(rank=ibis.row_number().over(first_out))
        pairs = pairs.filter(pairs["rank"] == 0).drop("rank")
        last_in = ibis.window(group_by="out_id", order_by=[ibis.desc("at"), "transfer_id"])
        pairs = pairs.mutate(rank=ibis.row_number().over(last_in))
        return pairs.filter(pairs["rank"] == 0).drop("rank", "holder", "payee")

    def _received(self, transfers: ir.Table, found: ir.Table) -> ir.Table:
        """All that the subjects received in the days of their episodes."""
        rows = transfers.select("amount", receiver="credit_account", day=day_of(transfers["at"]))
        spans = found.select("subject", "first_day", "last_day")
        joined = spans.inner_join(
            rows,
            [spans.subject == rows.receiver, rows.day >= spans.first_day, rows.day <= spans.last_day],
        )
        return joined.group_by(["subject", "first_day"]).agg(received=joined.amount.sum().cast("int64"))
