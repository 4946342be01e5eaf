"""Limits, jurisdiction-neutral: what a profile allows, decided by one pure function.

`kyc` compiles policy packs into profiles; posting asks `first_exceeded` under the locks of the accounts
concerned; "what would happen if" asks the same function. No jurisdiction, date or number lives here.

A limit is respected when the measured amount is at most the limit; strictly more is refused. A rule whose
amount is unknown refuses everything it applies to.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache
from math import floor
from zoneinfo import ZoneInfo

from ledger.errors import InvalidInput
from ledger.money import exponent
from ledger.operations import Operation


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

    __hash__ = str.__hash__  # counters are keyed by it, and Enum\'s own hash runs in Python

    IN = "in"
    OUT = "out"


class Window(StrEnum):
    """Over which time a flow or a count is taken, in the profile's time zone."""

    __hash__ = str.__hash__  # counters are keyed by it, and Enum\'s own hash runs in Python

    DAY = "day"
    CALENDAR_MONTH = "calendar_month"


class OnExceed(StrEnum):
    """What the text of the rule asks for when a transfer would pass the limit."""

    DENY = "deny"
    REQUIRE_CDD = "require_cdd"
    REQUIRE_UPGRADE = "require_upgrade"
    BLOCK_UNTIL_WINDOW_END = "block_until_window_end"
    REVIEW = "review"


class Bound(StrEnum):
    """Whether a rule has a number. "No limit" and "unknown" are different things."""

    CAPPED = "capped"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LimitRule:
    """One rule of a profile.

    `operations`: those the rule measures; empty means every operation. `amount`: minor units of the
    profile's currency (for COUNT: a number of transfers); None unless `bound` is CAPPED.
    `direction`: None for BALANCE rules, which measure every credit.
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

    def __post_init__(self) -> None:
        if (self.bound is Bound.CAPPED) != (self.amount is not None):
            raise InvalidInput(f"rule {self.id}: an amount belongs to a capped rule, and only there")
        if (self.metric in (Metric.FLOW, Metric.COUNT)) != (self.window is not None):
            raise InvalidInput(f"rule {self.id}: a window belongs to flow and count rules, and only there")
        if self.metric is not Metric.BALANCE and self.direction is None:
            raise InvalidInput(f"rule {self.id}: a {self.metric} rule needs a direction")


WindowKey = tuple[Window, date, Direction]
"""A window, its first day, and the direction counted."""

Counters = dict[WindowKey, dict[Operation, list[int]]]
"""Per window and operation: amount in minor units, number of transfers, and how much of each is new."""


@dataclass(frozen=True, slots=True)
class LimitProfile:
    """The rules of one tier under one version of one policy pack.

    `counted`: the (direction, window) pairs whose usage is kept for wallets of this profile. It covers
    every tier of the pack, so that a change of tier finds its counters filled. A rule over a window that is
    not counted would never be reached: InvalidInput.
    """

    name: str
    currency: str
    time_zone: str
    rules: tuple[LimitRule, ...]
    counted: frozenset[tuple[Direction, Window]]
    _asked: dict[tuple[Direction, Operation], tuple[LimitRule, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def asked(self, direction: Direction, operation: Operation) -> tuple[LimitRule, ...]:
        """The rules that a transfer of this kind has to pass, in their order."""
        rules = self._asked.get((direction, operation))
        if rules is None:
            rules = self._asked[direction, operation] = tuple(
                rule
                for rule in self.rules
                if rule.bound is not Bound.NONE
                and rule.direction in (None, direction)
                and (not rule.operations or operation in rule.operations)
                and (rule.metric is not Metric.BALANCE or direction is Direction.IN)
            )
        return rules

    def window_keys(self, direction: Direction, at: datetime) -> dict[Window, WindowKey]:
        """The windows over which this direction is counted, as they stand at `at`."""
        return _window_keys(_slot(at), self.time_zone, direction, self.counted)

    def __post_init__(self) -> None:
        exponent(self.currency)
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise InvalidInput(f"profile {self.name}: {self.time_zone!r} is not a time zone") from None
        for rule in self.rules:
            if rule.window is not None and (rule.direction, rule.window) not in self.counted:
                raise InvalidInput(f"profile {self.name}: rule {rule.id} measures what is not counted")


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A rule that a transfer would pass, with its numbers in minor units (or transfers, for COUNT).

    `headroom`: how much the rule still allows, 0 when nothing; `limit`: None when the rule's number is
    unknown.
    """

    rule: LimitRule
    limit: int | None
    used: int
    headroom: int


def first_exceeded(
    profile: LimitProfile,
    *,
    direction: Direction,
    operation: Operation,
    amount: int,
    balance: int,
    usage: Counters,
    at: datetime,
) -> Exceeded | None:
    """The first rule of `profile` that a transfer of `amount` would pass, or None when all allow it.

    `balance`: the wallet's balance before the transfer, minor units. `usage`: what its windows hold so far.
    `at`: when the transfer counts.
    """
    for rule in profile.asked(direction, operation):
        if rule.metric is Metric.BALANCE:
            used = balance
        elif rule.window is None:
            used = 0
        else:
            used = _used(rule, usage.get(profile.window_keys(direction, at)[rule.window]))
        if rule.amount is None:
            return Exceeded(rule, None, used, 0)
        if used + (1 if rule.metric is Metric.COUNT else amount) > rule.amount:
            return Exceeded(rule, rule.amount, used, max(0, rule.amount - used))
    return None


def _used(rule: LimitRule, counter: dict[Operation, list[int]] | None) -> int:
    """What a flow or count rule has measured in a window so far."""
    if counter is None:
        return 0
    of, measured = 1 if rule.metric is Metric.COUNT else 0, rule.operations
    return sum([used[of] for operation, used in counter.items() if not measured or operation in measured])


def window_start(window: Window, at: datetime, time_zone: str) -> date:
    """The first local day of the window that `at` falls into."""
    day = _local_day(_slot(at), time_zone)
    return day.replace(day=1) if window is Window.CALENDAR_MONTH else day


_SLOT_S = 900  # every offset from UTC in force today is a multiple of a quarter of an hour


def _slot(at: datetime) -> int:
    return floor(at.timestamp()) // _SLOT_S


@lru_cache(maxsize=65536)
def _local_day(slot: int, time_zone: str) -> date:
    return datetime.fromtimestamp(slot * _SLOT_S, ZoneInfo(time_zone)).date()


@lru_cache(maxsize=65536)
def _window_keys(
    slot: int, time_zone: str, direction: Direction, counted: frozenset[tuple[Direction, Window]]
) -> dict[Window, WindowKey]:
    at = datetime.fromtimestamp(slot * _SLOT_S, UTC)
    return {
        window: (window, window_start(window, at, time_zone), direction)
        for of, window in counted
        if of is direction
    }
