"""Restrictions: what a wallet may still do that is above its tier's cap, or whose holder reaches no tier.

| stage           | credits | debits                                              | lasts               |
|-----------------|---------|-----------------------------------------------------|---------------------|
| credits_stopped | none    | as the tier allows; redemption to a verified holder | until the grace has |
|                 |         | without limit                                       | ended               |
| debits_stopped  | none    | redemption to a verified holder only                | until it is lifted  |

Nothing is ever taken from the holder. A stage is a limit profile of its own, the tier's with denials in front
of it, so posting enforces it like any limit. Money given back (refunds, reversals) still arrives. Pure: no
database. The steps are made by `kyc.wallets.wallet` and, on their date, `kyc.wallets.downgrade`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from emoney.kyc import settings
from emoney.kyc.packs.evidence import Kind
from emoney.ledger.limits.rules import Bound, Direction, LimitProfile, LimitRule, Metric, OnExceed
from emoney.ledger.transfers.operations import GIVES_BACK, Operation

NOT_THE_HOLDERS = frozenset({Operation.OPENING, Operation.DORMANCY}) | GIVES_BACK
"""Operations that are not the holder's doing: never stopped."""


class RestrictionStage(StrEnum):
    """How far a wallet is restricted."""

    CREDITS_STOPPED = "credits_stopped"
    DEBITS_STOPPED = "debits_stopped"


class Cause(StrEnum):
    """Why a wallet is restricted."""

    ABOVE_CAP = "above_cap"
    """The balance is above the cap of the tier that the wallet came down to."""
    NO_TIER = "no_tier"
    """The evidence reaches no tier of the pack any more."""


class DowngradePolicy(BaseModel):
    """What a pack's wallets go through: days of grace, what counts as redemption, who is verified."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grace_days: int = Field(default=90, ge=1, le=3650)
    redemption: tuple[Operation, ...] = (
        Operation.REDEEM_BANK,
        Operation.REDEEM_OWN_BANK,
        Operation.REDEEM_CASH,
    )
    verified_by: tuple[Kind, ...] = Field(default=("id_document",), min_length=1, max_length=50)
    source: Annotated[str, Field(min_length=1, max_length=500)]

    @property
    def grace(self) -> timedelta:
        """How long after credits stop debits stop too."""
        return timedelta(days=self.grace_days)


class _Change(BaseModel):
    """What a pack has otherwise than the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grace_days: int | None = None
    redemption: tuple[Operation, ...] | None = None
    verified_by: tuple[Kind, ...] | None = None
    source: str


class Downgrades(BaseModel):
    """The file `downgrades.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["emoney-downgrades/1"]
    default: DowngradePolicy
    packs: Mapping[str, _Change] = Field(default_factory=dict, max_length=1000)

    def of(self, pack_id: str) -> DowngradePolicy:
        """What applies to the wallets of a pack."""
        change = self.packs.get(pack_id)
        if change is None:
            return self.default
        return self.default.model_copy(update=change.model_dump(exclude_none=True))


def downgrades(home: Path | None = None) -> Downgrades:
    """The operator's policy, else the shipped example. Raises InvalidSettings."""
    return settings.read("downgrades", Downgrades, home)


@dataclass(frozen=True, slots=True)
class Restriction:
    """A stage, why, and when the next one begins (None: there is none)."""

    stage: RestrictionStage
    cause: Cause
    next_at: datetime | None


def caps(profile: LimitProfile, day: date, *, until_end_of_day: bool = True) -> list[LimitRule]:
    """The rules of a profile that cap a balance with a known number on a local day.

    `until_end_of_day`: those too that are measured when the day ends (`kyc.wallets.end_of_day`).
    """
    return [
        rule
        for rule in profile.rules
        if rule.metric is Metric.BALANCE
        and rule.bound is Bound.CAPPED
        and _in_force(rule, day)
        and (until_end_of_day or rule.on_exceed is not OnExceed.ALLOW_UNTIL_END_OF_DAY)
    ]


def per_person(rule: LimitRule) -> bool:
    """Whether the rule caps what all wallets of the person hold together."""
    return str(getattr(rule, "scope", "wallet")) == "person"


def _in_force(rule: LimitRule, day: date) -> bool:
    dated = getattr(rule, "in_force", None)
    return dated is None or bool(dated(day))


def next_restriction(
    now: Restriction | None, *, excess: bool, no_tier: bool, policy: DowngradePolicy, at: datetime
) -> Restriction | None:
    """The restriction of a wallet at `at`, given the one it was under.

    `excess`: its balance is above the cap of its tier; `no_tier`: its holder reaches none. A grace that runs
    goes on: it neither starts anew nor ends early. None: no restriction, or lifted.
    """
    if not excess and not no_tier:
        return None
    cause = Cause.NO_TIER if no_tier else Cause.ABOVE_CAP
    if now is None:
        return Restriction(RestrictionStage.CREDITS_STOPPED, cause, at + policy.grace)
    if now.next_at is not None and at >= now.next_at:
        return Restriction(RestrictionStage.DEBITS_STOPPED, cause, None)
    return replace(now, cause=cause)


def restricted(
    profile: LimitProfile, stage: RestrictionStage, policy: DowngradePolicy, *, verified: bool
) -> LimitProfile:
    """The limits of a wallet in `stage`. `verified`: the holder is, by one of the policy's kinds."""
    redemption = frozenset(policy.redemption)
    stopped = [
        _denial(profile, "credits-stopped", Direction.IN, frozenset(Operation) - NOT_THE_HOLDERS, policy)
    ]
    if stage is RestrictionStage.DEBITS_STOPPED:
        others = frozenset(Operation) - NOT_THE_HOLDERS - redemption
        stopped.append(_denial(profile, "debits-stopped", Direction.OUT, others, policy))
        if not verified:
            stopped.append(
                replace(
                    _denial(profile, "redemption-unverified", Direction.OUT, redemption, policy),
                    on_exceed=OnExceed.REQUIRE_CDD,
                )
            )
    rules = [rule for each in profile.rules if (rule := _without(each, redemption) if verified else each)]
    name = f"{profile.name}/{stage.replace('_', '-')}{'-verified' if verified else ''}"
    return replace(profile, name=name, rules=(*stopped, *rules))


def _denial(
    profile: LimitProfile,
    name: str,
    direction: Direction,
    operations: frozenset[Operation],
    policy: DowngradePolicy,
) -> LimitRule:
    return LimitRule(
        id=f"{profile.name}/{name}",
        metric=Metric.SINGLE,
        bound=Bound.CAPPED,
        amount=0,
        direction=direction,
        operations=operations,
        window=None,
        on_exceed=OnExceed.REQUIRE_UPGRADE if name == "credits-stopped" else OnExceed.DENY,
        source=policy.source,
    )


def _without(rule: LimitRule, redemption: frozenset[Operation]) -> LimitRule | None:
    """The rule for other debits than redemption; None when it has no others."""
    if rule.metric is Metric.BALANCE or rule.direction is not Direction.OUT:
        return rule
    others = (rule.operations or frozenset(Operation)) - redemption
    return replace(rule, operations=others) if others else None
