"""What a policy pack must not say: two things at once.

Each part of a pack is well formed by its schema; here the parts are held against each other. A pack whose
reading would depend on the order of its lines is refused.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from kyc.errors import InvalidPack
from kyc.pack import Pack, PackRule, Tier


def demand_none(pack: Pack) -> None:
    """Raises InvalidPack for the first contradiction in `pack`, saying between what and what."""
    for found in (*_within_tiers(pack), *_between_tiers(pack)):
        raise InvalidPack(f"policy pack {pack.id}: {found}")


def _within_tiers(pack: Pack) -> Iterator[str]:
    for tier in pack.tiers:
        names = [rule.name for rule in tier.rules]
        for name in sorted({name for name in names if names.count(name) > 1}):
            amounts = ", ".join(str(rule.amount) for rule in tier.rules if rule.name == name)
            yield f"tier {tier.id} sets two limits on {name}: {amounts}; keep one"
        denied = [operation for part in tier.denied for operation in part.operations]
        for operation in sorted({each for each in denied if denied.count(each) > 1}):
            yield f"tier {tier.id} denies {operation} twice; keep one entry"
        for rule in tier.rules:
            if set(rule.operations) <= set(denied):
                yield f"tier {tier.id} sets the limit {rule.name} on what it denies; keep one of the two"


def _between_tiers(pack: Pack) -> Iterator[str]:
    for position, lower in enumerate(pack.tiers):
        for higher in pack.tiers[position + 1 :]:
            if lower.evidence.implies(higher.evidence):
                yield (
                    f"no one is ever at tier {lower.id}: whatever reaches it reaches {higher.id}, "
                    "which stands after it; a later tier must ask for more"
                )
    for lower, higher in pairwise(pack.tiers):
        yield from _falling_limits(lower, higher)


def _falling_limits(lower: Tier, higher: Tier) -> Iterator[str]:
    """Better identified, yet allowed less. Numbers not known are not compared: they allow nothing anyway."""
    known = {rule.name: rule for rule in lower.rules if rule.amount is not None}
    for rule in higher.rules:
        before = known.get(rule.name)
        if before is not None and rule.amount is not None and _height(rule) < _height(before):
            yield (
                f"the limit {rule.name} falls from {before.amount} at tier {lower.id} to {rule.amount} at "
                f"the better identified tier {higher.id}"
            )


def _height(rule: PackRule) -> Decimal:
    return rule.amount if isinstance(rule.amount, Decimal) else Decimal("Infinity")
