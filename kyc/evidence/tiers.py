"""Tiers: reached by evidence, or named by an operator's own file."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from emoney.kyc.errors import NoTier, UnknownTier
from emoney.kyc.packs.schema import Pack, Tier

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")


def tier_for(pack: Pack, kinds: AbstractSet[str], *, natural: bool = True) -> Tier:
    """The best tier of `pack` that evidence of `kinds` reaches.

    `natural`: whether it is of a natural person; tiers for those only are for no legal entity. Raises NoTier,
    saying what is missing.
    """
    shown = pack.with_implied(kinds)
    for tier in reversed(pack.tiers):
        if tier.by_evidence and tier.evidence.holds(shown) and (natural or not tier.natural_persons_only):
            return tier
    for_them = [tier for tier in pack.tiers if natural or not tier.natural_persons_only]
    if not for_them:
        raise NoTier(f"every tier of {pack.id} is for natural persons only")
    least = for_them[0]
    missing = ", ".join(least.evidence.missing(shown))
    raise NoTier(f"the details reach no tier of {pack.id}; {least.id} still needs {missing}")


def tier_named(pack: Pack, text: str | None, mapping: Mapping[str, str] | None = None) -> Tier:
    """The tier that an operator's file means by `text`.

    What `mapping` says (the file's word to a tier's id) comes first; then a tier's own id; then its place in
    the pack, "0" for the least identified. No text at all means the least identified tier. Raises
    UnknownTier, saying how to map the word.
    """
    word = (text or "").strip()
    if mapping and word in mapping:
        return pack.tier(mapping[word])
    if not word:
        return pack.tiers[0]
    for tier in pack.tiers:
        if tier.id == word:
            return tier
    if re.fullmatch("0|[1-9][0-9]?", word) and int(word) < len(pack.tiers):
        return pack.tiers[int(word)]
    # a column that has slipped may hold anything, also a name: show only what looks like a code
    shown = repr(word) if _NAME.fullmatch(word) else f"of {len(word)} characters"
    places = ", ".join(f"{place} or {tier.id}" for place, tier in enumerate(pack.tiers))
    raise UnknownTier(
        f"pack {pack.id} has no tier {shown}; it has {places}. "
        f"Map the word to one of them, such as {{{shown}: {pack.tiers[0].id!r}}}"
    )
