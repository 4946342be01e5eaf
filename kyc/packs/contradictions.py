"""What a policy pack must not say: two things at once.

Each part of a pack is well formed by its schema; here the parts are compared with each other, and packs with
those that come before and after them. A pack whose reading would depend on the order of its lines is
refused.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import combinations, pairwise
from typing import NamedTuple

from emoney.kyc.errors import InvalidPack, UnknownUnit
from emoney.kyc.packs.rules import PackRule
from emoney.kyc.packs.schema import Pack, Tier


class Contradiction(NamedTuple):
    """What contradicts what, and the way to it from the top of the file."""

    said: str
    place: tuple[str | int, ...]


def demand_none(pack: Pack) -> None:
    """Raises InvalidPack for the first contradiction in `pack`, saying between what and what."""
    for said, place in (
        *_within_tiers(pack),
        *_between_tiers(pack),
        *_with_units(pack),
        *_with_overrides(pack),
    ):
        raise InvalidPack(f"policy pack {pack.id}: {said}", place=place)


def demand_followed(pack: Pack, after: Pack | None) -> None:
    """Raises InvalidPack unless `after` fits as the pack that `pack` says follows it, if it says so."""
    if pack.succeeded_by is not None:
        for found in _with_successor(pack, after):
            raise InvalidPack(f"policy pack {pack.id}: {found}", place=("succeeded_by",))


def demand_none_between(packs: Sequence[Pack]) -> None:
    """Raises InvalidPack for the first contradiction between `packs`: overlapping validity, a successor that
    is not there or does not fit."""
    by_id = {pack.id: pack for pack in packs}
    for pack in packs:
        if pack.succeeded_by is not None:
            demand_followed(pack, by_id.get(pack.succeeded_by.pack))
    for _, _, said in overlaps(packs):
        raise InvalidPack(said, place=("valid",))


def overlaps(packs: Sequence[Pack]) -> Iterator[tuple[Pack, Pack, str]]:
    """Pairs of one line that are in force together, and a sentence that says so."""
    for one, other in combinations((pack for pack in packs if pack.status != "draft"), 2):
        if one.line is None or one.line != other.line:
            continue
        starts = max(one.valid.from_ or date.min, other.valid.from_ or date.min)
        ends = min(one.valid.to or date.max, other.valid.to or date.max)
        if starts < ends:
            yield (
                one,
                other,
                f"policy packs {one.id} and {other.id} of the line {one.line} are both in force from "
                f"{starts} until {'further notice' if ends == date.max else ends}: "
                "end the earlier where the later begins",
            )


def _with_successor(pack: Pack, after: Pack | None) -> Iterator[str]:
    assert pack.succeeded_by is not None
    if after is None:
        yield f"is succeeded by {pack.succeeded_by.pack!r}, which is no policy pack"
        return
    if after.currency != pack.currency:
        yield f"is in {pack.currency} and its successor {after.id} in {after.currency}"
    if after.valid.from_ != pack.valid.to:
        yield f"ends on {pack.valid.to} and its successor {after.id} begins on {after.valid.from_}"
    if after.status == "draft":
        yield f"its successor {after.id} is a draft"
    if pack.fiscal_year_starts and after.fiscal_year_starts not in (None, pack.fiscal_year_starts):
        yield f"its successor {after.id} has another fiscal year"
    ids = [tier.id for tier in after.tiers]
    for tier_id in pack.succeeded_by.tiers.values():
        if tier_id not in ids:
            yield f"its successor {after.id} has no tier {tier_id!r}; it has {', '.join(ids)}"


def _with_units(pack: Pack) -> Iterator[Contradiction]:
    places = {
        rule.unit: ("tiers", number, "rules", place)
        for number, tier in enumerate(pack.tiers)
        for place, rule in enumerate(tier.rules)
        if rule.unit
    }
    for name in sorted(pack.units):
        try:
            unit = pack.unit(name)
        except UnknownUnit as error:
            yield Contradiction(str(error), places[name])
        else:
            if unit.currency != pack.currency:
                yield Contradiction(
                    f"a rule is in {name}, worth {unit.currency}, and the pack is in {pack.currency}",
                    places[name],
                )


def _with_overrides(pack: Pack) -> Iterator[Contradiction]:
    tiers = {tier.id: {name for rule in tier.rules for name in rule.names} for tier in pack.tiers}
    for number, override in enumerate(pack.overrides):
        place = ("overrides", number)
        if override.tier not in tiers:
            yield Contradiction(
                f"an override is for the tier {override.tier!r}, which the pack does not have", place
            )
        for name in sorted(set(override.amounts) - tiers.get(override.tier, set())):
            yield Contradiction(
                f"the override {override.cohort} sets {name!r}, no limit of tier {override.tier}", place
            )


def _within_tiers(pack: Pack) -> Iterator[Contradiction]:
    for number, tier in enumerate(pack.tiers):
        last = {name: place for place, rule in enumerate(tier.rules) for name in rule.names}
        names = [name for rule in tier.rules for name in rule.names]
        for name in sorted({name for name in names if names.count(name) > 1}):
            amounts = ", ".join(str(rule.amount) for rule in tier.rules if name in rule.names)
            yield Contradiction(
                f"tier {tier.id} sets two limits on {name}: {amounts}; keep one",
                ("tiers", number, "rules", last[name]),
            )
        yield from _denied_and_allowed(number, tier)


def _denied_and_allowed(number: int, tier: Tier) -> Iterator[Contradiction]:
    denied = [operation for part in tier.denied for operation in part.operations]
    for operation in sorted({each for each in denied if denied.count(each) > 1}):
        yield Contradiction(
            f"tier {tier.id} denies {operation} twice; keep one entry", ("tiers", number, "denied")
        )
    if tier.allowed is not None:
        for operation in sorted(set(tier.allowed.operations) & set(denied)):
            yield Contradiction(
                f"tier {tier.id} both allows and denies {operation}; keep one of the two",
                ("tiers", number, "allowed"),
            )
    always = {operation for part in tier.denied if not part.applies_if for operation in part.operations}
    for place, rule in enumerate(tier.rules):
        if set(rule.operations) <= always:
            yield Contradiction(
                f"tier {tier.id} sets the limit {rule.name} on what it denies; keep one of the two",
                ("tiers", number, "rules", place),
            )


def _between_tiers(pack: Pack) -> Iterator[Contradiction]:
    ordered = [(number, tier) for number, tier in enumerate(pack.tiers) if tier.by_evidence]
    for position, (number, lower) in enumerate(ordered):
        for _, higher in ordered[position + 1 :]:
            if lower.evidence.implies(higher.evidence):
                yield Contradiction(
                    f"no one is ever at tier {lower.id}: whatever reaches it reaches {higher.id}, "
                    "which stands after it; a later tier must ask for more, or be assigned by_operator",
                    ("tiers", number, "evidence"),
                )
    for (_, lower), (number, higher) in pairwise(ordered):
        yield from _falling_limits(lower, number, higher)


def _falling_limits(lower: Tier, number: int, higher: Tier) -> Iterator[Contradiction]:
    """Better identified, yet allowed less. Numbers not known are not compared: they allow nothing anyway."""
    known = {rule.name: rule for rule in lower.rules if _comparable(rule)}
    for place, rule in enumerate(higher.rules):
        before = known.get(rule.name)
        if before is None or not _comparable(rule):
            continue
        if {rule.amount, before.amount}.isdisjoint({"none"}) and rule.unit != before.unit:
            continue
        if _height(rule) < _height(before):
            yield Contradiction(
                f"the limit {rule.name} falls from {before.amount} at tier {lower.id} to {rule.amount} at "
                f"the better identified tier {higher.id}",
                ("tiers", number, "rules", place),
            )


def _comparable(rule: PackRule) -> bool:
    return rule.amount is not None and rule.amount != "issuer_defined"


def _height(rule: PackRule) -> Decimal:
    return rule.amount if isinstance(rule.amount, Decimal) else Decimal("Infinity")
