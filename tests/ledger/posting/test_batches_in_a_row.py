"""Batches decided ahead: the same outcomes as batch by batch, whoever else changes the accounts meanwhile."""

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from books import Books, on_database, profile, rule
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import AccountKind, Operation, Outcome, Transfer, holds
from emoney.ledger.base.errors import IdempotencyConflict, SplitGroup, UnknownAccount
from emoney.ledger.base.ids import new_id
from emoney.ledger.holds import Hold
from emoney.ledger.limits.rules import Direction, Metric, Scope, Window
from emoney.ledger.posting import optimistic
from emoney.ledger.posting.pipeline import Pipeline

LIMITED = profile(
    rule(Metric.FLOW, 120, Direction.OUT, Window.DAY),
    rule(Metric.COUNT, 9, Direction.IN, Window.CALENDAR_MONTH),
    rule(Metric.BALANCE, 400, None, None),
)


def batched(transfers: Sequence[Transfer], size: int) -> list[Sequence[Transfer]]:
    return [transfers[start : start + size] for start in range(0, len(transfers), size)]


def told(outcomes: Sequence[Outcome]) -> list[tuple[bool, str | None]]:
    return [(each.posted, each.refusal.rule if each.refusal else None) for each in outcomes]


@pytest.fixture
def vain(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """As long as the number of batches with a stale decision."""
    found: list[None] = []
    receive = Pipeline.receive

    def counted(pipeline: Pipeline) -> optimistic.Decided:
        try:
            return receive(pipeline)
        except optimistic.StaleDecision:
            found.append(None)
            raise

    monkeypatch.setattr(Pipeline, "receive", counted)
    return found


@on_database(25)
@given(
    moves=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 150), st.integers(0, 2)).filter(
            lambda move: move[0] != move[1]
        ),
        min_size=1,
        max_size=40,
    ),
    size=st.integers(1, 7),
)
def test_outcomes_and_books_are_those_of_one_batch_after_the_other(
    shared_books: Books, moves: list[tuple[int, int, int, int]], size: int
) -> None:
    books = shared_books
    plain, ahead = ([books.funded(200, profile=LIMITED) for _ in range(5)] for _ in range(2))

    def batches(wallets: list[UUID]) -> list[Sequence[Transfer]]:
        sent = [
            books.transfer(wallets[payer], wallets[payee], amount, at=books.now - timedelta(days=days))
            for payer, payee, amount, days in moves
        ]
        return batched(sent, size)

    one_by_one = [told(books.ledger.post(batch)) for batch in batches(plain)]
    assert [told(outcomes) for outcomes in books.ledger.post_all(batches(ahead))] == one_by_one
    assert [books.balance(wallet) for wallet in ahead] == [books.balance(wallet) for wallet in plain]
    books.check()


def test_nothing_is_decided_in_vain_while_nobody_else_posts(books: Books, vain: list[None]) -> None:
    wallets = [books.funded(1_000, profile=LIMITED) for _ in range(4)]
    sent = [books.transfer(wallets[i % 4], wallets[(i + 1) % 4], 1 + i) for i in range(30)]
    assert sum(len(outcomes) for outcomes in books.ledger.post_all(batched(sent, 3))) == 30
    assert vain == []
    books.check()


def test_what_others_change_between_two_batches_is_respected(books: Books, vain: list[None]) -> None:
    a, b = books.funded(100), books.funded(100)

    def batches() -> Iterator[list[Transfer]]:
        yield [books.transfer(a, b, 10)]
        yield [books.transfer(a, b, 10)]
        while books.balance(b) < 120:  # it is under way
            time.sleep(0.01)
        books.freeze(a, debit=True, credit=False)
        yield [books.transfer(a, b, 10)]
        yield [books.transfer(b, a, 10)]

    *before, third, fourth = [told(outcomes) for outcomes in books.ledger.post_all(batches())]
    assert before == [[(True, None)]] * 2
    assert third == [(False, "account.frozen_debit")]
    assert fourth == [(True, None)]
    assert vain
    books.check()


def test_what_was_posted_is_told_before_an_error_in_giving_the_next(books: Books) -> None:
    a, b = books.funded(100), books.account()

    def batches() -> Iterator[list[Transfer]]:
        yield [books.transfer(a, b, 10)]
        yield [books.transfer(a, b, 20)]
        raise ZeroDivisionError

    given = books.ledger.post_all(batches())
    assert [told(next(given)) for _ in range(2)] == [[(True, None)]] * 2
    with pytest.raises(ZeroDivisionError):
        next(given)
    assert books.balance(b) == 30


def test_a_hold_placed_meanwhile_keeps_its_money(books: Books) -> None:
    a, b = books.funded(100), books.account()

    def batches() -> Iterator[list[Transfer]]:
        yield [books.transfer(a, b, 10)]
        until = books.now + timedelta(hours=1)
        assert holds.place(books.ledger, Hold(new_id(), a, b, 85, "EUR", Operation.P2P, until)).posted
        yield [books.transfer(a, b, 6)]
        yield [books.transfer(a, b, 5)]

    outcomes = [told(each) for each in books.ledger.post_all(batches())]
    assert outcomes == [[(True, None)], [(False, "funds")], [(True, None)]]
    books.check()


