"""Limits of a person, per payee, over years and lifetimes, from a date on, by a wallet's age."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from books import NOON, Books, on_database, profile, rule
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import Operation, Outcome
from emoney.ledger.base.ids import new_id
from emoney.ledger.limits import profiles
from emoney.ledger.limits.profiles import ProfileCache
from emoney.ledger.limits.rules import Direction, LimitRule, Metric, OnExceed, Scope, Window, code
from emoney.ledger.limits.usage import Layout, Slot, Usage

IN, OUT = Direction.IN, Direction.OUT


def why(outcome: Outcome) -> tuple[str, int | None, int | None] | None:
    """The rule, used and headroom of a refusal."""
    refused = outcome.refusal
    return None if refused is None else (refused.rule, refused.used, refused.headroom)


def test_a_persons_flow_is_summed_over_the_wallets(books: Books) -> None:
    limited = profile(rule(Metric.FLOW, 100, OUT, Window.CALENDAR_MONTH, name="month", scope=Scope.PERSON))
    ama, other = new_id(), books.account()
    first, second = (books.funded(1000, profile=limited, holder=ama) for _ in range(2))
    stranger = books.funded(1000, profile=limited, holder=new_id())
    books.posted(books.transfer(first, other, 60), books.transfer(stranger, other, 100))
    over, at = books.post(books.transfer(second, other, 41), books.transfer(second, other, 40))
    assert why(over) == ("month", 60, 40)
    assert at.posted
    assert why(books.post(books.transfer(first, other, 1))[0]) == ("month", 100, 0)
    books.check()


def test_a_persons_balance_is_summed_over_the_wallets(books: Books) -> None:
    limited = profile(rule(Metric.BALANCE, 100, None, scope=Scope.PERSON))
    ama, payer = new_id(), books.funded(1000)
    first, second = (books.funded(0, profile=limited, holder=ama) for _ in range(2))
    books.posted(books.transfer(payer, first, 70))
    over, at = books.post(books.transfer(payer, second, 31), books.transfer(payer, second, 30))
    assert why(over) == ("balance", 70, 30)
    assert at.posted
    assert books.post(books.transfer(first, second, 1))[0].refusal is not None
    books.posted(books.transfer(first, payer, 1), books.transfer(payer, second, 1))
    books.check()


def test_wallets_without_a_limit_per_person_and_in_other_currencies_are_apart(books: Books) -> None:
    limited = profile(rule(Metric.BALANCE, 100, None, scope=Scope.PERSON))
    ama, payer = new_id(), books.funded(1000)
    books.posted(books.transfer(payer, books.funded(0, holder=ama), 500))
    books.posted(books.transfer(payer, books.funded(0, profile=limited, holder=ama), 100))
    books.posted(books.transfer(payer, books.funded(0, profile=limited), 100))


def test_sixteen_writers_on_a_persons_wallets_never_pass_the_limit(books: Books) -> None:
    limited = profile(
        rule(Metric.FLOW, 100, OUT, Window.CALENDAR_YEAR, scope=Scope.PERSON),
        rule(Metric.COUNT, 30, OUT, Window.DAY, scope=Scope.PERSON),
    )
    ama, others = new_id(), [books.account() for _ in range(16)]
    wallets = [books.funded(1000, profile=limited, holder=ama) for _ in range(4)]

    def work(number: int) -> int:
        sent = [books.transfer(wallets[number % 4], others[number], amount) for amount in (9, 5, 3, 1)]
        return sum(t.amount for t in sent if books.ledger.post([t])[0].posted)

    with ThreadPoolExecutor(16) as pool:
        moved = sum(pool.map(work, range(16)))
    assert 92 <= moved <= 100
    assert sum(1000 - books.balance(wallet) for wallet in wallets) == moved
    books.check()


def test_a_limit_per_payee_counts_each_payee_apart(books: Books) -> None:
    limited = profile(
        rule(Metric.FLOW, 100, OUT, Window.CALENDAR_MONTH, name="payee", scope=Scope.PAYEE),
    )
    payer, one, two = books.funded(1000, profile=limited), books.account(), books.account()
    books.posted(books.transfer(payer, one, 60), books.transfer(payer, two, 100))
    over, at = books.post(books.transfer(payer, one, 41), books.transfer(payer, one, 40))
    assert why(over) == ("payee", 60, 40)
    assert at.posted
    assert why(books.post(books.transfer(payer, two, 1))[0]) == ("payee", 100, 0)


def test_payees_are_counted_for_the_operations_that_a_rule_limits_so(books: Books) -> None:
    limited = profile(
        rule(Metric.FLOW, 100, OUT, Window.CALENDAR_MONTH, Operation.P2P_REGISTERED, scope=Scope.PAYEE),
    )
    payer, payee = books.funded(1000, profile=limited), books.account()
    books.posted(books.transfer(payer, payee, 200))
    assert books.dump()["usage_day"] == []
    books.posted(books.transfer(payer, payee, 100, Operation.P2P_REGISTERED))
    assert books.post(books.transfer(payer, payee, 1, Operation.P2P_REGISTERED))[0].refusal is not None


def test_in_and_out_are_summed_where_a_rule_names_no_direction(books: Books) -> None:
    limited = profile(rule(Metric.FLOW, 100, None, Window.CALENDAR_MONTH, name="both"))
    wallet, other = books.funded(1000, profile=limited), books.funded(1000)
    books.posted(books.transfer(wallet, other, 60), books.transfer(other, wallet, 30))
    assert why(books.post(books.transfer(other, wallet, 11))[0]) == ("both", 90, 10)
    assert why(books.post(books.transfer(wallet, other, 11))[0]) == ("both", 90, 10)
    books.posted(books.transfer(wallet, other, 10))


@pytest.mark.parametrize(
    ("window", "still_counted", "gone"),
    [
        (Window.CALENDAR_YEAR, "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        (Window.FISCAL_YEAR, "2026-03-31T23:59:59", "2026-04-01T00:00:00"),
        (Window.ROLLING_30D, "2026-04-08T23:59:59", "2026-04-09T00:00:00"),
        (Window.ROLLING_12M, "2027-03-09T23:59:59", "2027-03-10T00:00:00"),
        (Window.LIFETIME, "2099-01-01T00:00:00", None),
    ],
)
def test_longer_windows_end_when_they_say(
    books: Books, window: Window, still_counted: str, gone: str | None
) -> None:
    limited = profile(rule(Metric.FLOW, 100, OUT, window), fiscal_year_starts=4)
    payer, payee = books.funded(1000, profile=limited), books.account()
    books.posted(books.transfer(payer, payee, 100))

    def sent_at(moment: str) -> Outcome:
        books.now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        return books.post(books.transfer(payer, payee, 1))[0]

    assert sent_at(still_counted).refusal is not None
    if gone is not None:
        assert sent_at(gone).posted
    books.check()


def test_a_rule_is_in_force_from_its_first_day_until_before_its_last(books: Books) -> None:
    limited = profile(
        rule(Metric.SINGLE, 50, name="old", valid_to=date(2026, 3, 11)),
        rule(Metric.SINGLE, 20, name="new", valid_from=date(2026, 3, 11)),
        time_zone="Asia/Kathmandu",  # its midnight is 18:15 UTC of the day before
    )
    payer, payee = books.funded(1000, profile=limited), books.account()

    def rule_at(moment: str) -> str | None:
        at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        refused = books.post(books.transfer(payer, payee, 51, at=at))[0].refusal
        return refused.rule if refused else None

    assert rule_at("2026-03-10T18:14:59") == "old"
    assert rule_at("2026-03-10T18:15:00") == "new"


def test_a_rule_by_age_holds_from_so_many_months_after_the_opening(books: Books) -> None:
    limited = profile(rule(Metric.SINGLE, 0, IN, name="upgrade due", after_months=24))
    books.age = timedelta(0)
    payer, wallet = books.funded(1000), books.funded(0, profile=limited)  # opened on 10 March 2026
    books.now = datetime(2028, 3, 9, 23, tzinfo=UTC)
    books.posted(books.transfer(payer, wallet, 5))
    books.now = datetime(2028, 3, 10, 0, tzinfo=UTC)
    assert why(books.post(books.transfer(payer, wallet, 5))[0]) == ("upgrade due", None, 0)
    books.posted(books.transfer(wallet, payer, 5))


def test_what_is_tolerated_until_the_day_ends_is_posted(books: Books) -> None:
    limited = profile(
        rule(Metric.BALANCE, 100, None, on_exceed=OnExceed.ALLOW_UNTIL_END_OF_DAY, name="day's end"),
        rule(Metric.BALANCE, 500, None, name="ever"),
    )
    payer, wallet = books.funded(1000), books.funded(0, profile=limited)
    books.posted(books.transfer(payer, wallet, 300))
    assert why(books.post(books.transfer(payer, wallet, 201))[0]) == ("ever", 300, 200)


def test_all_that_a_profile_says_comes_back_from_the_database(books: Books) -> None:
    full = profile(
        rule(
            Metric.FLOW,
            5,
            None,
            Window.ROLLING_12M,
            Operation.P2P_REGISTERED,
            scope=Scope.PERSON,
            valid_from=date(2026, 1, 1),
            valid_to=date(2027, 7, 10),
            after_months=12,
        ),
        fiscal_year_starts=7,
    )
    with books.database.connection() as connection:
        stored = profiles.store(connection, full)
        assert ProfileCache().get(connection, [stored]) == {stored: full}


MOVES = st.lists(
    st.tuples(
        st.dates(date(2024, 12, 1), date(2026, 3, 31)),
        st.sampled_from([IN, OUT]),
        st.sampled_from([Operation.P2P, Operation.PAY]),
        st.integers(1, 10**12),
    ),
    max_size=60,
)


def _first_day(window: Window) -> Callable[[date], date]:
    """Where a window that ends on a day begins, said in other words than the ledger's."""
    return {
        Window.DAY: lambda day: day,
        Window.CALENDAR_MONTH: lambda day: day.replace(day=1),
        Window.CALENDAR_YEAR: lambda day: date(day.year, 1, 1),
        Window.FISCAL_YEAR: lambda day: date(day.year if day.month >= 4 else day.year - 1, 4, 1),
        Window.ROLLING_30D: lambda day: day - timedelta(days=29),
        Window.ROLLING_12M: lambda day: _a_year_before(day) + timedelta(days=1),
        Window.LIFETIME: lambda _: date.min,
    }[window]


