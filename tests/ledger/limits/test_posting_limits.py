from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from books import Books, on_database, profile, rule
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import AccountKind, LimitRule, Operation, Outcome, Transfer
from emoney.ledger.base.errors import InvalidInput, UnknownCurrency
from emoney.ledger.limits import profiles
from emoney.ledger.limits.profiles import ProfileCache
from emoney.ledger.limits.rules import Bound, Direction, Metric, OnExceed, Window, code
from emoney.ledger.transfers.sides import SIDES

DAY, MONTH = Window.DAY, Window.CALENDAR_MONTH
IN, OUT = Direction.IN, Direction.OUT


def why(outcome: Outcome) -> tuple[str, int | None, int | None, int | None] | None:
    """The rule, limit, used and headroom of a refusal."""
    refused = outcome.refusal
    return None if refused is None else (refused.rule, refused.limit, refused.used, refused.headroom)


def test_single_up_to_the_limit_and_not_beyond(books: Books) -> None:
    payer, payee = books.funded(1000, profile=profile(rule(Metric.SINGLE, 100))), books.account()
    at, over = books.post(books.transfer(payer, payee, 100), books.transfer(payer, payee, 101))
    assert at.posted
    assert why(over) == ("single-out", 100, None, 100)
    assert over.refusal is not None
    assert (over.refusal.decision, over.refusal.source) == ("require_upgrade", "Act 1, section 2")


def test_balance_up_to_the_limit_and_not_beyond(books: Books) -> None:
    limited = profile(rule(Metric.BALANCE, 150, None))
    payer, payee = books.funded(1000), books.funded(50, profile=limited)
    at, over, out, again = books.post(
        books.transfer(payer, payee, 100),
        books.transfer(payer, payee, 1),
        books.transfer(payee, payer, 30),
        books.transfer(payer, payee, 30),
    )
    assert at.posted
    assert why(over) == ("balance", 150, 150, 0)
    assert out.posted
    assert again.posted


def test_a_balance_above_a_new_limit_may_still_be_spent(books: Books) -> None:
    payer, payee = books.funded(1000, profile=profile(rule(Metric.BALANCE, 100, None))), books.account()
    assert why(books.post(books.transfer(payer, payee, 10))[0]) is None
    assert why(books.post(books.transfer(payee, payer, 1))[0]) == ("balance", 100, 990, 0)


@pytest.mark.parametrize("window", Window)
@pytest.mark.parametrize("direction", Direction)
def test_flow_up_to_the_limit_and_not_beyond(books: Books, window: Window, direction: Direction) -> None:
    limited = profile(rule(Metric.FLOW, 100, direction, window))
    wallet, other = books.funded(1000, profile=limited), books.funded(1000)

    def send(amount: int) -> Outcome:
        sides = (wallet, other) if direction is OUT else (other, wallet)
        return books.post(books.transfer(*sides, amount))[0]

    assert send(60).posted
    assert why(send(41)) == (f"flow-{direction}-{window}", 100, 60, 40)
    assert send(40).posted
    assert why(send(1)) == (f"flow-{direction}-{window}", 100, 100, 0)
    books.now += timedelta(days=1)
    assert send(1).posted is (window is DAY)
    books.now += timedelta(days=30)
    assert send(100).posted is (window in (DAY, MONTH, Window.ROLLING_30D))
    books.check()


def test_count_up_to_the_limit_and_not_beyond(books: Books) -> None:
    payer, payee = books.funded(100, profile=profile(rule(Metric.COUNT, 2, OUT, DAY))), books.account()
    outcomes = books.post(*(books.transfer(payer, payee, 1) for _ in range(3)))
    assert [why(outcome) for outcome in outcomes] == [None, None, ("count-out-day", 2, 2, 0)]


def test_refused_transfers_use_nothing_up(books: Books) -> None:
    payer, payee = books.funded(1000, profile=profile(rule(Metric.FLOW, 100, OUT, DAY))), books.account()
    group = books.transfer(payer, payee, 1).id
    books.post(
        books.transfer(payer, payee, 101),
        books.transfer(payer, payee, 90, group=group),
        books.transfer(payer, payee, 11, group=group),
    )
    assert books.dump()["usage_moved"] == []
    books.posted(books.transfer(payer, payee, 100))


