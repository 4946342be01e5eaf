"""From a policy pack to the profiles that the ledger enforces.

A profile holds every dated version of its rules: the pack's own, those of the packs that follow it, the
amounts of index units by the rate of the day. So the next version takes effect on its day by itself, and
what is posted late is measured by the rules of the day it counts on. Outside all of them nothing but
redemption to the holder's own bank account is allowed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from kyc.operations import ASKED_FOR, COUNTED, REDEMPTION, named_by, operations_of
from kyc.pack import Pack, Tier
from kyc.pack_rule import Allowed, Denied, Feature, PackRule, PackScope, Sourced
from kyc.packs import load_pack
from kyc.rates import load_unit
from ledger.limits import Bound, Direction, LimitProfile, LimitRule, Metric, OnExceed, Scope, Window
from ledger.money import to_minor
from ledger.operations import Operation

_SCOPES: dict[PackScope, Scope] = {
    "instrument": Scope.WALLET,
    "wallet": Scope.WALLET,
    "person_at_issuer": Scope.PERSON,
    "per_payee": Scope.PAYEE,
}


@dataclass(frozen=True, slots=True)
class Features:
    """What a wallet is, as far as rules depend on it.

    `reloadable`: None where it is not said; the wallet is then under the rules for reloadable ones.
    `cohorts`: the temporary overrides that are for it.
    """

    reloadable: bool | None = None
    loaded_with_cash: bool = False
    phone_not_validated: bool = False
    cohorts: frozenset[str] = frozenset()

    def meet(self, feature: Feature) -> bool:
        """Whether the wallet is that."""
        match feature:
            case Feature.RELOADABLE:
                return self.reloadable is not False
            case Feature.NOT_RELOADABLE:
                return self.reloadable is False
            case Feature.LOADED_WITH_CASH:
                return self.loaded_with_cash
            case Feature.PHONE_NOT_VALIDATED:
                return self.phone_not_validated


ORDINARY = Features()


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


def compile_profile(pack: Pack, tier: Tier, features: Features = ORDINARY) -> LimitProfile:
    """The limit profile of wallets at `tier` under `pack` and under what follows it.

    A wallet is one instrument, so the scopes `wallet` and `instrument` are the same. What an operation takes
    out counts with its fee, which is a transfer of its own; a balance carried over from an older ledger does
    not count, for it is not the holder's doing. A draft has no dates.
    """
    stages = list(_stages(pack, tier))
    rules = list(_outside(stages))
    for stage in stages:
        rules += _stage_rules(stage, features)
    counted = set(_counted(pack, False))
    if features.reloadable is False:  # its loads are counted whatever the text measures
        counted.add((Direction.IN, Window.LIFETIME))
    return LimitProfile(
        f"{pack.id}/{tier.id}",
        pack.currency,
        pack.time_zone,
        tuple(rules),
        frozenset(counted),
        frozenset(_counted(pack, True)),
        pack.fiscal_year_starts or 1,
        frozenset().union(
            *(
                operations_of(rule.operations, excluding=rule.excluding)
                for rule in _measuring(pack, per_payee=True)
            )
        ),
    )


def _stages(pack: Pack, tier: Tier) -> Iterator[_Stage]:
    if pack.status == "draft":
        yield _Stage(pack, tier, _Span(None, None))
        return
    while True:
        yield _Stage(pack, tier, _Span(pack.valid.from_, pack.valid.to))
        after = pack.succeeded_by
        if after is None or tier.id not in after.tiers:
            return
        following = load_pack(after.pack)
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


def _stage_rules(stage: _Stage, features: Features) -> Iterator[LimitRule]:
    pack, tier, span = stage
    for denied in tier.denied:
        if all(features.meet(feature) for feature in denied.applies_if):
            yield _denial(stage, denied)
    if tier.allowed is not None:
        yield from _left_out(stage, tier.allowed)
    if Feature.NOT_RELOADABLE in tier.requires and features.reloadable:
        said = f"{pack.legal}: tier {tier.id} is for instruments that are not reloadable"
        name, operations = f"requires-{Feature.NOT_RELOADABLE}", COUNTED - REDEMPTION
        yield _rule(stage, name, span, Bound.CAPPED, 0, None, operations, said, OnExceed.REQUIRE_CDD)
    if features.reloadable is False and not any("load_reload" in each.operations for each in tier.denied):
        yield _one_load(stage, f"{pack.legal}: an instrument that is not reloadable is loaded once")
    if tier.time_limit is not None:
        yield _time_limit(stage)
    for rule in tier.rules:
        yield from _limits(stage, rule, features)


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
        for since, until, minor, said in load_unit(rule.unit).amounts(rule.amount, *span):
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
    since = max((day for day in (amount.span.since, span.since) if day is not None), default=None)
    until = min((day for day in (amount.span.until, span.until) if day is not None), default=None)
    if since is not None and until is not None and since >= until:
        return None
    return amount._replace(span=_Span(since, until))


def _denial(stage: _Stage, denied: Denied) -> LimitRule:
    """An operation that is not allowed at all: none of its transfers may have any amount."""
    citation = f"{_citation(stage.pack, denied)}: {denied.because}"
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


def _tiers(pack: Pack) -> Iterator[Tier]:
    """Every tier of the pack and of those that follow it: what any measures is counted for all."""
    while True:
        yield from pack.tiers
        if pack.status == "draft" or pack.succeeded_by is None:
            return
        pack = load_pack(pack.succeeded_by.pack)


def _measuring(pack: Pack, per_payee: bool) -> Iterator[PackRule]:
    """The flow and count rules of any of the tiers."""
    for tier in _tiers(pack):
        for rule in tier.rules:
            measures = rule.metric in (Metric.FLOW, Metric.COUNT) and rule.window is not None
            if measures and (rule.scope == "per_payee") is per_payee:
                yield rule


def _counted(pack: Pack, per_payee: bool) -> Iterator[tuple[Direction, Window]]:
    for rule in _measuring(pack, per_payee):
        for direction in rule.directions:
            for each in (direction,) if direction else Direction:
                yield each, Window(str(rule.window))
    for tier in _tiers(pack):
        if not per_payee and any("load_reload" in each.operations for each in tier.denied):
            yield Direction.IN, Window.LIFETIME


def _citation(pack: Pack, part: Sourced) -> str:
    if part.source is None:
        return f"{pack.legal} [no source; confidence {part.confidence}]"
    source = pack.sources[part.source]
    return (
        f"{pack.legal} [{part.source}: {source.title}; confidence {part.confidence}; "
        f"seen {source.seen or pack.collected}]"
    )
