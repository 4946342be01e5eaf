"""The schema of a policy pack: what a jurisdiction allows at which tier, by which text.

A pack's rules are in `kyc.packs.rules`; how packs are found, read and compared with each other, in
`kyc.packs.library`. See docs/policy-packs.md.
"""

import hashlib
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from emoney.kyc.errors import PackNotInForce, UnknownPack, UnknownTier, UnknownUnit
from emoney.kyc.packs.evidence import KINDS, EvidenceExpression, Kind, Kinds
from emoney.kyc.packs.file import Misplaced
from emoney.kyc.packs.rates import IndexUnit
from emoney.kyc.packs.rules import Allowed, Confidence, Denied, Feature, PackRule, Part, Source, Sourced, Text
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.limits.rules import Metric
from emoney.ledger.transfers.money import exponent, to_minor

FORMAT = "emoney-policy-pack/1"

TierId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,40}$")]
PackId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]


TierEvidence = Annotated[
    EvidenceExpression,
    BeforeValidator(
        lambda evidence: {"unknown": True} if evidence == "unknown" else evidence,
        json_schema_input_type=EvidenceExpression | Literal["unknown"],
    ),
]


class Implied(Sourced):
    """Evidence that the pack takes as shown by other evidence."""

    kind: Kind
    by: Kinds = Field(min_length=1)
    reason: Text


class MaxWallets(Sourced):
    """How many wallets of the tier one person may have at the issuer."""

    amount: int = Field(ge=1, le=1000)
    scope: Literal["person_at_issuer"]


class Minors(Sourced):
    """On which condition a minor may hold a wallet, and how many one guardian may have opened."""

    allowed_with: Text | None = None
    max_per_guardian: int | None = Field(default=None, ge=1, le=1000)


class TimeLimit(Sourced):
    """By when a wallet has to leave the tier. `within`: P24M or P2Y, from the day it was opened.

    `then`: what the text says happens; where that is unknown, no further credit, for redemption stays open
    and nothing is ever taken.
    """

    within: str = Field(pattern=r"^P[1-9][0-9]{0,2}[MY]$")
    from_: Literal["opening"] = Field(alias="from")
    upgrade_to: TierId | None = None
    then: Literal["no_further_credit", "unknown"]

    @property
    def months(self) -> int:
        """The time in months."""
        number = int(self.within[1:-1])
        return number if self.within.endswith("M") else 12 * number


class Says(Sourced):
    """Something the text says that no rule here enforces."""

    says: Text


class Tier(Part):
    """A level of identification, or a kind of instrument: what it asks for and what it allows.

    `assigned`: by the evidence shown, or by the operator who opens this kind of wallet. `requires`: what a
    wallet has to be. `left_to_operator`: conditions of the text that no rule here can enforce.
    """

    id: TierId
    title: Text
    assigned: Literal["by_evidence", "by_operator"] = "by_evidence"
    evidence: TierEvidence
    evidence_source: Sourced
    natural_persons_only: bool = False
    bearer: bool = False
    requires: tuple[Feature, ...] = Field(default=(), max_length=6)
    requires_if_reloadable: tuple[Feature, ...] = Field(default=(), max_length=6)
    max_wallets: MaxWallets | None = None
    minors: Minors | None = None
    time_limit: TimeLimit | None = None
    left_to_operator: tuple[Text, ...] = Field(default=(), max_length=20)
    allowed: Allowed | None = None
    denied: tuple[Denied, ...] = Field(default=(), max_length=20)
    rules: tuple[PackRule, ...] = Field(max_length=50)

    @property
    def by_evidence(self) -> bool:
        """Whether evidence alone can put a wallet at the tier."""
        return self.assigned == "by_evidence" and not self.evidence.unknown

    @property
    def sourced(self) -> Iterator[tuple[tuple[str | int, ...], Sourced]]:
        """Everything in the tier that names its source, and the way to it."""
        for name in ("max_wallets", "minors", "time_limit", "allowed", "evidence_source"):
            if (part := getattr(self, name)) is not None:
                yield (name,), part
        for name in ("denied", "rules"):
            yield from (((name, number), part) for number, part in enumerate(getattr(self, name)))


class Validity(Part):
    """From when to when (exclusive) a pack is in force; null where open."""

    from_: date | None = Field(alias="from")
    to: date | None
    confidence: Confidence
    note: Text | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ and self.to and self.from_ >= self.to:
            raise ValueError(f"ends on {self.to}, which is not after it starts on {self.from_}")
        return self