def test_a_replay_uses_nothing_up(books: Books) -> None:
    payer, payee = books.funded(1000, profile=profile(rule(Metric.FLOW, 100, OUT, DAY))), books.account()
    sent = books.transfer(payer, payee, 60)
    books.posted(sent, sent)
    books.posted(sent, books.transfer(payer, payee, 40))


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("bound", [Bound.UNKNOWN, Bound.NONE])
def test_an_unknown_number_refuses_and_no_limit_allows(books: Books, metric: Metric, bound: Bound) -> None:
    window = DAY if metric in (Metric.FLOW, Metric.COUNT) else None
    direction = None if metric is Metric.BALANCE else IN
    limited = profile(rule(metric, None, direction, window, bound=bound, name="r"))
    payer, payee = books.funded(10**12), books.funded(0, profile=limited)
    (outcome,) = books.post(books.transfer(payer, payee, 10**12))
    assert outcome.posted is (bound is Bound.NONE)
    if outcome.refusal is not None:
        assert (outcome.refusal.rule, outcome.refusal.limit, outcome.refusal.headroom) == ("r", None, 0)


def test_a_rule_measures_its_operations_only(books: Books) -> None:
    limited = profile(rule(Metric.FLOW, 100, OUT, DAY, Operation.PAY, Operation.BILL, name="shops"))
    payer, payee = books.funded(10_000, profile=limited), books.account()
    shop = books.account(AccountKind.MERCHANT)
    outcomes = books.post(
        books.transfer(payer, payee, 500, Operation.P2P),
        books.transfer(payer, shop, 60, Operation.PAY),
        books.transfer(payer, shop, 40, Operation.BILL),
        books.transfer(payer, shop, 1, Operation.PAY),
        books.transfer(payer, payee, 500, Operation.P2P),
    )
    assert [why(outcome) for outcome in outcomes] == [None, None, None, ("shops", 100, 100, 0), None]


def test_the_payers_limit_is_asked_before_the_payees_and_the_first_rule_first(books: Books) -> None:
    payer_limits = profile(rule(Metric.SINGLE, 10, name="a"), rule(Metric.SINGLE, 5, name="b"))
    payee_limits = profile(rule(Metric.SINGLE, 1, IN, name="c"))
    payer, payee = books.funded(100, profile=payer_limits), books.funded(0, profile=payee_limits)
    found = [why(books.post(books.transfer(payer, payee, amount))[0]) for amount in (101, 11, 6, 2, 1)]
    assert [each and each[0] for each in found] == ["funds", "a", "b", "c", None]


def test_another_profile_finds_the_counters_filled(books: Books) -> None:
    low = profile(rule(Metric.FLOW, 100, OUT, DAY), name="low")
    high = profile(rule(Metric.FLOW, 250, OUT, MONTH), name="high")
    payer, payee = books.funded(1000, profile=low), books.account()
    books.posted(books.transfer(payer, payee, 100))
    books.set_profile(payer, high)
    at, over = books.post(books.transfer(payer, payee, 150), books.transfer(payer, payee, 1))
    assert at.posted
    assert why(over) == ("flow-out-calendar_month", 250, 250, 0)
    books.set_profile(payer, low)
    assert why(books.post(books.transfer(payer, payee, 1))[0]) == ("flow-out-day", 100, 250, 0)


def test_a_backdated_transfer_counts_on_its_own_day(books: Books) -> None:
    payer, payee = books.funded(1000, profile=profile(rule(Metric.FLOW, 100, OUT, DAY))), books.account()
    yesterday = books.now - timedelta(days=1)
    with books.importing():  # others are bounded by today, too
        books.posted(books.transfer(payer, payee, 100), books.transfer(payer, payee, 70, at=yesterday))
        late, today, fits = books.post(
            books.transfer(payer, payee, 31, at=yesterday),
            books.transfer(payer, payee, 1),
            books.transfer(payer, payee, 30, at=yesterday),
        )
    assert why(late) == ("flow-out-day", 100, 70, 30)
    assert why(today) == ("flow-out-day", 100, 100, 0)
    assert fits.posted


