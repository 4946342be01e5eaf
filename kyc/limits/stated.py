"""What a wallet has used, as someone states it, for the question what would happen if.

The state is a JSON object, all of whose keys are optional; what is not stated is zero, and the wallet just
opened. See docs/policy-packs.md for each key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from emoney.kyc.errors import InvalidState
from emoney.kyc.limits.features import Features
from emoney.kyc.packs.words import PackOperation, direction_of, named_by
from emoney.ledger.limits.rules import Direction, LimitRule, Metric, Scope
from emoney.ledger.limits.windows import Window
from emoney.ledger.transfers.money import AMOUNT_MAX, to_minor
from emoney.ledger.transfers.operations import Operation

ENTRIES_MAX = 1_000

_WITHIN: Mapping[Window, frozenset[Window]] = {
    Window.DAY: frozenset({Window.DAY}),
    Window.CALENDAR_MONTH: frozenset({Window.DAY, Window.CALENDAR_MONTH}),
    Window.ROLLING_30D: frozenset({Window.DAY, Window.ROLLING_30D}),
    Window.CALENDAR_YEAR: frozenset({Window.DAY, Window.CALENDAR_MONTH, Window.CALENDAR_YEAR}),
    Window.FISCAL_YEAR: frozenset({Window.DAY, Window.CALENDAR_MONTH, Window.FISCAL_YEAR}),
    Window.ROLLING_12M: frozenset(Window) - {Window.LIFETIME},
    Window.LIFETIME: frozenset(Window),
}
"""For a window, those that never reach back further: what was moved in them was moved in it."""

_Amount = Annotated[Decimal, Field(ge=0, max_digits=30)]


class _Stated(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Used(_Stated):
    """What was moved in a window so far. `payee`: to whom; where it is not said, it may be to anyone."""

    operation: PackOperation
    window: Window
    amount: _Amount = Decimal(0)
    direction: Direction | None = None
    count: Annotated[int, Field(ge=0, le=AMOUNT_MAX)] | None = None
    payee: str | None = None


class StatedWallet(_Stated):
    """What is stated of a wallet and its holder. Amounts are decimals in the pack's currency."""

    balance: _Amount | None = None
    wallet_balances: Annotated[tuple[_Amount, ...], Field(max_length=ENTRIES_MAX)] = ()
    used: Annotated[tuple[Used, ...], Field(max_length=ENTRIES_MAX)] = ()
    opened: date | None = None
    at: datetime | date | None = None
    reloadable: bool | None = None
    loaded_before: bool = False
    loaded_with_cash: bool | None = None
    phone_not_validated: bool = False
    one_country: bool | None = None
    goods_only: bool | None = None
    cohorts: Annotated[frozenset[str], Field(max_length=20)] = frozenset()
    payee: Annotated[str, Field(max_length=200)] | None = None

    @field_validator("balance", "wallet_balances", "used", mode="before")
    @classmethod
    def _no_floats(cls, value: Any) -> Any:
        return _exact(value)


def read_state(content: Any) -> StatedWallet:
    """The state that parsed JSON holds. Raises InvalidState, saying where and what is wrong."""
    try:
        return StatedWallet.model_validate({} if content is None else content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the state"
        if first["type"] == "extra_forbidden":
            model = Used if "used" in first["loc"] else StatedWallet
            raise InvalidState(f"{where}: is no key; there are {', '.join(model.model_fields)}") from error
        raise InvalidState(f"{where}: {first['msg']}") from error


def _exact(value: Any) -> Any:
    """A JSON number by its shortest writing: 0.1 is meant as one tenth."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {key: _exact(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_exact(each) for each in value]
    return value


def moment_meant(at: datetime | date | None, time_zone: str, now: datetime) -> datetime:
    """The moment that is meant: without a time zone, by the clocks of the pack; a day, from its midnight."""
    zone = ZoneInfo(time_zone)
    if at is None:
        return now
    if not isinstance(at, datetime):
        at = datetime.combine(at, time(), zone)
    elif at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    return at.astimezone(UTC)


def features_of(state: StatedWallet, operation: str) -> Features:
    """What the wallet is. It was loaded with cash if it is said, was used so, or is being so."""
    with_cash = state.loaded_with_cash
    if with_cash is None:
        with_cash = operation == "load_cash" or any(used.operation == "load_cash" for used in state.used)
    return Features(
        state.reloadable,
        with_cash,
        state.phone_not_validated,
        state.cohorts,
        state.one_country,
        state.goods_only,
    )


@dataclass(frozen=True, slots=True)
class _Moved:
    """A part of what was moved: of which operations, how much, how often."""

    operations: frozenset[Operation]
    amount: int
    count: int


class StatedUsage:
    """A `WalletUsage` (see ledger.limits) made from a `StatedWallet`. Amounts in minor units of `currency`.

    Raises InvalidAmount for a stated amount with more digits than the currency.
    """

    def __init__(self, state: StatedWallet, currency: str, day: date) -> None:
        self._state = state
        self._currency = currency
        self._opened_on = state.opened or day
        for stated in (state.balance, *state.wallet_balances, *(used.amount for used in state.used)):
            to_minor(stated or 0, currency)  # refused whether a rule asks for it or not

    @property
    def opened_on(self) -> date:
        """The local day the wallet was opened; the day of the question where it is not stated."""
        return self._opened_on

    def held(self, scope: Scope) -> int:
        """The balance of the wallet, or of its person's wallets, among which it is whether listed or not.

        Where only the person's wallets are stated, the wallet is taken to be the fullest.
        """
        listed, balance = self._state.wallet_balances, self._state.balance
        if scope is not Scope.PERSON:
            own = balance if balance is not None else max(listed, default=Decimal(0))
            return to_minor(own, self._currency)
        unlisted = () if balance is None or balance in listed else (balance,)
        return sum(to_minor(each, self._currency) for each in (*listed, *unlisted))

    def moved(
        self,
        rule: LimitRule,
        day: date,  # noqa: ARG002  # what is stated is stated for the day of the question
        payee: UUID | None,  # noqa: ARG002  # the state names it
    ) -> int:
        """The amount, or the number of transfers, that counts toward `rule`, as far as it is stated.

        An entry counts toward a rule when its operation is or may be one that the rule measures; an entry of
        `any` is the total, so it counts toward rules over any operation and no others. It counts when its
        window is the rule's or lies within it. Entries that contain one another are not added: the larger
        of the whole and of the sum of its parts counts.
        """
        amount = count = 0
        for direction in (rule.direction,) if rule.direction else tuple(Direction):
            part = self._moved(rule, direction)
            amount, count = amount + part[0], count + part[1]
        if self._state.loaded_before and rule.metric is Metric.COUNT and rule.window is Window.LIFETIME:
            count = max(count, int(named_by("load").operations <= rule.operations))
        return count if rule.metric is Metric.COUNT else amount

    def _moved(self, rule: LimitRule, direction: Direction) -> tuple[int, int]:
        assert rule.window is not None
        by_window: dict[tuple[str, Window], list[int]] = {}
        for used in self._state.used:
            if used.window in _WITHIN[rule.window] and self._counts(used, rule, direction):
                sums = by_window.setdefault((used.operation, used.window), [0, 0])
                minor = to_minor(used.amount, self._currency)
                sums[0] += minor
                sums[1] += used.count if used.count is not None else int(minor > 0)
        by_operation: dict[str, list[int]] = {}
        for (operation, _), sums in by_window.items():
            most = by_operation.setdefault(operation, [0, 0])
            most[:] = max(most[0], sums[0]), max(most[1], sums[1])
        parts: list[_Moved] = []
        for operation, (amount, count) in sorted(
            by_operation.items(), key=lambda item: len(named_by(item[0]).operations)
        ):
            whole = named_by(operation).operations
            inside = [part for part in parts if part.operations <= whole]
            parts = [part for part in parts if not part.operations <= whole]
            parts.append(
                _Moved(
                    whole,
                    max(amount, sum(part.amount for part in inside)),
                    max(count, sum(part.count for part in inside)),
                )
            )
        return sum(part.amount for part in parts), sum(part.count for part in parts)

    def _counts(self, used: Used, rule: LimitRule, direction: Direction) -> bool:
        named = named_by(used.operation)
        if used.direction not in (None, direction) or named.direction not in (None, direction):
            return False
        if used.direction is named.direction is rule.direction is None and direction is Direction.IN:
            return False  # in one direction or the other: counted once where they are summed
        of_another = None not in (used.payee, self._state.payee) and used.payee != self._state.payee
        if rule.scope is Scope.PAYEE and of_another:
            return False
        if named.direction is None:
            return named.asked_as in rule.operations
        return not named.operations.isdisjoint(rule.operations)


def demand_directions(state: StatedWallet) -> None:
    """Raises InvalidState for an entry whose operation never goes in its direction."""
    for place, used in enumerate(state.used):
        has = direction_of(used.operation)
        if has is not None and used.direction not in (None, has):
            raise InvalidState(f"used.{place}: {used.operation} goes {has} only, not {used.direction}")
