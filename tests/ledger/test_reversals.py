"""Refunds and reversals: never more than the original, and limits get back what they counted of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from books import Books, on_database, profile, rule
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import Operation, reversals
from emoney.ledger.base.errors import IdempotencyConflict, InvalidInput, InvalidReference, UnknownTransfer
from emoney.ledger.base.ids import new_id
from emoney.ledger.limits.rules import Direction, Metric, Window
from emoney.ledger.reports import statements
from emoney.ledger.transfers.transfer import Outcome

A_DAY = profile(
    rule(Metric.FLOW, 100, Direction.OUT, Window.DAY), rule(Metric.COUNT, 2, Direction.OUT, Window.DAY)
)


def paid(books: Books, payer: UUID, payee: UUID, amount: int) -> UUID:
    """A payment that was posted."""
    transfer = books.transfer(payer, payee, amount, Operation.P2P)
    books.posted(transfer)
    return transfer.id


def refund(books: Books, original: UUID, amount: int | None = None) -> Outcome:
    """A refund under a new id."""
    return reversals.refund(books.ledger, original, new_id(), amount, reason="goods returned")


def test_a_full_refund_moves_the_money_back_once(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    original, again = paid(books, payer, payee, 60), new_id()
    for replayed in (False, True):
        outcome = reversals.refund(books.ledger, original, again, reason="goods returned")
        assert (outcome.posted, outcome.replayed) == (True, replayed)
    assert (books.balance(payer), books.balance(payee)) == (100, 0)
    with books.database.connection() as connection:
        kept = connection.execute(
            "SELECT original_id, amount, reason FROM ledger.reversal WHERE transfer_id = %s", (again,)
        ).fetchall()
        back = list(statements.lines(connection, payer))[-1]
    assert kept == [(original, 60, "goods returned")]
    assert (back.operation, back.transfer_id, back.reference) == (Operation.REFUND, again, str(original))
    books.check()


@pytest.mark.parametrize("give_back", [reversals.refund, reversals.reverse])
def test_the_operators_own_reference_stands_behind_the_originals_id(
    books: Books, give_back: Callable[..., Outcome]
) -> None:
    payer, payee = books.funded(100), books.account()
    original, sent = paid(books, payer, payee, 60), {"reason": "returned", "reference": "case 7"}
    again = new_id()
    for replayed in (False, True):
        outcome = give_back(books.ledger, original, again, 10, **sent)
        assert (outcome.posted, outcome.replayed) == (True, replayed)
    assert give_back(books.ledger, original, new_id(), 51, **sent).refusal is not None
    with books.database.connection() as connection:
        (refused,) = connection.execute("SELECT reference FROM ledger.refusal").fetchall()
        back = list(statements.lines(connection, payer))[-1]
    assert back.reference == refused[0] == f"{original}: case 7"
    before = books.dump()
    with pytest.raises(IdempotencyConflict):
        give_back(books.ledger, original, again, 10, reason="returned")
    for reference in ("", "x" * 91, "a\0b"):
        with pytest.raises(InvalidReference):
            give_back(books.ledger, original, new_id(), 1, reason="returned", reference=reference)
    assert books.dump() == before
    assert give_back(books.ledger, original, new_id(), 1, reason="returned", reference="x" * 90).posted


def test_partial_refunds_never_pass_the_original(books: Books) -> None:
    payer, payee = books.funded(200), books.account()
    original = paid(books, payer, payee, 60)
    paid(books, payer, payee, 100)
    assert refund(books, original, 25).posted
    over = refund(books, original, 36)
    assert over.refusal is not None
    assert (over.refusal.rule, over.refusal.headroom) == ("original.amount", 35)
    assert refund(books, original).posted
    assert refund(books, original).refusal is not None
    assert books.balance(payee) == 100
    books.check()


def test_a_refund_needs_the_funds(books: Books) -> None:
    payer, payee, other = books.funded(100), books.account(), books.account()
    original = paid(books, payer, payee, 60)
    books.posted(books.transfer(payee, other, 50))
    refused = refund(books, original)
    assert refused.refusal is not None
    assert refused.refusal.rule == "funds"
    assert refund(books, original, 10).posted
    books.check()


def test_limits_get_back_what_they_counted_in_the_window_of_the_original(books: Books) -> None:
    payer, payee = books.funded(1000, profile=A_DAY), books.account()
    first = paid(books, payer, payee, 60)
    paid(books, payer, payee, 40)
    assert books.post(books.transfer(payer, payee, 1, Operation.P2P))[0].refusal is not None
    assert refund(books, first, 20).posted
    counted = books.post(books.transfer(payer, payee, 20, Operation.P2P))[0].refusal
    assert counted is not None
    assert counted.limit == 2
    assert refund(books, first).posted
    over = books.post(books.transfer(payer, payee, 61, Operation.P2P))[0].refusal
    assert over is not None
    assert (over.limit, over.used, over.headroom) == (100, 40, 60)
    books.posted(books.transfer(payer, payee, 60, Operation.P2P))
    books.check()


def test_a_refund_on_a_later_day_gives_nothing_to_that_day(books: Books) -> None:
    payer, payee = books.funded(1000, profile=A_DAY), books.account()
    original = paid(books, payer, payee, 60)
    books.now += timedelta(days=1)
    assert refund(books, original).posted
    over = books.post(books.transfer(payer, payee, 101, Operation.P2P))[0].refusal
    assert over is not None
    assert over.headroom == 100
    books.check()


def test_a_refund_is_under_no_limit_of_the_receiver(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    original = paid(books, payer, payee, 60)
    books.set_profile(payee, profile(rule(Metric.FLOW, 1, Direction.OUT, Window.DAY), rule(Metric.SINGLE, 1)))
    assert refund(books, original).posted


def test_what_gives_back_is_not_given_back_and_not_posted_by_hand(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    original, back = paid(books, payer, payee, 60), new_id()
    assert reversals.reverse(books.ledger, original, back, reason="posted twice").posted
    before = books.dump()
    with pytest.raises(InvalidInput):
        refund(books, back)
    with pytest.raises(UnknownTransfer):
        refund(books, new_id())
    with pytest.raises(InvalidInput):
        books.post(books.transfer(payer, payee, 1, Operation.REFUND))
    for reason in ("", "x" * 501, "a\nb"):
        with pytest.raises(InvalidInput):
            reversals.refund(books.ledger, original, new_id(), reason=reason)
    with pytest.raises(IdempotencyConflict):
        reversals.reverse(books.ledger, original, back, reason="another reason")
    assert books.dump() == before


def test_many_at_once_never_give_back_more_than_the_original(books: Books) -> None:
    payer, payee = books.funded(200), books.account()
    original = paid(books, payer, payee, 50)
    paid(books, payer, payee, 150)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: refund(books, original, 7).posted, range(16)))
    assert sum(outcomes) == 7
    assert books.balance(payer) == 49
    books.check()


def test_the_database_itself_sums_what_is_given_back(books: Books) -> None:
    payer, payee = (
        books.funded(200, profile=profile(rule(Metric.FLOW, 500, Direction.OUT, Window.DAY))),
        books.account(),
    )
    original, other = paid(books, payer, payee, 50), paid(books, payer, payee, 60)
    assert refund(books, original).posted
    before = books.dump()
    for transfer, amount in ((other, 60), (original, 50)):
        with (
            pytest.raises(psycopg.errors.IntegrityConstraintViolation),
            books.database.connection() as connection,
        ):
            connection.execute(
                "INSERT INTO ledger.reversal (transfer_id, original_id, amount, reason, at)"
                " VALUES (%s, %s, %s, 'forged', now())",
                (transfer, original, amount),
            )
    with pytest.raises(psycopg.Error), books.database.connection() as connection:
        connection.execute("UPDATE ledger.account SET counters = NULL")
    assert books.dump() == before


@on_database(15)
@given(st.integers(1, 100), st.lists(st.integers(1, 60), max_size=6))
def test_what_was_given_back_is_what_came_back(shared_books: Books, amount: int, parts: list[int]) -> None:
    books = shared_books
    payer, payee = books.funded(100), books.account()
    original, left = paid(books, payer, payee, amount), amount
    for part in parts:
        assert refund(books, original, part).posted is (part <= left)
        left -= part if part <= left else 0
    assert (books.balance(payer), books.balance(payee)) == (100 - left, left)
