"""What the database keeps for speed is computed again: whoever changed it with full rights is named."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from books import Books, profile, rule

from emoney.ledger import AccountKind, Ledger, Operation, Transfer, holds, reversals
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.limits.rules import Direction, Metric, Scope, Window
from emoney.ledger.posting import locked, optimistic, single
from emoney.ledger.posting.account_state import Accounts
from emoney.ledger.posting.decide import Decision, decide
from emoney.ledger.reports.verification import Breach, verify

DAY = Window.DAY


def breaches(books: Books) -> list[Breach]:
    with books.database.connection() as connection:
        return list(verify(connection).breaches)


@pytest.fixture
def lived(books: Books) -> Books:
    """Books of three days: limits of a wallet, a person and a payee, a hold, a capture, a refund."""
    out = Direction.OUT
    limited = profile(
        rule(Metric.FLOW, 500, out, Window.DAY),
        rule(Metric.FLOW, 900, out, Window.CALENDAR_MONTH),
        rule(Metric.COUNT, 50, out, Window.ROLLING_30D),
        rule(Metric.FLOW, 800, out, Window.CALENDAR_MONTH, Operation.PAY, scope=Scope.PERSON),
        rule(Metric.FLOW, 2_000, out, Window.CALENDAR_YEAR, scope=Scope.PAYEE),
        rule(Metric.BALANCE, 5_000, None),
    )
    payer, payee = books.funded(2_000, profile=limited, ref="payer"), books.funded(10, ref="payee")
    for _ in range(3):
        books.posted(books.transfer(payer, payee, 40), books.transfer(payer, payee, 20))
        hold = holds.Hold(new_id(), payer, payee, 30, "EUR", Operation.P2P, books.now + timedelta(hours=9))
        assert holds.place(books.ledger, hold).posted
        assert holds.capture(books.ledger, hold.id, new_id(), 10).posted
        books.now += timedelta(days=1)
    return books


def test_books_that_follow_are_right(lived: Books) -> None:
    assert breaches(lived) == []
    with lived.database.connection() as connection:
        found = verify(connection)
    assert found.ok
    assert found.without_limits == len(found.named_without_limits) == 1


@pytest.mark.parametrize(
    ("change", "table", "rule_"),
    {
        "a counter set back": (
            "UPDATE ledger.account SET counters = array_fill(0::bigint, ARRAY[cardinality(counters)])"
            " WHERE counters IS NOT NULL",
            "ledger.account",
            "counted on",
        ),
        "a day taken away": ("DELETE FROM ledger.usage_day", "ledger.account", "counted on"),
        "a pending sum": (
            "UPDATE ledger.account SET debits_pending = 5 WHERE external_ref = 'payer'",
            "ledger.account",
            "pending sums",
        ),
        "a rule made laxer": (
            "UPDATE ledger.limit_rule SET most = 10000 WHERE number = 1",
            "ledger.limit_rule",
            "rule",
        ),
        "a guard made laxer": (
            "UPDATE ledger.guard SET balance_most = 10 * balance_most",
            "ledger.guard",
            "guard",
        ),
        "a guard without a limit": ("UPDATE ledger.guard SET day_most = '{NULL}'", "ledger.guard", "guard"),
        "a guard gone": (
            "DELETE FROM ledger.guard WHERE profile_id <> '00000000-0000-0000-0000-000000000000'",
            "ledger.guard",
            "a profile has a guard",
        ),
        "a profile laxer than its rules": (
            """UPDATE ledger.limit_profile SET rules = jsonb_set(rules, '{0,amount}', '100000')""",
            "ledger.limit_rule",
            "a compiled rule",
        ),
        "a balance": (
            "UPDATE ledger.account SET credits_posted = credits_posted + 1 WHERE external_ref = 'payer'",
            "ledger.account",
            "sums and version",
        ),
    }.values(),
)
def test_what_was_changed_around_the_functions_is_named(
    lived: Books, change: str, table: str, rule_: str
) -> None:
    lived.owner(change)
    assert any(each.table == table and rule_ in each.rule for each in breaches(lived))


def test_a_limit_that_was_passed_on_a_past_day_is_named(
    lived: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whoever held guard and decision down for a moment, and put both right again."""

    def decide_nothing_refused(
        todo: Sequence[Transfer], states: Accounts, now: datetime, **_: bool
    ) -> list[Decision]:
        for state in states.values():
            state.profile = None
        return list(decide(todo, states, now))

    with lived.database.connection() as connection:
        found = accounts.find(connection, ["payer", "payee"])
    lived.owner("UPDATE ledger.guard SET day_most = array_replace(day_most, 500, 5000)")
    with monkeypatch.context() as patched:
        patched.setattr(locked, "decide", decide_nothing_refused)
        patched.setattr(optimistic, "decide", decide_nothing_refused)
        patched.setattr(single, "decide", decide_nothing_refused)
        forced = Ledger(lived.database, lambda: lived.now)  # what it remembers is wrong, and forgotten
        assert forced.post([lived.transfer(found["payer"].id, found["payee"].id, 501)])[0].posted
    lived.owner("UPDATE ledger.guard SET day_most = array_replace(day_most, 5000, 500)")
    day = lived.now.date()
    lived.now += timedelta(days=2)
    lived.posted(lived.transfer(found["payer"].id, found["payee"].id, 1))
    (breach,) = breaches(lived)
    assert (breach.table, breach.key, breach.expected, breach.found) == (
        "ledger.account",
        str(found["payer"].id),
        "500",
        "501",
    )
    assert str(day) in breach.rule


def test_what_moved_before_limits_were_lowered_is_no_breach(books: Books) -> None:
    """Of the profile a wallet is under now, only windows that began under it can be passed."""
    out = Direction.OUT
    wide, narrow = (profile(rule(Metric.FLOW, most, out, DAY), name=f"{most} a day") for most in (500, 50))
    payer, payee = books.funded(2_000, profile=wide), books.funded(10)
    books.posted(books.transfer(payer, payee, 400))
    books.set_profile(payer, narrow)
    books.now += timedelta(days=1)
    books.posted(books.transfer(payer, payee, 50))
    assert breaches(books) == []


def test_a_limit_that_was_raised_on_a_day_is_asked_until_then(books: Books) -> None:
    out, year = Direction.OUT, Window.CALENDAR_YEAR
    raised = books.now.date() + timedelta(days=2)
    limited = profile(
        rule(Metric.FLOW, 100, out, year, name="until", valid_to=raised),
        rule(Metric.FLOW, 300, out, year, name="from", valid_from=raised),
    )
    payer, payee = books.funded(2_000, profile=limited), books.funded(10)
    books.posted(books.transfer(payer, payee, 100))
    books.now += timedelta(days=3)
    books.posted(books.transfer(payer, payee, 150))
    assert breaches(books) == []


def test_what_gives_back_without_an_original_is_named(lived: Books) -> None:
    payer, shop = lived.funded(50), lived.account(AccountKind.MERCHANT)
    paid = lived.transfer(payer, shop, 20, Operation.PAY)
    lived.posted(paid)
    refund = new_id()
    assert reversals.refund(lived.ledger, paid.id, refund, reason="returned").posted
    assert breaches(lived) == []
    lived.owner(f"DELETE FROM ledger.reversal WHERE transfer_id = '{refund}'")
    assert ("ledger.transfer", str(refund), "what gives back names what it gives back") in {
        (found.table, found.key, found.rule) for found in breaches(lived)
    }
