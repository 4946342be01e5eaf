"""A hold counts once in a limit on the number of transfers, however many captures it ends in."""

from datetime import timedelta

import pytest
from books import Books, profile, rule

from emoney.ledger import Operation, holds, reversals
from emoney.ledger.base.ids import new_id
from emoney.ledger.holds import Hold
from emoney.ledger.limits.rules import Direction, Metric, Window


@pytest.mark.parametrize("refunded", [1, 2])
def test_refunds_of_captures_give_back_no_more_than_their_hold_counted(books: Books, refunded: int) -> None:
    """One other payment was counted beside the hold; it stays counted when captures are given back."""
    twice = rule(Metric.COUNT, 2, Direction.OUT, Window.DAY, Operation.P2P)
    payer, payee = books.funded(100, profile=profile(twice)), books.account()
    books.posted(books.transfer(payer, payee, 10, Operation.P2P))
    hold = Hold(new_id(), payer, payee, 60, "EUR", Operation.P2P, books.now + timedelta(hours=1))
    assert holds.place(books.ledger, hold).posted
    captures = [new_id(), new_id()]
    for capture in captures:
        assert holds.capture(books.ledger, hold.id, capture, 30, release_rest=False).posted
    for capture in captures[:refunded]:
        assert reversals.refund(books.ledger, capture, new_id(), reason="goods returned").posted
    left = refunded - 1  # the hold's number comes back with the last of its money
    outcomes = [books.post(books.transfer(payer, payee, 1, Operation.P2P))[0].posted for _ in range(3)]
    assert outcomes.count(True) == left
    books.check()
