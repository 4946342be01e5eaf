"""What is counted of wallets: what any rule of any tier measures that a wallet may come to be at.

So a change of tier finds its counters filled, and nothing is counted that no rule asks for.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from emoney.kyc.limits.features import Features
from emoney.kyc.packs.rules import PackRule
from emoney.kyc.packs.schema import Pack, Tier
from emoney.kyc.packs.words import named_by, operations_of
from emoney.ledger.limits.rules import Counted, Direction, Metric, Window
from emoney.ledger.transfers.operations import Operation


class Counting(NamedTuple):
    """The windows and the operations that are counted, by direction; and those counted per payee."""

    windows: Counted
    windows_per_payee: Counted
    operations: frozenset[tuple[Direction, Operation]]
    operations_per_payee: frozenset[Operation]


def counting_of(pack: Pack, own: Tier, features: Features) -> Counting:
    """What is counted of wallets with these features at a tier of a pack, and under what follows it."""
    tiers = list(_tiers(pack, own))
    alone, per_payee = list(_measuring(tiers, False)), list(_measuring(tiers, True))
    windows, operations = set(_windows(alone)), set(_operations([*alone, *per_payee]))
    # the loads of an instrument that is loaded once are counted whatever the text measures
    if features.reloadable is False or any("load_reload" in it.operations for t in tiers for it in t.denied):
        windows.add((Direction.IN, Window.LIFETIME))
        operations |= {(Direction.IN, each) for each in named_by("load_reload").operations}
    return Counting(
        frozenset(windows),
        frozenset(_windows(per_payee)),
        frozenset(operations),
        frozenset(operation for _, operation in _operations(per_payee)),
    )


def _tiers(pack: Pack, own: Tier | None) -> Iterator[Tier]:
    """The tiers that are counted for: its own, and all that evidence leads to, here and in what follows.

    A wallet that has moved money does not become an instrument that only the operator assigns.
    """
    while True:
        for tier in pack.tiers:
            if tier.assigned == "by_evidence" or (own is not None and tier.id == own.id):
                yield tier
        after = pack.succeeded_by
        if pack.status == "draft" or after is None:
            return
        follows = after.tiers.get(own.id) if own is not None else None
        assert pack.successor is not None
        pack = pack.successor
        own = None if follows is None else pack.tier(follows)


def _measuring(tiers: Iterable[Tier], per_payee: bool) -> Iterator[PackRule]:
    """Their flow and count rules."""
    for tier in tiers:
        for rule in tier.rules:
            measures = rule.metric in (Metric.FLOW, Metric.COUNT) and rule.window is not None
            if measures and (rule.scope == "per_payee") is per_payee:
                yield rule


def _windows(rules: Iterable[PackRule]) -> Iterator[tuple[Direction, Window]]:
    for rule in rules:
        for direction in rule.directions:
            for each in (direction,) if direction else Direction:
                yield each, Window(str(rule.window))


def _operations(rules: Iterable[PackRule]) -> Iterator[tuple[Direction, Operation]]:
    for rule in rules:
        for direction in rule.directions:
            for each in (direction,) if direction else Direction:
                for operation in operations_of(rule.operations, excluding=rule.excluding):
                    yield each, operation
