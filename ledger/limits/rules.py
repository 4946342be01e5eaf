"""Limits, jurisdiction-neutral: what a profile allows, decided by one pure function.

`kyc` compiles policy packs into profiles; posting asks `first_exceeded` under the locks of the accounts
concerned; "what would happen if" asks the same function of a `WalletUsage` of its own. No jurisdiction, date
or number lives here.

A limit is respected when the measured amount is at most the limit; strictly more is refused. A rule whose
amount is unknown refuses everything it applies to.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.limits.windows import Window as Window
from emoney.ledger.limits.windows import local_day, months_later
from emoney.ledger.transfers.money import exponent
from emoney.ledger.transfers.operations import GIVES_BACK, Operation

_REMEMBERED_MAX = 10_000


class Metric(StrEnum):
    """What a rule measures."""

    BALANCE = "balance"
    """The balance after the transfer."""
    SINGLE = "single"
    """The amount of one transfer."""
    FLOW = "flow"
    """The sum of amounts in a window, this transfer included."""
    COUNT = "count"
    """The number of transfers in a window, this one included."""


class Direction(StrEnum):
    """Seen from the wallet: money in (credit) or out (debit)."""

    __hash__ = str.__hash__  # rules are looked up by it, and Enum's own hash runs in Python

    IN = "in"
    OUT = "out"


class Scope(StrEnum):
    """Of whom a rule measures."""

    WALLET = "wallet"
    """The wallet itself."""
    PERSON = "person"
    """All wallets of the holder in the same currency whose profiles have a rule of this scope."""
    PAYEE = "payee"
    """What the wallet moves to or from the other account of the transfer."""


class OnExceed(StrEnum):
    """What the text of the rule asks for when a transfer would pass the limit."""

    DENY = "deny"
    REQUIRE_CDD = "require_cdd"
    REQUIRE_UPGRADE = "require_upgrade"
    BLOCK_UNTIL_WINDOW_END = "block_until_window_end"
    REVIEW = "review"
    ALLOW_UNTIL_END_OF_DAY = "allow_until_end_of_day"
    """Posted all the same; what is above the limit must be gone when the day ends."""


class Bound(StrEnum):
    """Whether a rule has a number. "No limit" and "unknown" are different things."""

    CAPPED = "capped"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LimitRule:
    """One rule of a profile.

    `operations`: those the rule measures; empty means every operation. `amount`: minor units of the
    profile's currency (for COUNT: a number of transfers); None unless `bound` is CAPPED. `direction`: None
    measures both, summed; a BALANCE rule has none and applies to every credit. `valid_from`, `valid_to`: the
    local days on which it is in force, the second exclusive; open where None. `after_months`: in force only
    from so many months after the wallet was opened.
    """

    id: str
    metric: Metric
    bound: Bound
    amount: int | None
    direction: Direction | None
    operations: frozenset[Operation]
    window: Window | None
    on_exceed: OnExceed
    source: str
    scope: Scope = Scope.WALLET
    valid_from: date | None = None
    valid_to: date | None = None
    after_months: int | None = None
    counter: "Counter" = field(init=False, repr=False, compare=False)
    """What a flow or count rule measures, as usage is counted."""

    def __post_init__(self) -> None:
        if (self.bound is Bound.CAPPED) != (self.amount is not None):
            raise InvalidInput(f"rule {self.id}: an amount belongs to a capped rule, and only there")
        if (self.metric in (Metric.FLOW, Metric.COUNT)) != (self.window is not None):
            raise InvalidInput(f"rule {self.id}: a window belongs to flow and count rules, and only there")
        if self.metric is Metric.BALANCE and self.scope is Scope.PAYEE:
            raise InvalidInput(f"rule {self.id}: a balance has no payee")
        if self.valid_from and self.valid_to and self.valid_from >= self.valid_to:
            raise InvalidInput(f"rule {self.id}: is never in force: it ends before it begins")
        if self.after_months is not None and not 0 <= self.after_months <= 1200:
            raise InvalidInput(f"rule {self.id}: after_months is between 0 and 1200")
        directions = (self.direction,) if self.direction else tuple(Direction)
        mask = sum(
            1 << code(direction, operation)
            for direction in directions
            for operation in self.operations or Operation
            if operation not in GIVES_BACK
        )
        counter = Counter(self.scope is Scope.PAYEE, self.metric is Metric.COUNT, mask, self.window)
        object.__setattr__(self, "counter", counter)

    def in_force(self, day: date) -> bool:
        """Whether the rule is in force on this local day."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day < self.valid_to
        )

    def applies_to(self, opened_on: date | None, day: date) -> bool:
        """Whether a wallet opened on this day is old enough for the rule. Unknown counts as old."""
        return (
            self.after_months is None
            or opened_on is None
            or day >= months_later(opened_on, self.after_months)
        )


def code(direction: Direction, operation: Operation) -> int:
    """One number, 1 to 63, for a direction and an operation: the place of its bit in a mask."""
    return _CODES[direction, operation]


_CODES = {
    (direction, operation): operation.number + (32 if direction is Direction.OUT else 0)
    for direction in Direction
    for operation in Operation
}


class Counter(NamedTuple):
    """What is counted of a wallet, or of it with each payee: numbers or amounts, of which codes, how long."""

    per_payee: bool
    numbers: bool
    mask: int
    window: Window | None