class Succession(Part):
    """The pack that follows on the day this one ends, and which tier of it follows on which of this one."""

    pack: PackId
    tiers: dict[TierId, TierId] = Field(min_length=1, max_length=20)
    note: Text | None = None


class Override(Sourced):
    """Other amounts for a while, for some wallets of a tier.

    `cohort`: the name by which a wallet is marked as one of them; `who`: who they are. `amounts`: by the name
    of the rule, such as `balance`, in the pack's currency. `to` is exclusive.
    """

    from_: date = Field(alias="from")
    to: date
    tier: TierId
    cohort: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]
    who: Text
    amounts: dict[str, Annotated[Decimal, Field(ge=0)]] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ >= self.to:
            raise ValueError(f"ends on {self.to}, which is not after it starts on {self.from_}")
        return self


class Transition(Sourced):
    """What a change of rules does to wallets that do not meet it, from a day on.

    `unless`: the evidence that meets it; where nothing is given, no wallet is concerned by itself and the
    operator sees to it. `wallets`: all, or those with or without a balance. `revalidate` stops nothing.
    """

    event: Text
    unless: EvidenceExpression = EvidenceExpression()
    wallets: Literal["all", "funded", "unfunded"] = "all"
    effective: date
    action: Literal["no_debit_no_credit", "no_further_credit", "revalidate"]


