"""Day totals: what each check finds of what somebody with every right changed, on a past day and since."""

from datetime import timedelta
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from books import Books, Force, profile, rule

from emoney.ledger import Database, Operation, holds, totals
from emoney.ledger.base.ids import new_id
from emoney.ledger.limits.rules import Direction, Metric, Window
from emoney.ledger.proofs import SigningKey, seal
from emoney.ledger.reports.trial_balance import TrialBalance
from emoney.ledger.reports.verification import Verification
from emoney.ledger.totals import TotalsDamaged

A = "(SELECT id FROM ledger.account WHERE external_ref = 'a')"


class Days:
    """Books whose days are totalled and sealed."""

    def __init__(self, books: Books, home: Path) -> None:
        self.books = books
        self.key = SigningKey.create(home, "wallet.example/ledger")
        limited = profile(
            rule(Metric.FLOW, 500, Direction.OUT, Window.DAY),
            rule(Metric.FLOW, 2_000, Direction.OUT, Window.CALENDAR_MONTH),
        )
        self.a = books.funded(2_000, profile=limited, ref="a")
        self.b = books.funded(100, profile=limited, ref="b")
        self.idle = books.funded(70, ref="idle")

    def live(self) -> None:
        """A day: payments, a hold that is captured and one that stays open."""
        a, b, books = self.a, self.b, self.books
        books.posted(books.transfer(a, b, 40), books.transfer(b, a, 15))
        for amount in (30, 20):
            hold = holds.Hold(new_id(), a, b, amount, "EUR", Operation.P2P, books.now + timedelta(days=40))
            assert holds.place(books.ledger, hold).posted
        assert holds.capture(books.ledger, hold.id, new_id(), 10).posted

    def end(self) -> None:
        """The day is over: totalled and sealed."""
        assert totals.make(self.books.database) is not None
        self.seal()
        self.books.now += timedelta(days=1)

    def seal(self) -> None:
        seal(self.books.database, self.key)

    def verify(self, *, deep: bool = False) -> Verification:
        with self.books.database.connection() as connection:
            return totals.verify(connection, deep=deep, key=self.key.public)

    def balance(self, *, deep: bool = False) -> TrialBalance:
        with self.books.database.connection() as connection:
            return totals.trial_balance(connection, deep=deep, key=self.key.public)


@pytest.fixture
def days(books: Books, home: Path) -> Days:
    """Two days that are over, and one that is not."""
    made = Days(books, home)
    for _ in range(2):
        made.live()
        made.end()
    made.live()
    return made


def test_a_check_reads_from_the_last_sealed_total(days: Days) -> None:
    found = days.verify()
    assert (found.breaches, found.start and found.start.number) == ((), 2)
    assert days.balance().balanced
    assert days.balance().start == found.start
    deep = days.verify(deep=True)
    assert (deep.breaches, deep.start) == ((), None)
    assert deep.checks == found.checks


def test_without_a_sealed_total_everything_is_read(books: Books, home: Path) -> None:
    made = Days(books, home)
    assert totals.make(books.database) is not None
    found = made.verify()
    assert (found.breaches, found.start) == ((), None)
    made.seal()
    assert made.verify().start is not None
    assert totals.make(books.database) is None  # nothing was posted


PAST = "posted_at < (SELECT last_posted_at FROM ledger.day_total WHERE number = 2)"
LATE = "posted_at > (SELECT last_posted_at FROM ledger.day_total WHERE number = 2)"


@pytest.mark.parametrize(
    "changes",
    {
        "a balance": (
            "UPDATE ledger.account SET credits_posted = credits_posted + 1 WHERE external_ref = 'a'",
        ),
        "the balance of an account that did not move": (
            "UPDATE ledger.account SET credits_posted = credits_posted + 1 WHERE external_ref = 'idle'",
        ),
        "two balances alike": (
            "UPDATE ledger.account SET credits_posted = credits_posted + 1 WHERE external_ref = 'a'",
            "UPDATE ledger.account SET credits_posted = credits_posted - 1 WHERE external_ref = 'b'",
        ),
        "an account gone": ("DELETE FROM ledger.account WHERE external_ref = 'idle'",),
        "a version": ("UPDATE ledger.account SET version = version + 1 WHERE external_ref = 'a'",),
        "a late entry": (f"UPDATE ledger.entry SET amount = amount + 1 WHERE {LATE} AND account_id = {A}",),
        "a late balance": (
            f"UPDATE ledger.entry SET balance_after = balance_after + 1 WHERE {LATE} AND account_id = {A}",
        ),
        "a late entry gone": (f"DELETE FROM ledger.entry WHERE {LATE} AND account_id = {A}",),
        "a surplus entry": (
            "INSERT INTO ledger.entry SELECT account_id, version + 900, gen_random_uuid(), amount,"
            f" balance_after, posted_at FROM ledger.entry WHERE {LATE} AND account_id = {A}",
        ),
        "a late transfer": (f"UPDATE ledger.transfer SET amount = amount + 1 WHERE {LATE}",),
        "a late claim gone": (
            f"DELETE FROM ledger.claim WHERE id IN (SELECT id FROM ledger.transfer WHERE {LATE})",
        ),
        "a pending sum": ("UPDATE ledger.account SET debits_pending = 0 WHERE external_ref = 'a'",),
        "an old hold's remainder": ("UPDATE ledger.open_hold SET remaining = remaining + 1",),
        "a counter": (
            "UPDATE ledger.account SET counters = array_fill(0::bigint, ARRAY[cardinality(counters)])"
            " WHERE external_ref = 'a'",
        ),
        "funds": ("UPDATE ledger.receipt_fund SET received = received - 1",),
        "a compiled rule": ("UPDATE ledger.limit_rule SET most = 10000 WHERE number = 1",),
        "a total's part": ("UPDATE ledger.day_total_part SET states = sha256('x') WHERE number = 2",),
        "a total's fund": ("UPDATE ledger.day_total_fund SET drawn = drawn + 1 WHERE number = 2",),
        "a part and its digest": (
            "UPDATE ledger.day_total_part SET states = sha256('x') WHERE number = 2",
            "UPDATE ledger.day_total SET digest = ledger.day_total_digest_v1(2) WHERE number = 2",
        ),
        "an older total": ("UPDATE ledger.day_total SET transfers = transfers + 1 WHERE number = 1",),
        "an older total gone": ("DELETE FROM ledger.day_total WHERE number = 1",),
        "the log under it": (
            "UPDATE ledger.leaf_block SET hashes = sha256('x') || substr(hashes, 33) WHERE first = 0",
        ),
        "all of a past transfer, alike": (
            f"UPDATE ledger.transfer SET amount = 41 WHERE {PAST} AND operation = 'p2p' AND amount = 40",
            "UPDATE ledger.entry AS e SET amount = e.amount + sign(e.amount) FROM ledger.transfer AS t"
            " WHERE t.id = e.transfer_id AND t.amount = 41",
            "UPDATE ledger.account SET debits_posted = debits_posted + 2 WHERE external_ref = 'a'",
            "UPDATE ledger.account SET credits_posted = credits_posted + 2 WHERE external_ref = 'b'",
        ),
    }.values(),
)
def test_what_was_changed_shows_from_the_last_total_and_from_the_beginning(
    days: Days, changes: tuple[str, ...]
) -> None:
    days.books.owner(*changes)
    assert not days.verify().ok
    assert not days.verify(deep=True).ok


