"""From a policy pack to the profiles that the ledger enforces.

A profile holds every dated version of its rules: the pack's own, those of the packs that follow it, the
amounts of index units by the rate of the day. So the next version takes effect on its day by itself, and
what is posted late is measured by the rules of the day it counts on. Outside all of them nothing but
redemption to the holder's own bank account is allowed.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from emoney.kyc.limits.features import ORDINARY, Features
from emoney.kyc.packs.rules import Allowed, Denied, Feature, PackRule, PackScope, Sourced
from emoney.kyc.packs.schema import Pack, Tier, Transition
from emoney.kyc.packs.words import ASKED_FOR, COUNTED, REDEMPTION, PackOperation, named_by, operations_of
from emoney.ledger.limits.rules import (
    Bound,
    Direction,
    LimitProfile,
    LimitRule,
    Metric,
    OnExceed,
    Scope,
    Window,
)
from emoney.ledger.transfers.money import to_minor
from emoney.ledger.transfers.operations import Operation

_SCOPES: dict[PackScope, Scope] = {
    "instrument": Scope.WALLET,
    "wallet": Scope.WALLET,
    "person_at_issuer": Scope.PERSON,
    "per_payee": Scope.PAYEE,
}


class _Span(NamedTuple):
    """Local days from one, until another, exclusive; open where None."""

    since: date | None
    until: date | None


class _Stage(NamedTuple):
    """A tier of a pack for the days that the pack is in force."""

    pack: Pack
    tier: Tier
    span: _Span


class _Amount(NamedTuple):
    """What a rule allows in a span. `by`: how the amount was reached, for the citation."""

    span: _Span
    bound: Bound
    minor: int | None
    by: str = ""


def compile_profile(
    pack: Pack, tier: Tier, features: Features = ORDINARY, unmet: tuple[Transition, ...] = ()
) -> LimitProfile:
    """The limit profile of wallets at `tier` under `pack` and under what follows it.

    `unmet`: the transitions of these packs that the wallet does not meet (`kyc.limits.transitions`).
    A wallet is one instrument, so the scopes `wallet` and `instrument` are the same. What an operation takes
    out counts with its fee, which is a transfer of its own; a balance carried over from an older ledger does
    not count, for it is not the holder's doing. A draft has no dates.
    """
    stages = list(_stages(pack, tier))
    rules = list(_outside(stages))
    for stage in stages:
        rules += _stage_rules(stage, features, unmet)
    name, year = f"{pack.id}/{tier.id}", pack.fiscal_year_starts or 1
    return LimitProfile(name, pack.currency, pack.time_zone, tuple(rules), year)


def _stages(pack: Pack, tier: Tier) -> Iterator[_Stage]:
    if pack.status == "draft":
        yield _Stage(pack, tier, _Span(None, None))
        return
    while True:
        yield _Stage(pack, tier, _Span(pack.valid.from_, pack.valid.to))
        after = pack.succeeded_by
        if after is None or tier.id not in after.tiers:
            return
        following = pack.successor
        assert following is not None
        pack, tier = following, following.tier(after.tiers[tier.id])


def _outside(stages: list[_Stage]) -> Iterator[LimitRule]:
    """Refusals before, between and after the packs of `stages`."""
    first, last = stages[0], stages[-1]
    if first.span.since is not None:
        yield _not_in_force(first, _Span(None, first.span.since), "not-yet-in-force")
    for before, after in pairwise(stages):
        if before.span.until != after.span.since:
            yield _not_in_force(before, _Span(before.span.until, after.span.since), "no-longer-in-force")
    if last.span.until is not None:
        yield _not_in_force(last, _Span(last.span.until, None), "no-longer-in-force")


def _not_in_force(stage: _Stage, span: _Span, name: str) -> LimitRule:
    pack = stage.pack
    said = f"{pack.legal}: tier {stage.tier.id} of pack {pack.id} is in force {pack.validity}"
    if pack.succeeded_by and span.since is not None:
        said += f"; pack {pack.succeeded_by.pack} follows it, without a tier for this one"
    return _rule(stage, name, span, Bound.UNKNOWN, None, None, COUNTED - REDEMPTION, said)


def _stage_rules(stage: _Stage, features: Features, unmet: tuple[Transition, ...]) -> Iterator[LimitRule]:
    pack, tier, _ = stage
    yield from _transitions(stage, unmet)
    for denied in tier.denied:
        if all(features.meet(feature) for feature in denied.applies_if):
            yield _denial(stage, denied)
    if tier.allowed is not None:
        yield from _left_out(stage, tier.allowed)
    yield from _of_its_features(stage, features)
    if features.reloadable is False and not any("load_reload" in each.operations for each in tier.denied):
        yield _one_load(stage, f"{pack.legal}: an instrument that is not reloadable is loaded once")
    if tier.time_limit is not None:
        yield _time_limit(stage)
    for rule in tier.rules:
        yield from _limits(stage, rule, features)


def _transitions(stage: _Stage, unmet: tuple[Transition, ...]) -> Iterator[LimitRule]:
    """What stops from its day on for a wallet that does not meet a change of the rules."""
    for number, transition in enumerate(stage.pack.transitions, 1):
        span = _common(stage.span, _Span(transition.effective, None))
        if transition not in unmet or span is None or transition.action == "revalidate":
            continue
        direction = Direction.IN if transition.action == "no_further_credit" else None
        said = f"{_citation(stage.pack, transition)}: {transition.event}"
        name, operations = f"transition-{number}", COUNTED - REDEMPTION
        yield _rule(stage, name, span, Bound.CAPPED, 0, direction, operations, said, OnExceed.REQUIRE_CDD)


def _of_its_features(stage: _Stage, features: Features) -> Iterator[LimitRule]:
    """Refusals where a wallet is not what its tier asks for, and of what a kind of wallet is not for."""
    pack, tier, span = stage
    required = {*tier.requires, *(tier.requires_if_reloadable if features.reloadable is not False else ())}
    for feature in sorted(filter(features.contradict, required)):
        kind = f"{'reloadable ' if feature not in tier.requires else ''}instruments"
        said = f"{pack.legal}: tier {tier.id} is for {kind} that are {feature.words}"
        name, operations = f"requires-{feature}", COUNTED - REDEMPTION
        yield _rule(stage, name, span, Bound.CAPPED, 0, None, operations, said, OnExceed.REQUIRE_CDD)
    for is_so, feature in (
        (features.one_country, Feature.ONE_COUNTRY),
        (features.goods_only, Feature.GOODS_ONLY),
    ):
        if is_so:
            said = f"{pack.legal}: the instrument is {feature.words}"
            operations = operations_of(_NOT_FOR[feature])
            yield _rule(stage, f"is-{feature}", span, Bound.CAPPED, 0, Direction.OUT, operations, said)


_NOT_FOR: dict[Feature, tuple[PackOperation, ...]] = {
    Feature.ONE_COUNTRY: ("cross_border_out",),
    Feature.GOODS_ONLY: ("p2p_out", "cash_out", "cross_border_out", "crypto_out"),
}
"""What an instrument of such a kind cannot be used for. Redemption is no use of it."""


def _limits(stage: _Stage, rule: PackRule, features: Features) -> Iterator[LimitRule]:
    conditions = set(rule.applies_if)
    operations = operations_of(rule.operations, excluding=rule.excluding)
    if rule.metric is Metric.BALANCE and Feature.LOADED_WITH_CASH in conditions:
        conditions.remove(Feature.LOADED_WITH_CASH)
        if not features.loaded_with_cash:  # the load with cash is what makes it so
            operations = named_by("load_cash").operations
    if not all(features.meet(feature) for feature in conditions):
        return
    citation = _citation(stage.pack, rule)
    metric = rule.metric if rule.window is not None else Metric.SINGLE  # unknown whatever the window
    for amount in _overridden(stage, rule, features, _amounts(stage, rule)):
        for direction in rule.directions:
            yield LimitRule(
                id=f"{stage.pack.id}/{stage.tier.id}/{rule.named(direction)}",
                metric=metric,
                bound=amount.bound,
                amount=amount.minor,
                direction=direction,
                operations=operations,
                window=Window(rule.window) if metric in (Metric.FLOW, Metric.COUNT) and rule.window else None,
                on_exceed=rule.on_exceed,
                source=citation + amount.by,
                scope=_SCOPES[rule.scope],
                valid_from=amount.span.since,
                valid_to=amount.span.until,
            )


def _amounts(stage: _Stage, rule: PackRule) -> Iterator[_Amount]:
    """What the rule allows, by stretches of the days that its pack is in force."""
    span = stage.span
    if rule.amount is None:
        yield _Amount(span, Bound.UNKNOWN, None)
    elif rule.amount == "none":
        yield _Amount(span, Bound.NONE, None)
    elif rule.amount == "issuer_defined":
        yield _Amount(span, Bound.UNKNOWN, None, ": the issuer sets this limit, and none is set")
    elif rule.metric is Metric.COUNT:
        yield _Amount(span, Bound.CAPPED, int(rule.amount))
    elif rule.unit is None:
        yield _Amount(span, Bound.CAPPED, to_minor(rule.amount, stage.pack.currency))
    else:
        for since, until, minor, said in stage.pack.unit(rule.unit).amounts(rule.amount, *span):
            bound = Bound.UNKNOWN if minor is None else Bound.CAPPED
            yield _Amount(_Span(since, until), bound, minor, f": {said}")


def _overridden(
    stage: _Stage, rule: PackRule, features: Features, amounts: Iterator[_Amount]
) -> Iterator[_Amount]:
    """`amounts` with the temporary ones of the wallet's cohorts put in."""
    spans = list(amounts)
    for override in stage.pack.overrides:
        amount: Decimal | None = override.amounts.get(rule.name)
        if override.tier != stage.tier.id or amount is None or override.cohort not in features.cohorts:
            continue
        spans = [
            part
            for each in spans
            for outside in (_Span(None, override.from_), _Span(override.to, None))
            if (part := _within(each, outside)) is not None
        ]
        minor = to_minor(amount, stage.pack.currency)
        by = f", overridden for {override.cohort} by {_citation(stage.pack, override)}"
        spans.append(_Amount(_Span(override.from_, override.to), Bound.CAPPED, minor, by))
    yield from spans


