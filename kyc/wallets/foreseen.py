"""The limits that wallets under a pack may come to be under, stored when the pack is put in force.

To store a limit profile takes a right apart from posting (`emoney.ledger.POLICY_ROLE`): whoever has it
stores a pack's at once, and enrolment, changes of tier and restrictions only refer to them. What a login that
has the right needs beyond them it stores when it does.
"""

from collections.abc import Iterator
from itertools import chain, combinations, product
from typing import NamedTuple, TypeVar

from emoney.kyc.limits.compile import compile_profile
from emoney.kyc.limits.features import Features
from emoney.kyc.packs import acceptance
from emoney.kyc.packs.rules import Feature
from emoney.kyc.packs.schema import Pack
from emoney.kyc.wallets.restrictions import DowngradePolicy, RestrictionStage, downgrades, restricted
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.limits import profiles
from emoney.ledger.limits.rules import LimitProfile

TOGETHER_MAX = 2
"""In how many cohorts at once, or beside how many changes of the rules, a wallet is foreseen."""

One = TypeVar("One")


class Foreseen(NamedTuple):
    """How many profiles a pack comes to, and how many of them were not stored yet."""

    profiles: int
    new: int


@all_or_nothing
def store(connection: Connection, pack: Pack, policy: DowngradePolicy | None = None) -> Foreseen:
    """Store what `foreseen` gives. Raises PackNotAccepted, ProfilesDenied."""
    acceptance.demand(connection, pack)
    every = list(foreseen(pack, policy or downgrades().of(pack.id)))
    return Foreseen(len(every), profiles.store_all(connection, every))


def foreseen(pack: Pack, policy: DowngradePolicy) -> Iterator[LimitProfile]:
    """The profiles of a pack, each once: of every tier, kind of wallet and stage of a restriction.

    Of wallets that a change of the rules stops, too. Those in more than TOGETHER_MAX cohorts, or stopped by
    more than TOGETHER_MAX changes, are left out unless it is all.
    """
    given: set[LimitProfile] = set()
    stopping = [each for one in pack.chain for each in one.transitions if each.unless.kinds]
    for tier, features, unmet in product(pack.tiers, _features(pack), _some(stopping)):
        own = compile_profile(pack, tier, features, unmet)
        stages = (
            restricted(own, stage, policy, verified=verified)
            for stage in RestrictionStage
            for verified in (True, False)
        )
        for profile in chain([own], stages):
            if profile not in given:
                given.add(profile)
                yield profile


def _features(pack: Pack) -> Iterator[Features]:
    """The kinds of wallets that the rules of the pack, and of what follows it, tell from each other."""
    tiers = [tier for each in pack.chain for tier in each.tiers]
    told: set[Feature] = {
        *chain.from_iterable((*tier.requires, *tier.requires_if_reloadable) for tier in tiers),
        *chain.from_iterable(rule.applies_if for tier in tiers for rule in tier.rules),
        *chain.from_iterable(denied.applies_if for tier in tiers for denied in tier.denied),
    }
    cohorts = sorted({override.cohort for each in pack.chain for override in each.overrides})
    # what is said to be so is enforced whatever the pack says, but that a wallet is reloadable
    for reloadable, cash, phone, some, one_country, goods_only in product(
        (None, False, *([True] if Feature.NOT_RELOADABLE in told else [])),
        (False, *([True] if Feature.LOADED_WITH_CASH in told else [])),
        (False, *([True] if Feature.PHONE_NOT_VALIDATED in told else [])),
        _some(cohorts),
        (None, True, *([False] if Feature.ONE_COUNTRY in told else [])),
        (None, True, *([False] if Feature.GOODS_ONLY in told else [])),
    ):
        yield Features(reloadable, cash, phone, frozenset(some), one_country, goods_only)


def _some(of: list[One]) -> list[tuple[One, ...]]:
    """None of them, up to TOGETHER_MAX, and all."""
    sizes = {0, len(of), *range(1, min(TOGETHER_MAX, len(of)) + 1)}
    return list(chain.from_iterable(combinations(of, size) for size in sorted(sizes)))
