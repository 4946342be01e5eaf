"""What would happen if a wallet at a tier did this, and by which rule: the function that posting asks.

What the wallet has used is stated (see `kyc.limits.stated`), not read, so that a pack can be tried without a
wallet, a database, or waiting for its day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from emoney.kyc.errors import InvalidState
from emoney.kyc.limits.compile import compile_profile
from emoney.kyc.limits.stated import StatedUsage, StatedWallet, demand_directions, features_of, moment_meant
from emoney.kyc.packs.schema import Pack, Tier
from emoney.kyc.packs.words import WORDS, named_by
from emoney.ledger.limits.rules import (
    Bound,
    Direction,
    Headroom,
    LimitProfile,
    LimitRule,
    Metric,
    OnExceed,
    WalletUsage,
    first_exceeded,
    headrooms,
)
from emoney.ledger.limits.windows import Window, months_later, window_start
from emoney.ledger.transfers.money import to_decimal, to_minor
from emoney.ledger.transfers.operations import Operation

Decided = Literal["allow", "deny", "require_cdd", "require_upgrade", "allow_until_end_of_day", "review"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision and what it rests on. Amounts are decimals in the currency of the pack.

    `rule`, `source`: of the rule that would be passed; None when all allow it. `headroom`: what that rule
    still allows before the transfer; when all allow it, the least that any of them does, None where none
    measures an amount. `limit`, `used`: of the same rule, None where the number is not known, or there is no
    rule; of a count, a number of transfers. `until`: the first day on which it is another window's.
    """

    decision: Decided
    rule: str | None
    headroom: Decimal | None
    source: str | None
    limit: Decimal | None = None
    used: Decimal | None = None
    metric: str | None = None
    unknown: bool = False
    until: date | None = None
    rules_asked: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was understood."""

    pack: Pack
    tier: Tier
    operation: str
    amount: Decimal
    at: datetime
    day: date


def explain(
    pack: Pack, tier_id: str, operation: str, amount: str | Decimal, state: StatedWallet, now: datetime
) -> tuple[Asked, Explanation]:
    """What a wallet at a tier of `pack` in `state` could expect of an operation.

    `operation`: a word of packs (see kyc.operations); `any` asks the rules over any operation, as money out
    and as money in, and `load_reload` is the load of a wallet that was loaded before. `amount`: a decimal
    above zero. `now`: when, unless the state says. A draft answers as if it were in force.
    Raises UnknownTier, InvalidState, InvalidAmount.
    """
    tier = pack.tier(tier_id)
    if operation == "load_reload":
        state = state.model_copy(update={"loaded_before": True})
    elif operation not in WORDS:
        raise InvalidState(f"there is no operation {operation[:40]!r}; there are {', '.join(WORDS)}")
    minor = to_minor(amount, pack.currency)
    if minor <= 0:
        raise InvalidState("the amount is above zero")
    demand_directions(state)
    at = moment_meant(state.at, pack.time_zone, now)
    profile = compile_profile(pack, tier, features_of(state, operation))
    day = profile.local_day(at)
    if state.opened is not None and state.opened > day:
        raise InvalidState(f"opened: {state.opened} is after {day}, the day of the question")
    usage = StatedUsage(state, pack.currency, day)
    named = named_by(operation)
    directions = (named.direction,) if named.direction else (Direction.OUT, Direction.IN)
    answers = [
        answer(profile, usage, direction=direction, operation=named.asked_as, amount=minor, day=day)
        for direction in directions
    ]
    asked = Asked(pack, tier, operation, to_decimal(minor, pack.currency), at, day)
    return asked, min(answers, key=_severity)


def answer(
    profile: LimitProfile,
    usage: WalletUsage,
    *,
    direction: Direction,
    operation: Operation,
    amount: int,
    day: date,
    payee: UUID | None = None,
) -> Explanation:
    """What `profile` says to a transfer of `amount` minor units by a wallet of this `usage`."""
    asked = list(headrooms(profile, usage, direction=direction, operation=operation, day=day, payee=payee))
    passed = first_exceeded(
        profile, usage, direction=direction, operation=operation, amount=amount, day=day, payee=payee
    )
    if passed is not None:
        return _refusing(profile, passed, len(asked), day)
    amounts = [each.left for each in asked if each.rule.metric is not Metric.COUNT]
    least = to_decimal(min(amounts), profile.currency) if amounts else None
    return Explanation("allow", None, least, None, rules_asked=len(asked))


def _refusing(profile: LimitProfile, passed: Headroom, rules_asked: int, day: date) -> Explanation:
    rule = passed.rule
    counts = rule.metric is Metric.COUNT

    def shown(value: int) -> Decimal:
        return Decimal(value) if counts else to_decimal(value, profile.currency)

    return Explanation(
        decision=_decided(rule.on_exceed),
        rule=rule.id,
        headroom=shown(passed.left),
        source=rule.source,
        limit=None if passed.limit is None else shown(passed.limit),
        used=None if rule.metric is Metric.SINGLE else shown(passed.used),
        metric=rule.metric.value,
        unknown=rule.bound is Bound.UNKNOWN,
        until=_until(rule, day, profile.fiscal_year_starts),
        rules_asked=rules_asked,
    )


def _decided(on_exceed: OnExceed) -> Decided:
    match on_exceed:
        case OnExceed.REQUIRE_CDD:
            return "require_cdd"
        case OnExceed.REQUIRE_UPGRADE:
            return "require_upgrade"
        case OnExceed.REVIEW:
            return "review"
        case OnExceed.ALLOW_UNTIL_END_OF_DAY:
            return "allow_until_end_of_day"
        case OnExceed.DENY | OnExceed.BLOCK_UNTIL_WINDOW_END:
            return "deny"


_ORDER: tuple[Decided, ...] = (
    "deny",
    "require_cdd",
    "require_upgrade",
    "review",
    "allow_until_end_of_day",
    "allow",
)


def _severity(explanation: Explanation) -> int:
    return _ORDER.index(explanation.decision)


def _until(rule: LimitRule, day: date, fiscal_year_starts: int) -> date | None:
    """The first day on which the window that is full has ended; None where it rolls, or has none."""
    if rule.on_exceed is OnExceed.ALLOW_UNTIL_END_OF_DAY or rule.window is Window.DAY:
        return day + timedelta(days=1)
    months = {Window.CALENDAR_MONTH: 1, Window.CALENDAR_YEAR: 12, Window.FISCAL_YEAR: 12}
    if rule.window not in months or rule.bound is Bound.UNKNOWN:
        return None
    return months_later(window_start(rule.window, day, fiscal_year_starts), months[rule.window])


def every_headroom(
    profile: LimitProfile, usage: WalletUsage, day: date
) -> Iterator[tuple[Direction, Headroom]]:
    """What each rule of `profile` in force on `day` still allows, each once in its direction.

    A rule per payee is left out: it has no headroom before it is known who is paid.
    """
    seen: set[str] = set()
    for direction in Direction:
        for operation in Operation:
            for headroom in headrooms(profile, usage, direction=direction, operation=operation, day=day):
                if headroom.rule.id not in seen and headroom.rule.scope != "payee":
                    seen.add(headroom.rule.id)
                    yield direction, headroom
