"""The schema of a policy pack: what a jurisdiction allows at which tier, by which text.

Every number carries its source and a confidence; "none" says that the text sets no limit, null with
confidence `unknown` that the number is not known, which fails closed. See docs/policy-packs.md.
"""

from collections.abc import Set as AbstractSet
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from kyc.errors import PackNotInForce, UnknownTier
from kyc.evidence import EvidenceExpression, Kind, Kinds
from ledger.limits import Direction, Metric, OnExceed
from ledger.money import AMOUNT_MAX, exponent, to_minor

FORMAT = "emoney-policy-pack/1"

Text = Annotated[str, Field(min_length=1, max_length=500)]


class Confidence(StrEnum):
    """How well a number is known."""

    PRIMARY = "primary"
    """The legal text itself was read."""
    SECONDARY_MULTI = "secondary_multi"
    """Two or more independent reports agree."""
    SECONDARY_SINGLE = "secondary_single"
    """One report only."""
    CONFLICT = "conflict"
    """Sources disagree."""
    DERIVED = "derived"
    """Arithmetic on other numbers."""
    MEMORY = "memory"
    """Found in no source."""
    UNKNOWN = "unknown"
    """There is no number."""


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

INWARD: frozenset[PackOperation] = frozenset({"load", "load_cash", "load_bank", "p2p_in"})
"""Operations that bring money into a wallet; all others but `any` take it out."""


def direction_of(operation: PackOperation) -> Direction | None:
    """The direction an operation has by its name; None for `any`, which has both."""
    if operation == "any":
        return None
    return Direction.IN if operation in INWARD else Direction.OUT


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """A text that numbers come from, and where it was read."""

    title: Text
    at: Text


class Sourced(_Part):
    """Which text says so, and how sure that is."""

    source: Text
    confidence: Confidence


class PackRule(Sourced):
    """One limit. `amount`: decimal in the pack's currency (a whole number for counts), "none" or null."""

    metric: Metric
    direction: Direction | None = None
    operations: tuple[PackOperation, ...] = Field(default=("any",), min_length=1, max_length=20)
    window: Literal["instant", "per_tx", "day", "calendar_month"]
    scope: Literal["wallet", "instrument"]
    amount: Annotated[Decimal, Field(ge=0)] | Literal["none"] | None
    applies_if: Literal["reloadable"] | None = None
    on_exceed: OnExceed = OnExceed.DENY

    @field_validator("amount", mode="before")
    @classmethod
    def _a_number(cls, amount: object) -> object:
        if isinstance(amount, bool):  # what YAML makes of yes, no, on and off
            raise ValueError("must be a number, none or null")  # noqa: TRY004  # pydantic takes ValueError
        return amount

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
        if self.metric is Metric.BALANCE and self.operations != ("any",):
            raise ValueError("a balance rule holds for every operation and lists none")
        if len(set(self.operations)) < len(self.operations):
            raise ValueError("an operation stands twice in the rule")
        for operation in self.operations:
            if self.direction and direction_of(operation) not in (None, self.direction):
                raise ValueError(f"{operation} never goes {self.direction}: the rule would measure nothing")
        if (self.amount is None) != (self.confidence is Confidence.UNKNOWN):
            raise ValueError('null goes with confidence "unknown"; where the text sets no limit write "none"')
        if (
            self.metric is Metric.COUNT
            and isinstance(self.amount, Decimal)
            and (self.amount % 1 or self.amount > AMOUNT_MAX)
        ):
            raise ValueError("a count is a whole number")
        return self

    @property
    def name(self) -> str:
        """What the rule measures, as its id ends: `flow-out-any-day`, `single-out-redeem_cash`, `balance`."""
        if self.metric is Metric.BALANCE:
            return "balance"
        window = () if self.metric is Metric.SINGLE else (self.window,)
        assert self.direction is not None
        return "-".join((self.metric, self.direction, "+".join(sorted(self.operations)), *window))


class Denied(Sourced):
    """Operations, all in one direction, that a tier may not do at all."""

    operations: tuple[PackOperation, ...] = Field(min_length=1, max_length=20)
    because: Text

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        if len({direction_of(operation) for operation in self.operations}) > 1 or "any" in self.operations:
            raise ValueError(
                "name operations in one direction, and not `any`; deny the others in a second entry"
            )
        return self

    @property
    def direction(self) -> Direction:
        """The direction of the operations."""
        direction = direction_of(self.operations[0])
        assert direction is not None
        return direction


class Implied(Sourced):
    """Evidence that the pack takes as shown by other evidence."""

    kind: Kind
    by: Kinds = Field(min_length=1)
    because: Text