def _a_year_before(day: date) -> date:
    return date(day.year - 1, 2, 28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)


@given(MOVES, st.sampled_from(list(Window)), st.sampled_from([IN, OUT, None]), st.booleans())
def test_any_window_sums_what_was_moved_in_it(
    moves: list[tuple[date, Direction, Operation, int]],
    window: Window,
    direction: Direction | None,
    payments_only: bool,
) -> None:
    asked: LimitRule = rule(
        Metric.FLOW, 1, direction, window, *([Operation.PAY] if payments_only else []), name="asked"
    )
    today = date(2026, 3, 31)  # the end of its month and day: whole windows hold nothing later
    slot = Slot(False, asked.counter.mask, window)
    counting = Usage(Layout((slot, slot._replace(numbers=True)), (), 4), None, None)
    expected = [0, 0]
    for day, way, operation, amount in moves:
        counting.count(code(way, operation), amount, 1, day, new_id())
        if (
            _first_day(window)(today) <= day
            and direction in (None, way)
            and not (payments_only and operation is not Operation.PAY)
        ):
            expected = [expected[0] + amount, expected[1] + 1]
    numbers = asked.counter._replace(numbers=True)
    assert [counting.measured(each, today, None) for each in (asked.counter, numbers)] == expected


@on_database(15)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 40), st.integers(0, 90)), max_size=25))
def test_a_rolling_limit_per_person_is_decided_as_a_list_would(
    books: Books, steps: list[tuple[int, int, int]]
) -> None:
    limited = profile(rule(Metric.FLOW, 100, OUT, Window.ROLLING_30D, name="rolling", scope=Scope.PERSON))
    ama, other = new_id(), books.account()
    wallets = [books.funded(10_000, profile=limited, holder=ama) for _ in range(2)]
    moved: list[tuple[date, int]] = []
    day = NOON
    for which, amount, later in sorted(steps, key=lambda step: step[2]):
        day = NOON + timedelta(days=later)
        in_window = sum(each for on, each in moved if day.date() - timedelta(days=29) <= on <= day.date())
        fits = in_window + amount <= 100
        outcome = books.post(books.transfer(wallets[which], other, amount, at=day))[0]
        assert outcome.posted is fits
        if fits:
            moved.append((day.date(), amount))
