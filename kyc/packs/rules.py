"""The schema of one rule of a policy pack: a limit, a refusal, and the text that says so.

Every number carries its source and a confidence; "none" says that the text sets no limit, null with
confidence `unknown` that the number is not known, which fails closed. See docs/policy-packs.md.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from emoney.kyc.packs.words import DeniedOperation, PackOperation, direction_of
from emoney.ledger.limits.rules import Direction, Metric, OnExceed, Window
from emoney.ledger.transfers.money import AMOUNT_MAX

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


_WITHOUT_SOURCE = (Confidence.MEMORY, Confidence.CONFLICT, Confidence.UNKNOWN)


class Feature(StrEnum):
    """What a wallet is, as far as rules depend on it."""

    RELOADABLE = "reloadable"
    """Can be loaded more than once. Taken so where nothing is said: more rules apply to it."""
    NOT_RELOADABLE = "not_reloadable"
    LOADED_WITH_CASH = "loaded_with_cash"
    """Was loaded with cash, or is by the transfer in question."""
    ONE_COUNTRY = "one_country"
    """Can be used in one country only."""
    GOODS_ONLY = "goods_only"
    """Is for the purchase of goods and services only."""
    PHONE_NOT_VALIDATED = "phone_not_validated"
    """Linked to a telephone number that, or whose holder's id number, has not been validated."""

    @property
    def words(self) -> str:
        """What an instrument then is, as a sentence says it."""
        return _FEATURE_WORDS.get(self, self.replace("_", " "))


_FEATURE_WORDS = {
    Feature.ONE_COUNTRY: "for use in one country only",
    Feature.GOODS_ONLY: "for goods and services only",
    Feature.PHONE_NOT_VALIDATED: "linked to a telephone number that is not validated",
}


