"""Limits, jurisdiction-neutral: what a profile allows, decided by one pure function.

`kyc` compiles policy packs into profiles; posting asks `first_exceeded` under the locks of the accounts
concerned; "what would happen if" asks the same function. No jurisdiction, date or number lives here.

A limit is respected when the measured amount is at most the limit; strictly more is refused. A rule whose
amount is unknown refuses everything it applies to.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
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

    def __post_init__(self) -> None:
        exponent(self.currency)
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise InvalidInput(f"profile {self.name}: {self.time_zone!r} is not a time zone") from None
        for rule in self.rules:
            if rule.window is not None and (rule.direction, rule.window) not in self.counted:
                raise InvalidInput(f"profile {self.name}: rule {rule.id} measures what is not counted")


UsageKey = tuple[Direction, Window, date]
"""Direction, window and first day of the window."""


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


UsedIn = Callable[[Direction, Window, Iterable[Operation]], tuple[int, int]]
"""Amount and count used so far by the given operations (none given: by all) in the current window."""


def first_exceeded(
    profile: LimitProfile,
    *,
    direction: Direction,
    operation: Operation,
    amount: int,
    balance: int,
    used_in: UsedIn,
) -> Exceeded | None:
    """The first rule of `profile` that a transfer of `amount` would pass, or None when all allow it.

    `balance`: the wallet's balance before the transfer, minor units.
    """
    for rule in profile.rules:
        if rule.direction is not None and rule.direction is not direction:
            continue
        if rule.operations and operation not in rule.operations:
            continue
        if rule.metric is Metric.BALANCE and direction is not Direction.IN:
            continue
        if rule.bound is Bound.NONE:
            continue
        step = 1 if rule.metric is Metric.COUNT else amount
        used = _measured(rule, balance, used_in)
        if rule.amount is None:
            return Exceeded(rule, None, used, 0)
        if used + step > rule.amount:
            return Exceeded(rule, rule.amount, used, max(0, rule.amount - used))
    return None


def _measured(rule: LimitRule, balance: int, used_in: UsedIn) -> int:
    """What the rule has measured before this transfer."""
    if rule.metric is Metric.SINGLE:
        return 0
    if rule.metric is Metric.BALANCE:
        return balance
    assert rule.window is not None
    assert rule.direction is not None
    amount, count = used_in(rule.direction, rule.window, rule.operations)
    return count if rule.metric is Metric.COUNT else amount


def window_start(window: Window, at: datetime, time_zone: str) -> date:
    """The first local day of the window that `at` falls into."""
    day = _local_day(floor(at.timestamp()) // _SLOT_S, time_zone)
    return day.replace(day=1) if window is Window.CALENDAR_MONTH else day


_SLOT_S = 900  # every offset from UTC in force today is a multiple of a quarter of an hour


@lru_cache(maxsize=65536)
def _local_day(slot: int, time_zone: str) -> date:
    return datetime.fromtimestamp(slot * _SLOT_S, ZoneInfo(time_zone)).date()