def _within(amount: _Amount, span: _Span) -> _Amount | None:
    common = _common(amount.span, span)
    return None if common is None else amount._replace(span=common)


def _common(one: _Span, other: _Span) -> _Span | None:
    """The days that are in both; None where there are none."""
    since = max((day for day in (one.since, other.since) if day is not None), default=None)
    until = min((day for day in (one.until, other.until) if day is not None), default=None)
    if since is not None and until is not None and since >= until:
        return None
    return _Span(since, until)


def _denial(stage: _Stage, denied: Denied) -> LimitRule:
    """An operation that is not allowed at all: none of its transfers may have any amount."""
    citation = f"{_citation(stage.pack, denied)}: {denied.reason}"
    if "load_reload" in denied.operations:
        return _one_load(stage, citation)
    operations = operations_of(denied.operations, excluding=denied.excluding)
    return _rule(stage, denied.name, stage.span, Bound.CAPPED, 0, denied.direction, operations, citation)


def _one_load(stage: _Stage, citation: str) -> LimitRule:
    """One load in the wallet's life."""
    return LimitRule(
        id=f"{stage.pack.id}/{stage.tier.id}/denied-load_reload",
        metric=Metric.COUNT,
        bound=Bound.CAPPED,
        amount=1,
        direction=Direction.IN,
        operations=named_by("load_reload").operations,
        window=Window.LIFETIME,
        on_exceed=OnExceed.DENY,
        source=citation,
        valid_from=stage.span.since,
        valid_to=stage.span.until,
    )


