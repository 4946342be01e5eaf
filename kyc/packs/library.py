"""Policy packs as files: read strictly, found by id or by currency. The schema is in `kyc.packs.schema`."""

from datetime import datetime
from functools import cache
from typing import Any

import yaml
from pydantic import ValidationError

from emoney import data
from emoney.kyc.errors import InvalidPack, UnknownPack
from emoney.kyc.packs.contradictions import demand_none, demand_none_between
from emoney.kyc.packs.rates import load_unit
from emoney.kyc.packs.schema import Pack, Tier

TEXT_MAX = 1_000_000
"""Characters of a pack's file."""


def pack_ids() -> list[str]:
    """The ids of the shipped packs, sorted."""
    names = (entry.name for entry in data.folder("policies").iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


@cache
def load_pack(pack_id: str) -> Pack:
    """The shipped pack of this id. Raises UnknownPack, InvalidPack."""
    if pack_id not in pack_ids():
        raise UnknownPack(f"there is no policy pack {pack_id[:60]!r}; there are {', '.join(pack_ids())}")
    pack = read_pack((data.folder("policies") / f"{pack_id}.yaml").read_text(encoding="utf-8"))
    if pack.id != pack_id:
        raise InvalidPack(f"policy pack {pack_id}: its file calls it {pack.id}")
    return pack


def version_at(pack: Pack, tier_id: str, at: datetime) -> tuple[Pack, Tier]:
    """The pack, and the tier of it, whose rules hold at a moment for wallets put at `tier_id` of `pack`.

    Itself, until the pack that follows it begins. Raises UnknownTier.
    """
    tier = pack.tier(tier_id)
    while (after := pack.succeeded_by) is not None and tier.id in after.tiers:
        following = load_pack(after.pack)
        if following.valid.from_ is None or following.local_day(at) < following.valid.from_:
            break
        pack, tier = following, following.tier(after.tiers[tier.id])
    return pack, tier


def forget() -> None:
    """Read the files of packs and rates anew from now on: a process that runs on may find them changed."""
    load_pack.cache_clear()
    load_packs.cache_clear()
    load_unit.cache_clear()


@cache
def load_packs() -> tuple[Pack, ...]:
    """All shipped packs, held against each other. Raises InvalidPack."""
    packs = tuple(load_pack(pack_id) for pack_id in pack_ids())
    demand_none_between(packs)
    return packs


def read_pack(text: str) -> Pack:
    """A pack from the text of its YAML file, in which no key may stand twice. Raises InvalidPack."""
    if len(text) > TEXT_MAX:
        raise InvalidPack(f"policy pack: {len(text)} characters; at most {TEXT_MAX} are read")
    try:
        content = yaml.load(text, _StrictLoader)  # noqa: S506  # a safe loader that is stricter yet
    except yaml.YAMLError as error:
        raise InvalidPack(f"policy pack: {error}") from error
    return parse_pack(content)


def parse_pack(content: Any) -> Pack:
    """A pack from the content of its file. Raises InvalidPack, saying where and what is wrong."""
    try:
        pack = Pack.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the pack"
        raise InvalidPack(f"policy pack: {where}: {first['msg'].removeprefix('Value error, ')}") from error
    demand_none(pack)
    return pack


def pack_schema() -> dict[str, Any]:
    """The JSON Schema of a pack's file. What it cannot say, `read_pack` checks: that sources exist, say."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Pack.model_json_schema(by_alias=True)


def pack_of_currency(currency: str, at: datetime) -> Pack:
    """The one shipped pack in force at `at` for wallets in `currency`.

    Of several, the one of the currency's own jurisdiction. Raises UnknownPack when there is none, or when
    there are several to choose from.
    """
    packs = load_packs()
    found = [pack for pack in packs if pack.currency == currency and pack.in_force(at)]
    # the code of a currency begins with that of the country or union that issues it (ISO 4217)
    at_home = [pack for pack in found if currency.startswith(pack.jurisdiction)]
    if len(found) > 1 and len(at_home) == 1:
        found = at_home
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownPack(f"name one of the packs in {currency}: {', '.join(pack.id for pack in found)}")
    there_are = ", ".join(sorted({pack.currency for pack in packs if pack.in_force(at)}))
    raise UnknownPack(
        f"no policy pack in force at {at:%Y-%m-%d} is in {currency}; there are packs in {there_are}"
    )


_SafeLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast


class _StrictLoader(_SafeLoader):  # type: ignore[valid-type,misc]
    """Refuses what plain YAML settles silently: of two equal keys, the last one wins."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice in one mapping", node.start_mark
                )
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping
