"""The clock is the ledger's: what a caller may state of time, and by which right a history comes in."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from books import Books, post_by_sql, profile, rule

from emoney.ledger import (
    AccountKind,
    Database,
    Ledger,
    LimitProfile,
    Operation,
    Transfer,
    clock_policy,
    holds,
)
from emoney.ledger.accounts.account import IMPORT_ROLE
from emoney.ledger.base.errors import ClockSkew, InvalidInput, InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.clock_policy import ClockPolicy
from emoney.ledger.holds import Hold
from emoney.ledger.limits.rules import Direction, Metric, Scope, Window
from emoney.ledger.posting.write import WrongTime

BY = {"actor": "owner-1", "reason": "as in production"}
DAY = timedelta(days=1)
IN_MAY = datetime(2026, 5, 20, 12, tzinfo=UTC)
"""Where limits over days are tried, by a clock that is set: no test depends on the day on which it runs."""


def set_policy(books: Books, policy: ClockPolicy) -> None:
    clock_policy.set_policy(books.owner_url, policy, **BY)


@pytest.fixture
def live(books: Books) -> Books:
    """Books on the machine's clock, under the policy of a new ledger; accounts were opened a month ago."""
    books.now = datetime.now(UTC) - 30 * DAY
    books.ledger = Ledger(books.database)
    set_policy(books, ClockPolicy())
    return books


def ago(payer: UUID, payee: UUID, time: timedelta, operation: Operation = Operation.P2P) -> Transfer:
    """A transfer of one that counted so long ago."""
    return Transfer(new_id(), payer, payee, 1, "EUR", operation, effective_at=datetime.now(UTC) - time)


def written(books: Books) -> Any:
    return books.dump(without=("event_position",))


def numbers(connection: psycopg.Connection, transfer: Transfer) -> list[int]:
    """The versions and balances that follow from a transfer between wallets."""
    found: list[int] = []
    sides = ((transfer.debit_account, -transfer.amount), (transfer.credit_account, transfer.amount))
    for account, change in sides:
        row = connection.execute(
            "SELECT version + 1, credits_posted - debits_posted + %s FROM ledger.account WHERE id = %s",
            (change, account),
        ).fetchone()
        assert row is not None
        found += row
    return found


def by_sql(books: Books, at: datetime, transfer: Transfer, role: str = "emoney_app") -> str | None:
    """Post by SQL alone, in a role: the constraint that refuses it, if one does."""
    with psycopg.connect(books.owner_url) as connection:
        connection.execute(f"SET ROLE {role}")
        try:
            post_by_sql(connection, at, transfer, *numbers(connection, transfer))
        except psycopg.errors.CheckViolation as error:
            return error.diag.constraint_name
    return None


def in_a_transaction(ledger: Ledger, transfer: Transfer) -> None:
    with ledger.database.connection() as connection:
        ledger.post_in(connection, [transfer])


WAYS: dict[str, Callable[[Ledger, Transfer], Any]] = {
    "alone": lambda ledger, transfer: ledger.post([transfer]),
    "in a row": lambda ledger, transfer: list(ledger.post_all([[transfer]])),
    "in a transaction": in_a_transaction,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ahead", [400 * DAY, timedelta(minutes=1)])
def test_a_process_that_is_ahead_dates_no_account(live: Books, way: str, ahead: timedelta) -> None:
    payer, payee = live.funded(100), live.account()
    before, wrong = written(live), Ledger(live.database, lambda: datetime.now(UTC) + ahead)
    with pytest.raises(ClockSkew, match="ahead of the database's: nothing was written"):
        WAYS[way](wrong, live.transfer(payer, payee, 5))
    assert written(live) == before
    live.posted(live.transfer(payer, payee, 5))
    with live.database.connection() as connection:
        rows = connection.execute("SELECT last_posted_at - clock_timestamp() FROM ledger.account").fetchall()
    assert all(since <= ClockPolicy().ahead for (since,) in rows if since is not None)


@pytest.mark.parametrize("way", WAYS)
def test_a_process_that_is_behind_posts_nothing(live: Books, way: str) -> None:
    funds, payee = live.account(AccountKind.SAFEGUARDING), live.account()
    load = live.transfer(funds, payee, 5, Operation.LOAD, reference="receipt")
    before, wrong = written(live), Ledger(live.database, lambda: datetime.now(UTC) - DAY)
    with pytest.raises(ClockSkew, match="behind the database's"):
        WAYS[way](wrong, load)
    assert written(live) == before


def test_what_was_decided_long_ago_is_decided_again(live: Books) -> None:
    payer, payee = live.account(AccountKind.AGENT), live.account(AccountKind.AGENT)
    live.owner(f"UPDATE ledger.account SET floor = NULL WHERE id = '{payer}'")
    times = iter([datetime.now(UTC) - timedelta(hours=1)])
    slow = Ledger(live.database, lambda: next(times, datetime.now(UTC)))
    slow.post([live.transfer(payer, payee, 5, Operation.FLOAT)])
    assert live.balance(payee) == 5
    assert next(times, None) is None


@pytest.mark.parametrize("off", [-400 * DAY, -DAY])
def test_a_hold_by_a_clock_behind_is_placed_when_its_accounts_were_last_posted_to(
    live: Books, off: timedelta
) -> None:
    began, payer, payee = datetime.now(UTC), live.funded(100), live.account(AccountKind.MERCHANT)
    behind = Ledger(live.database, lambda: datetime.now(UTC) + off)
    placed = Hold(new_id(), payer, payee, 5, "EUR", Operation.PAY, datetime.now(UTC) + DAY)
    assert holds.place(behind, placed).posted
    with live.database.connection() as connection:
        assert holds.find(connection, placed.id).placed_at >= began


@pytest.mark.parametrize("off", [timedelta(minutes=1), 400 * DAY])
def test_holds_are_placed_and_ended_by_the_databases_clock(live: Books, off: timedelta) -> None:
    payer, payee = live.funded(100), live.account()
    wrong = Ledger(live.database, lambda: datetime.now(UTC) + off)

    def hold() -> Hold:
        return Hold(new_id(), payer, payee, 5, "EUR", Operation.PAY, datetime.now(UTC) + 1000 * DAY)

    payee = live.account(AccountKind.MERCHANT)
    placed = hold()
    assert holds.place(live.ledger, placed).posted
    before = written(live)
    with pytest.raises(ClockSkew):
        holds.place(wrong, hold())
    with pytest.raises(ClockSkew):
        holds.void(wrong, placed.id)
    assert written(live) == before
    assert holds.void(live.ledger, placed.id).remaining == 0


def test_by_sql_the_applications_role_is_held_to_it(live: Books) -> None:
    payer, payee = live.funded(100), live.account()
    before, now = written(live), datetime.now(UTC)
    for at in (now + 400 * DAY, now + timedelta(minutes=1)):
        assert by_sql(live, at, live.transfer(payer, payee, 5)) == "clock_skew"
    new, newer = live.funded(0), live.funded(0)
    assert by_sql(live, now - DAY, live.transfer(new, newer, 5)) == "clock_skew"
    assert by_sql(live, now, ago(payer, payee, timedelta(hours=1))) == "effective_time"
    assert by_sql(live, now, ago(payer, payee, 40 * DAY)) == "effective_time"
    assert by_sql(live, datetime.now(UTC), live.transfer(payer, payee, 5)) is None
    assert len(written(live)["transfer"]) == len(before["transfer"]) + 1


def test_how_late_is_the_operators_setting_by_operation(live: Books) -> None:
    payer, payee, agent = live.funded(100), live.account(), live.account(AccountKind.AGENT)
    in_time, late = ago(payer, payee, timedelta(minutes=10)), ago(payer, payee, timedelta(minutes=20))
    live.posted(in_time)
    with pytest.raises(WrongTime, match="longer before it is posted than its operation may"):
        live.post(late)
    offline = ago(payer, agent, timedelta(days=2), Operation.CASH_OUT)
    with pytest.raises(WrongTime):
        live.post(offline)
    by_operation = {Operation.CASH_OUT: 3 * DAY, Operation.PAY: None}
    set_policy(live, ClockPolicy(late_by_operation=by_operation))
    live.posted(offline)
    live.posted(ago(payer, live.account(AccountKind.MERCHANT), 20 * DAY, Operation.PAY))
    for wrong in (late, ago(payer, agent, 4 * DAY, Operation.CASH_OUT)):
        before = written(live)
        with pytest.raises(WrongTime):
            live.post(in_time, live.transfer(payer, payee, 1), wrong)
        assert written(live) == before


def test_nothing_counts_before_an_account_was_opened(live: Books) -> None:
    set_policy(live, ClockPolicy(late=None))
    old = live.funded(100)
    live.now, live.age = datetime.now(UTC) - timedelta(hours=1), timedelta(0)
    young = live.funded(100)
    live.posted(ago(old, young, timedelta(minutes=30)), ago(young, old, timedelta(minutes=30)))
    before = written(live)
    for transfer in (ago(old, young, timedelta(hours=2)), ago(young, old, timedelta(hours=2))):
        with pytest.raises(WrongTime, match="before one of its accounts was opened"):
            live.post(transfer)
        assert by_sql(live, datetime.now(UTC), transfer) == "effective_time"
    assert written(live) == before


# What is late, and the limits of two days.


class Days:
    """Books in May whose accounts were opened in April; transfers arrive at the set clock."""

    def __init__(self, books: Books) -> None:
        self.books = books
        books.now = IN_MAY - 40 * DAY
        self.payee = books.account()

    def wallet(self, limits: LimitProfile, holder: UUID | None = None) -> UUID:
        """A wallet under limits, that holds enough."""
        self.books.now = min(self.books.now, IN_MAY - 40 * DAY)
        wallet = self.books.funded(10_000, profile=limits, holder=holder)
        self.books.now = IN_MAY
        return wallet

    def send(self, wallet: UUID, amount: int, days_ago: int = 0, payee: UUID | None = None) -> str | None:
        """The rule that refuses a transfer which arrives now and counts so many days ago."""
        at = self.books.now - days_ago * DAY if days_ago else None
        transfer = Transfer(
            new_id(), wallet, payee or self.payee, amount, "EUR", Operation.P2P, effective_at=at
        )
        (outcome,) = self.books.post(transfer)
        self.books.check()
        return outcome.refusal and outcome.refusal.rule

    def by_sql(self, wallet: UUID, amount: int, days_ago: int) -> str | None:
        """The same by the application's right without the library: the constraint that refuses it."""
        at = self.books.now - days_ago * DAY
        transfer = Transfer(new_id(), wallet, self.payee, amount, "EUR", Operation.P2P, effective_at=at)
        return by_sql(self.books, self.books.now, transfer)


@pytest.fixture
def days(books: Books) -> Days:
    return Days(books)


def sent(amount: int, window: Window = Window.DAY, metric: Metric = Metric.FLOW, **more: Any) -> LimitProfile:
    return profile(rule(metric, amount, Direction.OUT, window, name="sent", **more))


def test_the_fourth_send_of_a_day_is_refused_when_it_is_dated_yesterday(days: Days) -> None:
    wallet = days.wallet(sent(3, metric=Metric.COUNT))
    assert [days.send(wallet, 1) for _ in range(4)] == [None, None, None, "sent"]
    assert days.send(wallet, 1, days_ago=1) == "sent"
    assert days.by_sql(wallet, 1, 1) == "account_limits"
    days.books.now += DAY
    assert [days.send(wallet, 1) for _ in range(4)] == [None, None, None, "sent"]


def test_what_is_late_counts_in_the_window_that_it_names(days: Days) -> None:
    wallet = days.wallet(sent(100))
    assert days.send(wallet, 60, days_ago=1) is None
    assert days.send(wallet, 50, days_ago=1) == "sent"  # of yesterday's, 40 are left
    assert days.by_sql(wallet, 50, 1) == "account_limits"
    assert days.send(wallet, 90) is None  # and all of today's
    assert days.send(wallet, 11, days_ago=2) == "sent"  # of today's 10 are left
    assert days.by_sql(wallet, 11, 2) == "account_limits"
    assert days.send(wallet, 10, days_ago=2) is None
    assert days.send(wallet, 10, days_ago=1) is None
    assert days.send(wallet, 10) is None


@pytest.mark.parametrize("window", [Window.CALENDAR_MONTH, Window.ROLLING_30D, Window.LIFETIME])
def test_a_window_that_both_days_lie_in_counts_it_once(days: Days, window: Window) -> None:
    wallet = days.wallet(sent(100, window))
    assert days.send(wallet, 60, days_ago=1) is None
    assert days.send(wallet, 41) == "sent"
    assert days.send(wallet, 41, days_ago=1) == "sent"
    assert days.by_sql(wallet, 41, 1) == "account_limits"
    assert days.send(wallet, 40, days_ago=1) is None
    assert days.send(wallet, 1) == "sent"


def test_a_window_that_rolls_is_asked_where_it_arrives(days: Days) -> None:
    wallet = days.wallet(sent(100, Window.ROLLING_30D))
    assert days.send(wallet, 60) is None
    assert days.send(wallet, 41, days_ago=2) == "sent"  # the window that ends two days ago has all left
    assert days.by_sql(wallet, 41, 2) == "account_limits"
    assert days.send(wallet, 40, days_ago=2) is None


def test_another_month_is_asked_as_if_it_counted_there(days: Days) -> None:
    wallet = days.wallet(sent(100, Window.CALENDAR_MONTH))
    days.books.now = datetime(2026, 6, 1, 9, tzinfo=UTC)
    assert days.send(wallet, 60) is None
    assert days.send(wallet, 41, days_ago=1) == "sent"
    assert days.by_sql(wallet, 41, 1) == "account_limits"
    assert days.send(wallet, 40, days_ago=1) is None  # in May
    assert days.send(wallet, 40) is None  # in June
    assert days.send(wallet, 1) == "sent"


def test_rules_that_began_meanwhile_are_asked_too(days: Days) -> None:
    since = IN_MAY.date()
    strict = profile(
        rule(Metric.SINGLE, 20, name="single", valid_from=since),
        rule(Metric.SINGLE, 70, name="single before", valid_to=since),
        rule(Metric.FLOW, 30, Direction.OUT, Window.DAY, name="sent", valid_from=since),
    )
    wallet = days.wallet(strict)
    assert days.send(wallet, 21, days_ago=1) == "single"
    assert days.send(wallet, 71, days_ago=1) == "single before"
    assert days.by_sql(wallet, 21, 1) == "account_limits"
    assert days.send(wallet, 20, days_ago=1) is None
    assert days.send(wallet, 20) is None
    assert days.send(wallet, 11, days_ago=1) == "sent"
    assert days.by_sql(wallet, 11, 1) == "account_limits"


def test_a_balance_is_bounded_as_it_is_where_it_arrives(days: Days) -> None:
    full = profile(rule(Metric.BALANCE, 50, None, name="full", valid_from=IN_MAY.date()))
    payer = days.wallet(sent(1000))
    days.books.now = IN_MAY - 40 * DAY
    wallet = days.books.account(profile=full)
    days.books.now = IN_MAY
    assert days.send(payer, 51, days_ago=1, payee=wallet) == "full"
    days.payee = wallet
    assert days.by_sql(payer, 51, 1) == "account_limits"
    assert days.send(payer, 50, days_ago=1) is None


@pytest.mark.parametrize("scope", [Scope.PERSON, Scope.PAYEE])
def test_a_persons_and_a_payees_limits_are_asked_of_both_days(days: Days, scope: Scope) -> None:
    limits = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.DAY, name="sent", scope=scope))
    holder = new_id()
    one, two = days.wallet(limits, holder), days.wallet(limits, holder)
    second = two if scope is Scope.PERSON else one
    assert days.send(one, 60) is None
    assert days.send(second, 41, days_ago=1) == "sent"
    assert days.by_sql(second, 41, 1) == "account_limits"
    assert days.send(second, 40, days_ago=1) is None
    assert days.send(one, 61, days_ago=1) == "sent"  # of today's 40 are left, of yesterday's 60
    assert days.send(one, 40, days_ago=1) is None
    assert days.send(second, 40) is None
    assert days.send(second, 1) == "sent"