class Pack(Part):
    """A jurisdiction's tiers, from the least to the best identified.

    `line`: packs of one line follow each other and are never in force together. `fiscal_year_starts`: a
    month, needed where a rule is over the fiscal year. `replaces`: that the file stands, on purpose, for the
    shipped one of the same id.
    """

    format: Literal["emoney-policy-pack/1"]
    replaces: Literal["shipped"] | None = None
    id: PackId
    title: Text
    jurisdiction: Text
    currency: str
    time_zone: str
    line: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] | None = None
    legal: Text
    status: Literal["in_force", "draft", "superseded"]
    valid: Validity
    succeeded_by: Succession | None = None
    collected: Text
    fiscal_year_starts: int | None = Field(default=None, ge=1, le=12)
    sources: dict[str, Source] = Field(min_length=1, max_length=50)
    own_kinds: dict[Kind, Text] = Field(default={}, max_length=20)
    implied_evidence: tuple[Implied, ...] = Field(default=(), max_length=20)
    tiers: tuple[Tier, ...] = Field(min_length=1, max_length=20)
    overrides: tuple[Override, ...] = Field(default=(), max_length=20)
    transitions: tuple[Transition, ...] = Field(default=(), max_length=20)
    also_says: tuple[Says, ...] = Field(default=(), max_length=50)
    _successor: "Pack | None" = PrivateAttr(default=None)
    _index_units: Mapping[str, IndexUnit] = PrivateAttr(default_factory=dict)
    _in_production: bool = PrivateAttr(default=False)

    def link(
        self, successor: "Pack | None", index_units: Mapping[str, IndexUnit], *, in_production: bool = False
    ) -> None:
        """Give the pack what its rules need from other files, and whether it is used in production."""
        self._successor = successor
        self._index_units = index_units
        self._in_production = in_production

    @property
    def in_production(self) -> bool:
        """Whether it is of an installation in production, where two persons accept what is not primary."""
        return self._in_production

    @property
    def successor(self) -> "Pack | None":
        """The pack that follows this one. Raises UnknownPack when the library does not have it."""
        if self._successor is None and self.succeeded_by is not None:
            raise UnknownPack(
                f"policy pack {self.id}: {self.succeeded_by.pack}, which follows it, is not there"
            )
        return self._successor

    @property
    def chain(self) -> Iterator["Pack"]:
        """The pack and those that follow it. Raises UnknownPack."""
        pack: Pack | None = self
        while pack is not None:
            yield pack
            pack = pack.successor

    def unit(self, name: str) -> IndexUnit:
        """An index unit that its rules are in. Raises UnknownUnit when the library has no rates of it."""
        if name not in self._index_units:
            raise UnknownUnit(f"there are no rates of the index unit {name[:20]!r}")
        return self._index_units[name]

    def version_at(self, tier_id: str, at: datetime) -> "tuple[Pack, Tier]":
        """The pack, and the tier of it, whose rules apply at a moment to wallets at `tier_id` of this one.

        Itself, until the pack that follows it begins. Raises UnknownTier, UnknownPack.
        """
        pack, tier = self, self.tier(tier_id)
        while (after := pack.succeeded_by) is not None and tier.id in after.tiers:
            following = pack.successor
            assert following is not None
            if following.valid.from_ is None or following.local_day(at) < following.valid.from_:
                break
            pack, tier = following, following.tier(after.tiers[tier.id])
        return pack, tier

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
            raise Misplaced("two tiers have one id", "tiers")
        for number, tier in enumerate(self.tiers):
            self._demand_measurable(number, tier)
            if tier.time_limit and tier.time_limit.upgrade_to not in (None, *ids):
                raise Misplaced(
                    f"tier {tier.id} has to be left for {tier.time_limit.upgrade_to}, no tier of it",
                    *("tiers", number, "time_limit"),
                )
        for where, place, part in self._sourced():
            if part.source is not None and part.source not in self.sources:
                raise Misplaced(f"{where} names the source {part.source!r}, which is not listed", *place)
        for kind in sorted(self.evidence_kinds - KINDS.keys() - self.own_kinds.keys()):
            raise ValueError(
                f"evidence of the kind {kind!r} cannot be recorded, so no one would reach what asks for it: "
                "take a kind of kyc.packs.evidence.KINDS or say under own_kinds what it is"
            )
        if self.succeeded_by:
            if self.valid.to is None:
                raise Misplaced("a pack that another succeeds says in valid when it ends", "valid")
            for tier_id in self.succeeded_by.tiers:
                if tier_id not in ids:
                    raise Misplaced(
                        f"succeeded_by names the tier {tier_id!r}, which the pack does not have",
                        "succeeded_by",
                    )
        return self

    def _demand_measurable(self, number: int, tier: Tier) -> None:
        for place, rule in enumerate(tier.rules):
            where = ("tiers", number, "rules", place)
            if isinstance(rule.amount, Decimal) and rule.metric is not Metric.COUNT and not rule.unit:
                try:
                    to_minor(rule.amount, self.currency)
                except InvalidInput as error:
                    raise Misplaced(str(error), *where) from error
            if rule.window == "fiscal_year" and self.fiscal_year_starts is None:
                raise Misplaced(
                    "a rule is over the fiscal year: say in fiscal_year_starts when it begins", *where
                )

    def _sourced(self) -> Iterator[tuple[str, tuple[str | int, ...], Sourced]]:
        for number, tier in enumerate(self.tiers):
            yield from ((f"tier {tier.id}", ("tiers", number, *place), part) for place, part in tier.sourced)
        for name in ("implied_evidence", "overrides", "transitions", "also_says"):
            for number, part in enumerate(getattr(self, name)):
                yield name, (name, number), part

    def tier(self, tier_id: str) -> Tier:
        """The tier of this id. Raises UnknownTier."""
        for tier in self.tiers:
            if tier.id == tier_id:
                return tier
        raise UnknownTier(f"pack {self.id} has no tier {tier_id[:40]!r}; it has {self._tier_ids}")

    @property
    def _tier_ids(self) -> str:
        return ", ".join(tier.id for tier in self.tiers)

    @property
    def evidence_kinds(self) -> frozenset[str]:
        """Every kind of evidence that the pack names."""
        implied = {kind for part in self.implied_evidence for kind in (part.kind, *part.by)}
        asked = [*(tier.evidence for tier in self.tiers), *(part.unless for part in self.transitions)]
        return frozenset(implied).union(*(each.kinds for each in asked))

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
        raise PackNotInForce(f"pack {self.id} is not in force on {self.local_day(at)}; it is {self.validity}")

    @property
    def validity(self) -> str:
        """From when to when it is in force, in words."""
        return f"from {self.valid.from_ or 'ever'} until {self.valid.to or 'further notice'}"

    @property
    def units(self) -> frozenset[str]:
        """The index units that its rules are in."""
        return frozenset(rule.unit for tier in self.tiers for rule in tier.rules if rule.unit)

    @property
    def all_primary(self) -> bool:
        """Whether every number was read in the legal text itself.

        An index unit's rate is a number from elsewhere, so a pack that needs one is not.
        """
        numbers: list[Sourced] = [*self.overrides]
        for tier in self.tiers:
            numbers += [part for part in (*tier.rules, tier.max_wallets, tier.time_limit) if part is not None]
        return not self.units and all(part.confidence is Confidence.PRIMARY for part in numbers)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the pack's content, in hexadecimal: changes with every word of it."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()
