"""Tries one limit one minor unit below, at and above it, through the question what would happen if."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from shipped import PACKS

from emoney.kyc.limits.explain import Explanation, explain
from emoney.kyc.limits.stated import read_state
from emoney.kyc.packs.schema import Pack
from emoney.ledger.transfers.money import to_decimal

DECISIONS = {
    "deny": "deny",
    "block_until_window_end": "deny",
    "require_cdd": "require_cdd",
    "allow_until_end_of_day": "allow_until_end_of_day",
}


@dataclass(frozen=True)
class Limit:
    """A limit as a table states it. `amount`: in the currency or in `unit`; "none", or None if not known."""

    pack: str
    tier: str
    metric: str
    direction: str
    operation: str
    window: str | None
    scope: str
    amount: str | None
    unit: str = ""
    features: tuple[str, ...] = ()
    on_exceed: str = "deny"

    def __str__(self) -> str:
        what = (self.metric, self.direction, self.operation, self.window, self.scope, *self.features)
        return "-".join(str(part) for part in (self.pack, self.tier, *what) if part)


def moment(pack: Pack, unit: str = "") -> datetime:
    """Some noon on which the pack, and a rate of the unit, is in force."""
    starts = [pack.valid.from_]
    if unit:
        starts.append(max(rate.from_ for rate in PACKS.unit(unit).rates if rate.rate is not None))
    known = [day for day in starts if day is not None]
    day = max(known) if known else None
    noon = (
        datetime(2026, 6, 10, 12, tzinfo=UTC)
        if day is None
        else datetime(*day.timetuple()[:3], 12, tzinfo=UTC)
    )
    return noon + timedelta(days=1)


def minor(limit: Limit, rate: Decimal = Decimal(1)) -> int:
    """The amount in minor units of the pack's currency, rounded down."""
    assert limit.amount is not None
    one = to_decimal(1, PACKS.pack(limit.pack).currency)
    return int(Decimal(limit.amount) * rate / one)


def operations(limit: Limit) -> list[str]:
    """The operations with which a limit can be tried."""
    if limit.metric == "balance":
        if "loaded_with_cash" in limit.features:
            return ["load_cash"]
        return ["load", "load_bank", "load_cash"]
    if limit.operation != "any":
        return [limit.operation]
    return ["load"] if limit.direction == "in" else ["pay_any", "p2p_out", "bank_out"]


def probe(limit: Limit, most: int, step: int, at: datetime, operation: str) -> Explanation:
    """What is said when a transfer would bring the limit, `most` minor units, to `most + step`."""
    pack = PACKS.pack(limit.pack)

    def decimal(amount: int) -> str:
        return str(to_decimal(amount, pack.currency))

    state: dict[str, Any] = {"at": at.isoformat(), "payee": "a shop"}
    for feature in limit.features:
        name, said = (feature[4:], False) if feature.startswith("not_") else (feature, True)
        state[name] = said
    amount = 1
    if limit.metric == "single":
        amount = most + step
    elif limit.metric == "balance" and limit.scope == "person_at_issuer":
        parts = [(most + step - 1) // 3, most + step - 1 - (most + step - 1) // 3]
        state |= {"balance": decimal(parts[0]), "wallet_balances": [decimal(part) for part in parts]}
    elif limit.metric == "balance":
        state |= {"balance": decimal(most + step - 1)}
    elif limit.window is not None:
        sides = {"both_summed": ["in", "out"], "both_separately": ["out"]}.get(
            limit.direction, [limit.direction]
        )
        used, rest = [], most + step - 1
        for place, side in enumerate(sides):
            part = rest // 2 if place == 0 and len(sides) == 2 else rest
            rest -= part
            used.append(
                {
                    "direction": side,
                    "operation": limit.operation,
                    "window": limit.window,
                    "amount": decimal(part),
                }
            )
        state["used"] = used
    return explain(pack, limit.tier, operation, decimal(amount), read_state(state), at)[1]


def allowed_operation(limit: Limit, at: datetime) -> str:
    """One of the operations to try that the tier does not refuse by name."""
    for operation in operations(limit):
        said = probe(limit, 2, 0, at, operation)
        if not (said.rule and ("/denied-" in said.rule or "/not-allowed-" in said.rule)):
            return operation
    raise AssertionError(f"{limit}: every operation is denied")


def demand_respected(limit: Limit, most: int, at: datetime) -> None:
    """That the limit allows what is below and at it, and above decides as the table says."""
    operation = allowed_operation(limit, at)
    for step in (-1, 0):
        said = probe(limit, most, step, at, operation)
        assert said.decision == "allow", (step, said)
        assert said.headroom is not None
    above = probe(limit, most, 1, at, operation)
    assert above.decision == DECISIONS[limit.on_exceed], above
    assert above.rule is not None
    assert above.rule.startswith(f"{limit.pack}/{limit.tier}/{limit.metric}")
    assert above.limit == to_decimal(most, PACKS.pack(limit.pack).currency)
    assert above.source
    assert "confidence" in above.source