def test_a_limit_is_never_passed_by_several_streams_on_the_same_wallets(books: Books) -> None:
    limited = profile(rule(Metric.FLOW, 500, Direction.OUT, Window.DAY))
    payers = [books.funded(10_000, profile=limited) for _ in range(3)]
    payee = books.account(AccountKind.MERCHANT)
    posted: list[int] = []

    def stream(number: int) -> None:
        sent = [
            books.transfer(payers[(number + i) % 3], payee, 7, Operation.P2P_REGISTERED, reference="r")
            for i in range(120)
        ]
        for batch, outcomes in zip(batched(sent, 5), books.ledger.post_all(batched(sent, 5)), strict=True):
            posted.extend(t.amount for t, o in zip(batch, outcomes, strict=True) if o.posted)

    threads = [threading.Thread(target=stream, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(posted) == 3 * 497
    assert books.balance(payee) == 3 * 497
    books.check()


def test_limits_per_payee_hold_from_batch_to_batch(books: Books) -> None:
    month = (Direction.OUT, Window.CALENDAR_MONTH)
    limited = profile(
        rule(Metric.FLOW, 100, *month, Operation.P2P_REGISTERED, scope=Scope.PAYEE),
    )
    payer, one, other = books.funded(1_000, profile=limited), books.account(), books.account()
    registered = Operation.P2P_REGISTERED
    batches = [
        [books.transfer(payer, one, 60, registered)],
        [books.transfer(payer, one, 60)],
        [books.transfer(payer, one, 60, registered), books.transfer(payer, other, 60, registered)],
        [books.transfer(payer, one, 40, registered)],
    ]
    posted = [[posted for posted, _ in told(each)] for each in books.ledger.post_all(batches)]
    assert posted == [[True], [True], [False, True], [True]]
    books.check()


def test_limits_of_a_person_hold_over_wallets_and_batches(books: Books) -> None:
    limited = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.DAY, scope=Scope.PERSON))
    holder = new_id()
    mine = [books.funded(500, profile=limited, holder=holder) for _ in range(2)]
    payee = books.account()
    batches = [[books.transfer(mine[i % 2], payee, 40)] for i in range(4)]
    posted = [told(each)[0][0] for each in books.ledger.post_all(batches)]
    assert posted == [True, True, False, False]
    books.check()


def test_what_no_rule_measures_is_not_counted(books: Books) -> None:
    limited = profile(
        rule(Metric.FLOW, 100, Direction.OUT, Window.DAY, Operation.P2P_REGISTERED),
    )
    a, b = books.funded(500, profile=limited), books.funded(500, profile=limited)
    books.posted(books.transfer(a, b, 90, Operation.P2P_REGISTERED, reference="r"), books.transfer(a, b, 90))
    assert not books.post(books.transfer(a, b, 11, Operation.P2P_REGISTERED, reference="r"))[0].posted
    with books.database.connection() as connection:
        counted = connection.execute(
            "SELECT account_id, moved FROM ledger.usage_moved WHERE account_id = ANY(%s) AND moved <> 0",
            ([a, b],),
        ).fetchall()
    assert counted == [(a, 90)]
    books.check()


def test_ids_sent_before_are_replayed_and_other_content_is_a_conflict(books: Books) -> None:
    a, b = books.funded(100), books.account()
    sent = [books.transfer(a, b, 10) for _ in range(6)]
    books.posted(*sent[2:4])
    outcomes = [each for some in books.ledger.post_all(batched([*sent, sent[0]], 2)) for each in some]
    assert [each.replayed for each in outcomes] == [False, False, True, True, False, False, True]
    assert books.balance(b) == 60
    other = Transfer(sent[5].id, a, b, 11, "EUR", Operation.P2P)
    with pytest.raises(IdempotencyConflict):
        list(books.ledger.post_all([[other]]))
    books.check()


def test_an_error_comes_in_its_turn_and_what_came_before_stays(books: Books) -> None:
    a, b = books.funded(100), books.account()
    good = [books.transfer(a, b, 10) for _ in range(2)]
    given = books.ledger.post_all([[good[0]], [good[1]], [books.transfer(a, new_id(), 1)], good])
    assert told(next(given)) == told(next(given)) == [(True, None)]
    with pytest.raises(UnknownAccount):
        next(given)
    assert books.balance(b) == 20
    books.check()


def test_a_group_that_goes_on_in_the_next_batch_is_refused_there(books: Books, vain: list[None]) -> None:
    payer, payee, group, other = books.funded(10), books.account(), new_id(), new_id()
    first = [books.transfer(payer, payee, 1, group=group) for _ in range(2)]
    second = [books.transfer(payer, payee, 1, group=each) for each in (other, group)]
    outcomes = books.ledger.post_all([first, second])
    assert [outcome.posted for outcome in next(outcomes)] == [True, True]
    with pytest.raises(SplitGroup, match="sent before"):
        next(outcomes)
    assert books.balance(payee) == 2
    assert len(vain) == 1
    again = list(books.ledger.post_all([first]))
    assert [outcome.replayed for outcome in again[0]] == [True, True]
    books.check()


def test_whoever_stops_listening_leaves_whole_batches(books: Books) -> None:
    a, b = books.funded(1_000), books.account()
    given = books.ledger.post_all([books.transfer(a, b, 10) for _ in range(4)] for _ in range(10))
    next(given)
    given.close()
    assert books.balance(b) % 40 == 0
    books.check()


def test_a_month_for_which_no_partition_is_there_is_made(books: Books) -> None:
    a, b = books.funded(100), books.account()
    books.now = books.now.replace(year=2035)
    assert [told(each) for each in books.ledger.post_all([[books.transfer(a, b, 1)] for _ in range(3)])] == [
        [(True, None)]
    ] * 3
    books.check()