def test_a_batch_of_both_is_decided_in_its_order(days: Days) -> None:
    wallet = days.wallet(sent(100))
    now = days.books.now

    def of(amount: int, at: datetime | None) -> Transfer:
        return Transfer(new_id(), wallet, days.payee, amount, "EUR", Operation.P2P, effective_at=at)

    batch = [of(50, now - DAY), of(60, None), of(41, now - DAY), of(40, now - DAY), of(40, None), of(1, None)]
    outcomes = days.books.post(*batch)
    assert [each.posted for each in outcomes] == [True, True, False, True, True, False]
    days.books.check()


# By the import's right.


def test_a_history_comes_in_by_the_imports_right(days: Days) -> None:
    books, wallet = days.books, days.wallet(sent(100))
    set_policy(books, ClockPolicy())
    importing = Database(books.owner_url, role=IMPORT_ROLE)
    try:
        real = Ledger(importing)
        past = datetime.now(UTC) - 400 * DAY
        batch = [
            Transfer(new_id(), wallet, days.payee, 90, "EUR", Operation.P2P, effective_at=past - n * DAY)
            for n in range(3)
        ]
        assert all(each.posted for each in real.post(batch[:1]))
        assert all(each.posted for (each,) in real.post_all([[each] for each in batch[1:]]))
        again = Transfer(new_id(), wallet, days.payee, 11, "EUR", Operation.P2P, effective_at=past)
        (outcome,) = real.post([again])  # under the limits of its own day
        assert outcome.refusal
        assert outcome.refusal.rule == "sent"
        ordinary = Ledger(books.database)
        for post in WAYS.values():
            with pytest.raises(WrongTime):
                post(ordinary, replace(again, id=new_id(), amount=1))
        with pytest.raises(ClockSkew):  # nobody posts ahead
            Ledger(importing, lambda: datetime.now(UTC) + DAY).post([books.transfer(wallet, days.payee, 1)])
    finally:
        importing.close()
    new, funds = books.account(), books.account(AccountKind.SAFEGUARDING)
    load = books.transfer(funds, new, 5, Operation.LOAD, reference="receipt")
    past = datetime.now(UTC) - 300 * DAY
    with psycopg.connect(books.owner_url) as connection:
        connection.execute("SET ROLE emoney_import")
        connection.execute("INSERT INTO ledger.claim (id) VALUES (%s)", (load.id,))
        post_by_sql(connection, past, load, 1, 5, 1, 5)
    books.check()