class WalletUsage(Protocol):
    """What a wallet holds and has moved, as far as a profile's rules ask for it. Sums in minor units."""

    @property
    def opened_on(self) -> date | None:
        """The local day the wallet was opened; None where it is not known."""

    def held(self, scope: Scope) -> int:
        """The balance of the wallet, or of its person's wallets."""

    def moved(self, rule: LimitRule, day: date, payee: UUID | None) -> int:
        """The amount, or the number of transfers, that a flow or count rule measures in its window so far."""


@dataclass(frozen=True, slots=True)
class LimitProfile:
    """The rules of one tier under one policy pack and what follows it.

    `fiscal_year_starts`: a month.
    """

    name: str
    currency: str
    time_zone: str
    rules: tuple[LimitRule, ...]
    fiscal_year_starts: int = 1
    per_person: bool = field(init=False, repr=False, compare=False)
    """Whether some rule measures all wallets of the holder."""
    by_age: bool = field(init=False, repr=False, compare=False)
    """Whether some rule asks when the wallet was opened."""
    _last_day: tuple[datetime | None, date] = field(
        default=(None, date.min), init=False, repr=False, compare=False
    )
    _asked: dict[tuple[Direction, Operation, date], tuple[LimitRule, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        exponent(self.currency)
        object.__setattr__(self, "per_person", any(rule.scope is Scope.PERSON for rule in self.rules))
        by_age = any(rule.after_months is not None for rule in self.rules)
        object.__setattr__(self, "by_age", by_age)
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise InvalidInput(f"profile {self.name}: {self.time_zone!r} is not a time zone") from None
        if not 1 <= self.fiscal_year_starts <= 12:
            raise InvalidInput(f"profile {self.name}: a fiscal year starts in a month from 1 to 12")

    def local_day(self, at: datetime) -> date:
        """The day that a moment falls on where the profile is in force."""
        last, day = self._last_day  # of a batch, most transfers count at the same moment
        if last is not at:
            day = local_day(at, self.time_zone)
            object.__setattr__(self, "_last_day", (at, day))
        return day

    def asked(self, direction: Direction, operation: Operation, day: date) -> tuple[LimitRule, ...]:
        """The rules that a transfer of this kind has to pass on this local day, in their order."""
        key = (direction, operation, day)
        rules = self._asked.get(key)
        if rules is None:
            if len(self._asked) >= _REMEMBERED_MAX:
                self._asked.clear()
            rules = self._asked[key] = tuple(
                rule
                for rule in self.rules
                if rule.bound is not Bound.NONE
                and rule.direction in (None, direction)
                and (not rule.operations or operation in rule.operations)
                and (rule.metric is not Metric.BALANCE or direction is Direction.IN)
                and rule.in_force(day)
            )
        return rules


@dataclass(frozen=True, slots=True)
class Headroom:
    """What a rule still allows, in minor units (or transfers, for COUNT).

    `limit`: None when the rule's number is unknown, and nothing is allowed. `left`: 0 when nothing.
    """

    rule: LimitRule
    limit: int | None
    used: int
    left: int

    @classmethod
    def of(cls, rule: LimitRule, used: int) -> "Headroom":
        """What is left of a rule that has measured `used`."""
        return cls(rule, rule.amount, used, max(0, rule.amount - used) if rule.amount is not None else 0)


def headrooms(
    profile: LimitProfile,
    usage: WalletUsage,
    *,
    direction: Direction,
    operation: Operation,
    day: date,
    payee: UUID | None = None,
) -> Iterator[Headroom]:
    """What each rule that a transfer of this kind has to pass still allows, in the profile's order.

    `day`: the local day the transfer counts on. `payee`: the account on its other side.
    """
    for rule in profile.asked(direction, operation, day):
        if rule.after_months is None or rule.applies_to(usage.opened_on, day):
            yield Headroom.of(rule, _measured(rule, usage, day, payee))


def first_exceeded(
    profile: LimitProfile,
    usage: WalletUsage,
    direction: Direction,
    operation: Operation,
    amount: int,
    day: date,
    payee: UUID | None = None,
    only: Metric | None = None,
) -> Headroom | None:
    """The first rule of `profile` that a transfer of `amount` would pass, or None when all allow it.

    A rule that tolerates its excess until the day ends is named only where no other one is passed.
    `only`: ask rules of this metric alone.
    """
    tolerated: Headroom | None = None
    for rule in profile.asked(direction, operation, day):
        if only is not None and rule.metric is not only:
            continue
        if rule.after_months is not None and not rule.applies_to(usage.opened_on, day):
            continue
        used = _measured(rule, usage, day, payee)
        if rule.amount is not None and used + (1 if rule.metric is _COUNT else amount) <= rule.amount:
            continue
        if rule.on_exceed is not OnExceed.ALLOW_UNTIL_END_OF_DAY:
            return Headroom.of(rule, used)
        tolerated = tolerated or Headroom.of(rule, used)
    return tolerated


def _measured(rule: LimitRule, usage: WalletUsage, day: date, payee: UUID | None) -> int:
    """What the rule has measured so far."""
    metric = rule.metric
    if metric is _BALANCE:
        return usage.held(rule.scope)
    if metric is _SINGLE:
        return 0
    return usage.moved(rule, day, payee)


_BALANCE, _SINGLE, _COUNT = Metric.BALANCE, Metric.SINGLE, Metric.COUNT
"""Each look-up of a member costs as much as a call."""
