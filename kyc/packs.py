"""Policy packs: what a jurisdiction allows at which tier, by which text, as data.

A pack is a YAML file under `data/policies`. Every number carries its source and a confidence; "none" says
that the text sets no limit, null with confidence `unknown` that the number is not known, which fails closed.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

import data
from kyc.errors import InvalidPack, UnknownPack, UnknownTier
from kyc.evidence import EvidenceExpression
from ledger.limits import Direction, Metric, OnExceed
from ledger.money import exponent

FORMAT = "emoney-policy-pack/1"


class Confidence(StrEnum):
    """How well a number is known."""

    PRIMARY = "primary"
    SECONDARY_MULTI = "secondary_multi"
    SECONDARY_SINGLE = "secondary_single"
    CONFLICT = "conflict"
    DERIVED = "derived"
    MEMORY = "memory"
    UNKNOWN = "unknown"


PackOperation = Literal[
    "any",
    "load",
    "load_cash",
    "load_bank",
    "pay_present",
    "pay_remote",
    "pay_any",
    "bill_pay",
    "p2p_in",
    "p2p_out",
    "bank_out",
    "cash_out",
    "redeem_cash",
    "redeem_bank",
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """A text that numbers come from."""

    title: str
    at: str


class Sourced(_Part):
    """Which text says so, and how sure that is."""

    source: str
    confidence: Confidence


class PackRule(Sourced):
    """One limit. `amount`: decimal in the pack's currency (a whole number for counts), "none" or null."""

    metric: Metric
    direction: Direction | None = None
    operations: tuple[PackOperation, ...] = ("any",)
    window: Literal["instant", "per_tx", "day", "calendar_month"]
    scope: Literal["wallet", "instrument"]
    amount: Decimal | Literal["none"] | None
    applies_if: Literal["reloadable"] | None = None
    on_exceed: OnExceed = OnExceed.DENY

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        windows = {
            Metric.BALANCE: {"instant"},
            Metric.SINGLE: {"per_tx"},
            Metric.FLOW: {"day", "calendar_month"},
            Metric.COUNT: {"day", "calendar_month"},
        }[self.metric]
        if self.window not in windows:
            raise ValueError(f"a {self.metric} rule takes the window {' or '.join(sorted(windows))}")
        if (self.direction is None) != (self.metric is Metric.BALANCE):
            raise ValueError("every rule but a balance rule states its direction, and a balance rule none")
        if (self.amount is None) != (self.confidence is Confidence.UNKNOWN):
            raise ValueError('null goes with confidence "unknown"; where the text sets no limit write "none"')
        return self


class Denied(Sourced):
    """Operations that a tier may not do at all."""

    operations: tuple[PackOperation, ...]
    because: str


class Tier(_Part):
    """A level of identification: what it asks for and what it allows."""

    id: str = Field(pattern=r"^[A-Za-z0-9_]{1,40}$")
    title: str
    evidence: EvidenceExpression
    evidence_source: Sourced
    denied: tuple[Denied, ...] = ()
    rules: tuple[PackRule, ...]


class Validity(_Part):
    """From when to when (exclusive) a pack is in force; null where open."""

    from_: date | None = Field(alias="from")
    to: date | None
    confidence: Confidence


class Pack(_Part):
    """A jurisdiction's tiers, from the least to the best identified."""

    format: Literal["emoney-policy-pack/1"]
    id: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    title: str
    jurisdiction: str
    currency: str
    time_zone: str
    legal: str
    status: Literal["in_force", "draft", "superseded"]
    valid: Validity
    collected: str
    sources: dict[str, Source]
    tiers: tuple[Tier, ...] = Field(min_length=1)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError) as error:
            raise ValueError(f"{name!r} is not a time zone such as Africa/Accra") from error
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        exponent(self.currency)
        ids = [tier.id for tier in self.tiers]
        if len(set(ids)) != len(ids):
            raise ValueError("two tiers have one id")
        for tier in self.tiers:
            for part in (tier.evidence_source, *tier.denied, *tier.rules):
                if part.source not in self.sources:
                    raise ValueError(f"tier {tier.id} names the source {part.source!r}, which is not listed")
        return self

    def tier(self, tier_id: str) -> Tier:
        """The tier of this id. Raises UnknownTier."""
        for tier in self.tiers:
            if tier.id == tier_id:
                return tier
        raise UnknownTier(
            f"pack {self.id} has no tier {tier_id!r}; it has {', '.join(t.id for t in self.tiers)}"
        )

    def in_force(self, on: date) -> bool:
        """Whether the pack applies on this day."""
        starts, ends = self.valid.from_, self.valid.to
        return (starts is None or starts <= on) and (ends is None or on < ends)

    @property
    def all_primary(self) -> bool:
        """Whether every number was read in the legal text itself."""
        return all(rule.confidence is Confidence.PRIMARY for tier in self.tiers for rule in tier.rules)


def pack_ids() -> list[str]:
    """The ids of the shipped packs, sorted."""
    names = (entry.name for entry in data.folder("policies").iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


@cache
def load_pack(pack_id: str) -> Pack:
    """The shipped pack of this id. Raises UnknownPack, InvalidPack."""
    if pack_id not in pack_ids():
        raise UnknownPack(f"there is no policy pack {pack_id!r}; there are {', '.join(pack_ids())}")
    return parse_pack(data.read_yaml("policies", f"{pack_id}.yaml"))


def parse_pack(content: Any) -> Pack:
    """A pack from the content of its file. Raises InvalidPack, saying where and what is wrong."""
    try:
        return Pack.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the pack"
        raise InvalidPack(f"policy pack: {where}: {first['msg']}") from error


def pack_of_currency(currency: str, on: date) -> Pack:
    """The one shipped pack in force on `on` for wallets in `currency`. Raises UnknownPack unless there is one."""
    found = [pack for pack in map(load_pack, pack_ids()) if pack.currency == currency and pack.in_force(on)]
    if len(found) != 1:
        raise UnknownPack(
            f"{len(found)} policy packs in force are in {currency}; name one of {', '.join(pack_ids())}"
        )
    return found[0]