@pytest.mark.parametrize(
    "change",
    {
        "a past entry": f"UPDATE ledger.entry SET amount = amount + 1 WHERE {PAST} AND account_id = {A}",
        "a past transfer": f"UPDATE ledger.transfer SET amount = 9 WHERE {PAST} AND operation = 'p2p'",
        "a past claim gone": (
            "DELETE FROM ledger.claim WHERE id = (SELECT id FROM ledger.transfer ORDER BY id LIMIT 1)"
        ),
        "a claim of nothing": "INSERT INTO ledger.claim (id) VALUES (gen_random_uuid())",
        "an older total's part": "UPDATE ledger.day_total_part SET movements = sha256('x') WHERE number = 1",
    }.values(),
)
def test_what_was_changed_of_a_past_day_alone_shows_from_the_beginning(days: Days, change: str) -> None:
    """The accounts are right all the same; the proof log names the transfers."""
    days.books.owner(change)
    assert days.verify().ok
    assert not days.verify(deep=True).ok


def test_a_limit_that_was_passed_is_named_from_the_last_total_and_later_from_the_beginning(
    days: Days, force: Force
) -> None:
    days.books.now += timedelta(days=1)
    beyond = force(days.a, days.b, 501)

    def named(deep: bool) -> list[tuple[str | None, int | None]]:
        return [(each.transfer, each.beyond) for each in days.verify(deep=deep).breaches]

    assert named(deep=False) == named(deep=True) == [(str(beyond), 1)]
    days.end()
    assert named(deep=False) == []
    assert named(deep=True) == [(str(beyond), 1)]


def test_no_total_is_made_on_top_of_a_balance_that_was_changed(days: Days) -> None:
    days.books.owner(
        "UPDATE ledger.account SET credits_posted = credits_posted + 1 WHERE external_ref = 'idle'"
    )
    with pytest.raises(TotalsDamaged):
        totals.make(days.books.database)
    named = {each.key for each in days.verify().breaches}
    assert str(days.idle) in named
    assert str(days.a) not in named


def test_what_is_still_under_way_goes_into_the_next_total(days: Days) -> None:
    """A posting that began before the total was made, and another that overtook it."""
    books = days.books
    with psycopg.connect(books.owner_url) as open_:
        open_.execute("SELECT pg_current_xact_id()")  # as a posting has, that waits for its accounts
        books.posted(books.transfer(days.b, days.a, 1))
        made = totals.make(books.database)
        assert made is not None
        later = new_id()
        books.posted(books.transfer(days.a, days.b, 2))
        open_.execute("INSERT INTO ledger.claim (id) VALUES (%s)", (later,))
        open_.rollback()
    days.seal()
    found = days.verify()
    assert (found.breaches, found.start and found.start.number) == ((), 3)
    assert totals.make(books.database) is not None
    assert days.verify(deep=True).ok


def test_two_that_total_at_once_make_one(days: Days) -> None:
    made: list[object] = []
    runs = [Thread(target=lambda: made.append(totals.make(days.books.database))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert sorted(each is None for each in made) == [False, True]
    assert days.verify(deep=True).ok


def test_neither_totals_nor_their_parts_are_the_applications_to_write(database: Database) -> None:
    for statement in (
        "INSERT INTO ledger.day_total_part VALUES (1, 1, sha256('x'), sha256('x'))",
        "INSERT INTO ledger.day_total_fund VALUES (1, gen_random_uuid(), 'issue', 1, 1)",
        "UPDATE ledger.day_total SET digest = sha256('x')",
        "DELETE FROM ledger.day_total",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.connection() as connection:
            connection.execute(statement)