class Tier(_Part):
    """A level of identification: what it asks for and what it allows.

    `left_to_operator`: conditions of the text that no rule here can hold.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9_]{1,40}$")
    title: Text
    evidence: EvidenceExpression
    evidence_source: Sourced
    left_to_operator: tuple[Text, ...] = Field(default=(), max_length=20)
    denied: tuple[Denied, ...] = Field(default=(), max_length=20)
    rules: tuple[PackRule, ...] = Field(max_length=50)


class Validity(_Part):
    """From when to when (exclusive) a pack is in force; null where open."""

    from_: date | None = Field(alias="from")
    to: date | None
    confidence: Confidence

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ and self.to and self.from_ >= self.to:
            raise ValueError(f"ends on {self.to}, which is not after it starts on {self.from_}")
        return self


class Pack(_Part):
    """A jurisdiction's tiers, from the least to the best identified."""

    format: Literal["emoney-policy-pack/1"]
    id: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    title: Text
    jurisdiction: Text
    currency: str
    time_zone: str
    legal: Text
    status: Literal["in_force", "draft", "superseded"]
    valid: Validity
    collected: Text
    sources: dict[str, Source] = Field(min_length=1, max_length=50)
    implied_evidence: tuple[Implied, ...] = Field(default=(), max_length=20)
    tiers: tuple[Tier, ...] = Field(min_length=1, max_length=20)

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, currency: str) -> str:
        exponent(currency)
        if currency != currency.upper():
            raise ValueError(f"{currency!r} must be in capitals")
        return currency

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError) as error:
            raise ValueError(f"{name!r} is not a time zone such as Africa/Accra") from error
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [tier.id for tier in self.tiers]
        if len(set(ids)) != len(ids):
            raise ValueError("two tiers have one id")
        parts: list[tuple[str, Sourced]] = [("implied_evidence", part) for part in self.implied_evidence]
        for tier in self.tiers:
            parts += [(f"tier {tier.id}", part) for part in (tier.evidence_source, *tier.denied, *tier.rules)]
            for rule in tier.rules:
                if isinstance(rule.amount, Decimal) and rule.metric is not Metric.COUNT:
                    to_minor(rule.amount, self.currency)
        for where, part in parts:
            if part.source not in self.sources:
                raise ValueError(f"{where} names the source {part.source!r}, which is not listed")
        return self

    def tier(self, tier_id: str) -> Tier:
        """The tier of this id. Raises UnknownTier."""
        for tier in self.tiers:
            if tier.id == tier_id:
                return tier
        raise UnknownTier(f"pack {self.id} has no tier {tier_id!r}; it has {self._tier_ids}")

    @property
    def _tier_ids(self) -> str:
        return ", ".join(tier.id for tier in self.tiers)

    @property
    def evidence_kinds(self) -> frozenset[str]:
        """Every kind of evidence that the pack names."""
        implied = {kind for part in self.implied_evidence for kind in (part.kind, *part.by)}
        return frozenset(implied).union(*(tier.evidence.kinds for tier in self.tiers))

    def with_implied(self, kinds: AbstractSet[str]) -> frozenset[str]:
        """`kinds` and what the pack takes as shown by them."""
        shown = set(kinds)
        for _ in self.implied_evidence:  # one implied kind may imply another
            shown |= {part.kind for part in self.implied_evidence if shown.issuperset(part.by)}
        return frozenset(shown)

    def local_day(self, at: datetime) -> date:
        """The day that `at` falls on in the pack's time zone."""
        return at.astimezone(ZoneInfo(self.time_zone)).date()

    def in_force(self, at: datetime) -> bool:
        """Whether the pack applies at this moment. A draft never does."""
        starts, ends, day = self.valid.from_, self.valid.to, self.local_day(at)
        return self.status != "draft" and (starts is None or starts <= day) and (ends is None or day < ends)

    def demand_in_force(self, at: datetime) -> None:
        """Raises PackNotInForce, with the pack's own dates, unless it applies at this moment."""
        if self.in_force(at):
            return
        if self.status == "draft":
            raise PackNotInForce(f"pack {self.id} is a draft: no wallet can be put under it")
        raise PackNotInForce(
            f"pack {self.id} is not in force on {self.local_day(at)}; "
            f"it is from {self.valid.from_ or 'ever'} until {self.valid.to or 'further notice'}"
        )

    @property
    def all_primary(self) -> bool:
        """Whether every number was read in the legal text itself."""
        return all(rule.confidence is Confidence.PRIMARY for tier in self.tiers for rule in tier.rules)