@pytest.mark.parametrize(
    ("zone", "first", "second", "same_day"),
    [
        ("Africa/Accra", "2026-03-10T23:59:59+00:00", "2026-03-11T00:00:00+00:00", False),
        ("Asia/Kathmandu", "2026-03-10T18:14:59+00:00", "2026-03-10T18:15:00+00:00", False),
        ("Asia/Kathmandu", "2026-03-10T18:15:00+00:00", "2026-03-11T18:14:59+00:00", True),
        ("Europe/Brussels", "2026-03-28T23:00:00+00:00", "2026-03-29T21:59:59+00:00", True),
        ("Europe/Brussels", "2026-03-29T21:59:59+00:00", "2026-03-29T22:00:00+00:00", False),
        ("Europe/Brussels", "2026-10-24T22:00:00+00:00", "2026-10-25T22:59:59+00:00", True),
        ("Europe/Brussels", "2026-10-25T22:59:59+00:00", "2026-10-25T23:00:00+00:00", False),
        ("Africa/Accra", "2028-02-28T23:59:59+00:00", "2028-02-29T00:00:00+00:00", False),
    ],
)
def test_a_day_is_a_local_day(books: Books, zone: str, first: str, second: str, same_day: bool) -> None:
    limited = profile(rule(Metric.FLOW, 100, OUT, DAY), time_zone=zone)
    payer, payee = books.funded(1000, profile=limited), books.account()
    outcomes = books.post(
        books.transfer(payer, payee, 100, at=datetime.fromisoformat(first)),
        books.transfer(payer, payee, 1, at=datetime.fromisoformat(second)),
    )
    assert [outcome.posted for outcome in outcomes] == [True, not same_day]


@dataclass
class Model:
    """One wallet under a single, a daily and a monthly limit out and a balance limit, in a few lines."""

    zone: ZoneInfo
    single: int
    daily: int
    monthly: int
    balance_max: int
    balance: int

    def __post_init__(self) -> None:
        self.used: Counter[tuple[str, date]] = Counter()

    def out(self, amount: int, at: datetime, arrives: datetime) -> str | None:
        if amount > self.balance:
            return "funds"
        if amount > self.single:
            return "single-out"
        for moment in (at, arrives):  # counted where it counts, bounded where it arrives, too
            day, month = self._keys(moment)
            if self.used[day] + amount > self.daily:
                return "flow-out-day"
            if self.used[month] + amount > self.monthly:
                return "flow-out-calendar_month"
        for key in self._keys(at):
            self.used[key] += amount
        self.balance -= amount
        return None

    def _keys(self, at: datetime) -> tuple[tuple[str, date], tuple[str, date]]:
        day = at.astimezone(self.zone).date()
        return ("day", day), ("month", day.replace(day=1))

    def into(self, amount: int) -> str | None:
        if self.balance + amount > self.balance_max:
            return "balance"
        self.balance += amount
        return None


STEPS = st.lists(
    st.tuples(st.booleans(), st.integers(1, 60), st.integers(-3 * 24 * 60, 40 * 24 * 60)),
    min_size=1,
    max_size=40,
)


@on_database(40)
@given(
    st.sampled_from(["Africa/Accra", "Europe/Brussels", "Asia/Kathmandu"]),
    st.sampled_from(
        [
            datetime(2026, 3, 28, 22, tzinfo=UTC),
            datetime(2026, 10, 24, 21, tzinfo=UTC),
            datetime(2028, 2, 28, 18, tzinfo=UTC),
        ]
    ),
    st.tuples(*[st.integers(1, 150)] * 4),
    STEPS,
    st.integers(1, 40),
)
def test_the_ledger_decides_as_the_model_does(
    books: Books,
    zone: str,
    start: datetime,
    limits: tuple[int, int, int, int],
    steps: list[tuple[bool, int, int]],
    batch: int,
) -> None:
    single, daily, monthly, most = limits
    limited = profile(
        rule(Metric.SINGLE, single),
        rule(Metric.FLOW, daily, OUT, DAY),
        rule(Metric.FLOW, monthly, OUT, MONTH),
        rule(Metric.BALANCE, most, None),
        time_zone=zone,
    )
    wallet, other = books.funded(100, profile=limited), books.funded(10_000)
    model = Model(ZoneInfo(zone), single, daily, monthly, most, 100)
    books.now = start + timedelta(days=40)
    arrives = max(books.now, *(start + timedelta(minutes=minutes) for *_, minutes in steps))
    expected, sent = [], []
    for out, amount, minutes in steps:
        at = start + timedelta(minutes=minutes)
        expected.append(model.out(amount, at, arrives) if out else model.into(amount))
        sent.append(books.transfer(*((wallet, other) if out else (other, wallet)), amount, at=at))
    found = [
        outcome.refusal.rule if outcome.refusal else None
        for first in range(0, len(sent), batch)
        for outcome in books.post(*sent[first : first + batch])
    ]
    assert found == expected
    assert books.balance(wallet) == model.balance
    _usage_is_what_was_posted(books, wallet, sent, found, ZoneInfo(zone))