# The policy.


def test_a_policys_history_names_who_and_why(books: Books) -> None:
    with books.database.connection() as connection:
        assert clock_policy.current(connection) == clock_policy.UNBOUNDED
        assert not clock_policy.current(connection).bounded
    changed = ClockPolicy(late_by_operation={Operation.CASH_IN: 2 * DAY})
    set_policy(books, changed)
    set_policy(books, changed)
    with books.database.connection() as connection:
        assert clock_policy.current(connection) == changed
        newest, first = clock_policy.history(connection)
    assert (newest.policy, newest.actor, newest.reason) == (changed, "owner-1", "as in production")
    assert (first.policy, first.actor) == (clock_policy.UNBOUNDED, "emoney-testing")
    assert newest.policy.bounded


def test_a_new_ledger_is_bounded(books: Books) -> None:
    books.owner("DELETE FROM ledger.clock_policy")
    with books.database.connection() as connection:
        assert clock_policy.current(connection) == ClockPolicy()
        assert clock_policy.history(connection) == []
    with pytest.raises(ClockSkew):
        books.funded(5)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT ledger.set_clock_policy_v1(NULL, NULL, NULL, '{}', 'a', 'b', now())",
        "INSERT INTO ledger.clock_policy (number, actor, reason, at) VALUES (99, 'a', 'b', now())",
        "UPDATE ledger.clock_policy SET late_s = NULL",
        "DELETE FROM ledger.clock_policy",
        "TRUNCATE ledger.clock_policy",
        "SELECT ledger.check_times_v1(now(), NULL)",
    ],
)
@pytest.mark.parametrize("role", ["emoney_app", "emoney_import", "emoney_receipts"])
def test_no_login_of_the_applications_changes_the_policy(books: Books, statement: str, role: str) -> None:
    with psycopg.connect(books.owner_url) as connection:
        connection.execute(f"SET ROLE {role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.parametrize(
    "statement", ["UPDATE ledger.clock_policy SET late_s = NULL", "DELETE FROM ledger.clock_policy"]
)
def test_not_even_the_owner_rewrites_it(books: Books, statement: str) -> None:
    with (
        psycopg.connect(books.owner_url) as connection,
        pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState),
    ):
        connection.execute(statement)


@pytest.mark.parametrize(
    "wrong",
    [
        {"late": timedelta(seconds=-1)},
        {"ahead": timedelta(milliseconds=5)},
        {"ahead": timedelta(0)},
        {"behind": timedelta(days=40_000)},
        {"late": 5},
        {"late_by_operation": {"cash": DAY}},
        {"late_by_operation": {Operation.PAY: "2d"}},
    ],
)
def test_what_is_no_policy(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        ClockPolicy(**wrong)


def test_who_sets_it_says_who_and_why_as_the_owner(books: Books) -> None:
    for wrong in ({"actor": "", "reason": "b"}, {"actor": "a", "reason": ""}):
        with pytest.raises((InvalidRequest, InvalidInput)):
            clock_policy.set_policy(books.owner_url, ClockPolicy(), **wrong)
    with pytest.raises(InvalidInput):
        clock_policy.set_policy(books.owner_url, "none", **BY)  # type: ignore[arg-type]