def _left_out(stage: _Stage, allowed: Allowed) -> Iterator[LimitRule]:
    """What a holder could ask for in the directions that the list names, and the list does not."""
    listed = operations_of(allowed.operations)
    if "p2p_in" in allowed.operations:
        listed |= {Operation.DISBURSE}  # a business that pays is a payer like another
    for direction in Direction:
        if any(named_by(word).direction is direction for word in allowed.operations):
            said = f"{_citation(stage.pack, allowed)}: allows {', '.join(allowed.operations)} only"
            name = f"not-allowed-{direction}"
            operations = ASKED_FOR[direction] - listed - REDEMPTION
            yield _rule(stage, name, stage.span, Bound.CAPPED, 0, direction, operations, said)


def _time_limit(stage: _Stage) -> LimitRule:
    """No further credit once the time is over: redemption stays open."""
    limit = stage.tier.time_limit
    assert limit is not None
    to = f"upgraded to {limit.upgrade_to}" if limit.upgrade_to else "left"
    said = f"{_citation(stage.pack, limit)}: the tier has to be {to} within {limit.within} of opening"
    on_exceed = OnExceed.REQUIRE_UPGRADE if limit.upgrade_to else OnExceed.REQUIRE_CDD
    return _rule(
        stage,
        "time-limit",
        stage.span,
        Bound.CAPPED,
        0,
        Direction.IN,
        COUNTED,
        said,
        on_exceed,
        limit.months,
    )


def _rule(
    stage: _Stage,
    name: str,
    span: _Span,
    bound: Bound,
    amount: int | None,
    direction: Direction | None,
    operations: frozenset[Operation],
    source: str,
    on_exceed: OnExceed = OnExceed.DENY,
    after_months: int | None = None,
) -> LimitRule:
    """A refusal: a limit on the single transfer."""
    return LimitRule(
        id=f"{stage.pack.id}/{stage.tier.id}/{name}",
        metric=Metric.SINGLE,
        bound=bound,
        amount=amount,
        direction=direction,
        operations=operations,
        window=None,
        on_exceed=on_exceed,
        source=source,
        valid_from=span.since,
        valid_to=span.until,
        after_months=after_months,
    )


def _citation(pack: Pack, part: Sourced) -> str:
    if part.source is None:
        return f"{pack.legal} [no source; confidence {part.confidence}]"
    source = pack.sources[part.source]
    return (
        f"{pack.legal} [{part.source}: {source.title}; confidence {part.confidence}; "
        f"seen {source.seen or pack.collected}]"
    )