class Part(BaseModel):
    """A part of a pack: closed and immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Part):
    """A text that numbers come from, and where it was read. `seen`: when, if not with the pack."""

    title: Text
    at: Text
    seen: Text | None = None


class Sourced(Part):
    """Which text says so, and how sure that is. Only what was found in no text goes without a source."""

    source: Text | None
    confidence: Confidence
    note: Text | None = None

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if self.source is None and self.confidence not in _WITHOUT_SOURCE:
            raise ValueError(
                f"the source is missing: confidence {self.confidence} means that a text was read; "
                f"what was found in none has the confidence {', '.join(_WITHOUT_SOURCE)}"
            )
        return self


PackDirection = Literal["in", "out", "both_separately", "both_summed"]
PackWindow = Literal[
    "instant",
    "end_of_day",
    "per_tx",
    "day",
    "calendar_month",
    "rolling_30d",
    "fiscal_year",
    "calendar_year",
    "rolling_12m",
    "lifetime",
]
PackScope = Literal["instrument", "wallet", "person_at_issuer", "per_payee"]

_FLOW_WINDOWS = frozenset(Window)
_WINDOWS: dict[Metric, frozenset[str]] = {
    Metric.BALANCE: frozenset({"instant", "end_of_day"}),
    Metric.SINGLE: frozenset({"per_tx"}),
    Metric.FLOW: frozenset(window.value for window in _FLOW_WINDOWS),
    Metric.COUNT: frozenset(window.value for window in _FLOW_WINDOWS),
}


class PackRule(Sourced):
    """One limit.

    `amount`: a decimal in the pack's currency, or in `unit` (an index unit such as UVT) where it is given; a
    whole number for counts; "none" where the text sets no limit; null where the number is not known; or
    "issuer_defined" where the text leaves it to the issuer. `excluding`: operations that do not count.
    `applies_if`: what a wallet has to be, all of it. `window`: null only where that is not known either.
    """

    metric: Metric
    direction: PackDirection | None = None
    operations: tuple[PackOperation, ...] = Field(default=("any",), min_length=1, max_length=20)
    excluding: tuple[PackOperation, ...] = Field(default=(), max_length=20)
    window: PackWindow | None
    scope: PackScope
    amount: Annotated[Decimal, Field(ge=0)] | Literal["none", "issuer_defined"] | None
    unit: Annotated[str, Field(pattern=r"^[A-Z]{2,10}$")] | None = None
    applies_if: tuple[Feature, ...] = Field(default=(), max_length=6)
    on_exceed: OnExceed = OnExceed.DENY

    @field_validator("amount", mode="before")
    @classmethod
    def _a_number(cls, amount: object) -> object:
        if isinstance(amount, bool):  # what YAML makes of yes, no, on and off
            raise ValueError("must be a number, none or null")  # noqa: TRY004  # pydantic takes ValueError
        return amount

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.window is None and self.amount is not None:
            raise ValueError("a window may be unknown only where the amount is")
        if self.window is not None and self.window not in _WINDOWS[self.metric]:
            takes = " or ".join(sorted(_WINDOWS[self.metric]))
            raise ValueError(f"a {self.metric} rule takes the window {takes}")
        if self.metric is Metric.BALANCE:
            self._balance_is_consistent()
        else:
            self._operations_are_consistent()
        if (self.amount is None) != (self.confidence is Confidence.UNKNOWN):
            raise ValueError('null goes with confidence "unknown"; where the text sets no limit write "none"')
        if isinstance(self.amount, Decimal):
            if self.metric is Metric.COUNT and (self.unit or self.amount % 1 or self.amount > AMOUNT_MAX):
                raise ValueError("a count is a whole number")
        elif self.unit:
            raise ValueError("a unit goes with a number")
        if (self.window == "end_of_day") != (self.on_exceed is OnExceed.ALLOW_UNTIL_END_OF_DAY):
            raise ValueError(
                "a balance measured at the end of the day, and only that, "
                "has on_exceed allow_until_end_of_day"
            )
        if {Feature.RELOADABLE, Feature.NOT_RELOADABLE} <= set(self.applies_if):
            raise ValueError("no wallet is both reloadable and not")
        return self

    def _balance_is_consistent(self) -> None:
        if self.direction is not None:
            raise ValueError("every rule but a balance rule states its direction, and a balance rule none")
        if self.operations != ("any",) or self.excluding:
            raise ValueError("a balance rule holds for every operation and lists none")
        if self.scope == "per_payee":
            raise ValueError("a balance has no payee")

    def _operations_are_consistent(self) -> None:
        if self.direction is None:
            raise ValueError("every rule but a balance rule states its direction, and a balance rule none")
        if len(set(self.operations)) < len(self.operations):
            raise ValueError("an operation stands twice in the rule")
        both = self.direction in ("both_separately", "both_summed")
        for operation in (*self.operations, *self.excluding):
            has = direction_of(operation)
            if has is not None and not both and has != self.direction:
                raise ValueError(f"{operation} never goes {self.direction}: the rule would measure nothing")
            if has is not None and self.direction == "both_separately" and operation in self.operations:
                raise ValueError(f"{operation} goes {has} only: write direction: {has}")
        if "any" in self.excluding or set(self.excluding) & set(self.operations):
            raise ValueError("what is excluded from a rule cannot be all it measures")

    @property
    def directions(self) -> tuple[Direction | None, ...]:
        """One for each limit that the rule makes; None where both directions are measured together."""
        match self.direction:
            case None | "both_summed":
                return (None,)
            case "both_separately":
                # each transfer is measured by itself anyway
                return (None,) if self.metric is Metric.SINGLE else (Direction.IN, Direction.OUT)
            case stated:
                return (Direction(stated),)

    def named(self, direction: Direction | None) -> str:
        """What the rule measures, as its id ends: `flow-out-any-day`, `single-out-redeem_cash`, `balance`."""
        parts: list[str] = [self.metric]
        if self.metric is not Metric.BALANCE:
            parts += [direction or "both", "+".join(sorted(self.operations))]
        if self.metric in (Metric.FLOW, Metric.COUNT):
            parts.append(self.window or "unknown")
        if self.scope in ("person_at_issuer", "per_payee"):
            parts.append("per_person" if self.scope == "person_at_issuer" else "per_payee")
        if self.applies_if and self.applies_if != (Feature.RELOADABLE,):
            parts += ["if", "+".join(sorted(self.applies_if))]
        return "-".join(parts)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the limits that the rule makes."""
        return tuple(self.named(direction) for direction in self.directions)

    @property
    def name(self) -> str:
        """The first of its names."""
        return self.names[0]


class Denied(Sourced):
    """Operations, all in one direction, that a tier may not do at all.

    `excluding`: what stays open of them. `applies_if`: what a wallet has to be for it, all of it.
    """

    operations: tuple[DeniedOperation, ...] = Field(min_length=1, max_length=20)
    excluding: tuple[PackOperation, ...] = Field(default=(), max_length=20)
    applies_if: tuple[Feature, ...] = Field(default=(), max_length=6)
    reason: Text

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        if len({direction_of(operation) for operation in self.operations}) > 1 or "any" in self.operations:
            raise ValueError(
                "name operations in one direction, and not `any`; deny the others in a second entry"
            )
        if "load_reload" in self.operations and len(self.operations) > 1:
            raise ValueError(
                "load_reload stands alone: it counts the loads; deny the others in a second entry"
            )
        return self

    @property
    def direction(self) -> Direction:
        """The direction of the operations."""
        direction = direction_of(self.operations[0])
        assert direction is not None
        return direction

    @property
    def name(self) -> str:
        """As the rule's id ends: `denied-p2p_out`."""
        return f"denied-{'+'.join(self.operations)}"


class Allowed(Sourced):
    """The list of operations that a tier may do: whatever else a holder could ask for in a direction that the
    list names is refused, but redemption to the holder's own bank account."""

    operations: tuple[PackOperation, ...] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _named(self) -> Self:
        if "any" in self.operations:
            raise ValueError("a list of what is allowed that holds `any` leaves nothing out: drop it")
        return self