def _usage_is_what_was_posted(
    books: Books, wallet: UUID, sent: list[Transfer], rules: list[str | None], zone: ZoneInfo
) -> None:
    moves = []
    for transfer, refused in zip(sent, rules, strict=True):
        if refused is None:
            assert transfer.effective_at is not None
            way = OUT if transfer.debit_account == wallet else IN
            day = transfer.effective_at.astimezone(zone).date()
            moves.append((day, code(way, transfer.operation), transfer.amount))
    with books.database.connection() as connection:
        rows = connection.execute(
            "SELECT day, measure = 'number', mask, moved FROM ledger.usage_moved WHERE account_id = %s",
            (wallet,),
        ).fetchall()
    for numbers, mask in {(row[1], row[2]) for row in rows}:
        counted: dict[date, int] = {}
        for day, bit, amount in moves:
            if mask >> bit & 1:
                counted[day] = counted.get(day, 0) + (1 if numbers else amount)
        assert {day: moved for day, *of, moved in rows if of == [numbers, mask] and moved} == counted
    assert books.usage_breaches() == []


def test_a_profile_comes_back_from_the_database_as_it_was_stored(books: Books) -> None:
    full = profile(
        rule(Metric.BALANCE, 5, None),
        rule(Metric.FLOW, None, IN, MONTH, Operation.CASH_IN, Operation.LOAD, bound=Bound.UNKNOWN),
        rule(Metric.COUNT, 3, OUT, DAY),
        rule(Metric.SINGLE, None, OUT, bound=Bound.NONE),
        time_zone="Africa/Accra",
    )
    with books.database.connection() as connection:
        stored = profiles.store(connection, full)
        assert profiles.store(connection, full) == stored
        assert ProfileCache().get(connection, [stored]) == {stored: full}
        assert profiles.store(connection, profile(name="other")) != stored


@pytest.mark.parametrize("window", Window)
def test_whatever_a_rule_measures_is_counted(books: Books, window: Window) -> None:
    """What is not would measure nothing, so allow everything."""
    payer, payee = books.funded(500, profile=profile(rule(Metric.FLOW, 100, OUT, window))), books.account()
    books.posted(books.transfer(payer, payee, 60))
    assert not books.post(books.transfer(payer, payee, 41))[0].posted


@pytest.mark.parametrize("zone", ["", "Europe/Bruxelles", "../UTC", "/etc/localtime"])
def test_a_profile_needs_a_time_zone(zone: str) -> None:
    with pytest.raises(InvalidInput, match="time zone"):
        profile(time_zone=zone)


def test_a_profile_needs_a_currency() -> None:
    with pytest.raises(UnknownCurrency):
        profile(currency="XXX")


@pytest.mark.parametrize(
    ("metric", "bound", "amount", "direction", "window"),
    [
        (Metric.SINGLE, Bound.CAPPED, None, OUT, None),
        (Metric.SINGLE, Bound.NONE, 5, OUT, None),
        (Metric.FLOW, Bound.CAPPED, 5, OUT, None),
        (Metric.SINGLE, Bound.CAPPED, 5, OUT, DAY),
    ],
)
def test_rules_that_contradict_themselves(
    metric: Metric, bound: Bound, amount: int | None, direction: Direction | None, window: Window | None
) -> None:
    with pytest.raises(InvalidInput):
        LimitRule("r", metric, bound, amount, direction, frozenset(), window, OnExceed.DENY, "source")


def test_wallets_and_accounts_without_a_profile_have_no_limit(books: Books) -> None:
    payer, payee = books.funded(10**12), books.account(AccountKind.MERCHANT)
    books.posted(books.transfer(payer, payee, 10**12))
    assert books.dump()["usage_moved"] == []


def test_the_database_names_operations_by_the_numbers_that_python_does(books: Books) -> None:
    with books.database.connection() as connection:
        row = connection.execute("SELECT ledger.operation_list()").fetchone()
        numbers = dict(connection.execute("SELECT operation, number FROM ledger.operation_number").fetchall())
    assert row is not None
    assert [Operation(name).number for name in row[0]] == list(range(1, len(Operation) + 1))
    assert numbers == {each.value: each.number for each in Operation}


def test_the_database_moves_money_between_the_kinds_that_python_does(books: Books) -> None:
    with books.database.connection() as connection:
        found = dict(connection.execute("SELECT kind, codes FROM ledger.kind_operations").fetchall())
    expected: dict[str, int] = {kind.value: 0 for kind in AccountKind}
    for operation, pairs in SIDES.items():
        for debited, credited in pairs:
            expected[debited] |= 1 << code(OUT, operation)
            expected[credited] |= 1 << code(IN, operation)
    assert found == expected
