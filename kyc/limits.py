"""From a policy pack to the profiles that the ledger enforces."""

from kyc.pack import Denied, Pack, PackOperation, PackRule, Tier
from ledger.limits import Bound, LimitProfile, LimitRule, Metric, OnExceed, Window
from ledger.money import to_minor
from ledger.operations import Operation

_COUNTED = frozenset(Operation) - {Operation.OPENING, Operation.DORMANCY}
"""Every operation but those that are not the holder's doing: a balance carried over, or moved as dormant."""

_OPERATIONS: dict[PackOperation, frozenset[Operation]] = {
    "any": _COUNTED,
    "load": frozenset({Operation.LOAD, Operation.CASH_IN}),
    "load_cash": frozenset({Operation.CASH_IN}),
    "load_bank": frozenset({Operation.LOAD}),
    "pay_present": frozenset({Operation.PAY}),
    "pay_remote": frozenset({Operation.PAY_REMOTE, Operation.BILL}),  # a bill is paid at a distance
    "pay_any": frozenset({Operation.PAY, Operation.PAY_REMOTE, Operation.BILL}),
    "bill_pay": frozenset({Operation.BILL}),
    "p2p_in": frozenset({Operation.P2P}),
    "p2p_out": frozenset({Operation.P2P}),
    "bank_out": frozenset({Operation.REDEEM_BANK}),
    "cash_out": frozenset({Operation.CASH_OUT}),
    "redeem_cash": frozenset({Operation.REDEEM_CASH}),
    "redeem_bank": frozenset({Operation.REDEEM_BANK}),
}


def compile_profile(pack: Pack, tier: Tier) -> LimitProfile:
    """The limit profile of wallets at `tier` under `pack`.

    Wallets of this ledger are reloadable, so rules that apply to reloadable instruments always do; and a
    wallet is one instrument, so the scopes `wallet` and `instrument` are the same. What an operation takes
    out counts with its fee, which is a transfer of its own; a balance carried over from an older ledger does
    not count, for it is not the holder's doing.
    """
    rules = [_denial(pack, tier, denied) for denied in tier.denied]
    rules += [_rule(pack, tier, rule) for rule in tier.rules]
    counted = {
        (rule.direction, Window(rule.window))
        for any_tier in pack.tiers
        for rule in any_tier.rules
        if rule.metric in (Metric.FLOW, Metric.COUNT) and rule.direction is not None
    }
    return LimitProfile(
        f"{pack.id}/{tier.id}", pack.currency, pack.time_zone, tuple(rules), frozenset(counted)
    )


def _rule(pack: Pack, tier: Tier, rule: PackRule) -> LimitRule:
    bound, amount = Bound.CAPPED, None
    if rule.amount is None:
        bound = Bound.UNKNOWN
    elif rule.amount == "none":
        bound = Bound.NONE
    elif rule.metric is Metric.COUNT:
        amount = int(rule.amount)
    else:
        amount = to_minor(rule.amount, pack.currency)
    return LimitRule(
        id=f"{pack.id}/{tier.id}/{rule.name}",
        metric=rule.metric,
        bound=bound,
        amount=amount,
        direction=rule.direction,
        operations=frozenset().union(*(_OPERATIONS[operation] for operation in rule.operations)),
        window=Window(rule.window) if rule.metric in (Metric.FLOW, Metric.COUNT) else None,
        on_exceed=rule.on_exceed,
        source=_citation(pack, rule.source, rule.confidence),
    )


def _denial(pack: Pack, tier: Tier, denied: Denied) -> LimitRule:
    """An operation that is not allowed at all: none of its transfers may have any amount."""
    return LimitRule(
        id=f"{pack.id}/{tier.id}/denied-{'+'.join(denied.operations)}",
        metric=Metric.SINGLE,
        bound=Bound.CAPPED,
        amount=0,
        direction=denied.direction,
        operations=frozenset().union(*(_OPERATIONS[operation] for operation in denied.operations)),
        window=None,
        on_exceed=OnExceed.DENY,
        source=f"{_citation(pack, denied.source, denied.confidence)}: {denied.because}",
    )


def _citation(pack: Pack, source: str, confidence: str) -> str:
    return f"{pack.legal} [{source}: {pack.sources[source].title}; confidence {confidence}]"
