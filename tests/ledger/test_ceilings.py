"""Ceilings: no balance rises above, decided in Python and held by the database."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from books import NOON, Books, on_database
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import AccountKind, Operation, Transfer, account_changes, holds, reversals
from emoney.ledger.base.errors import IntegrityViolation
from emoney.ledger.base.ids import new_id
from emoney.ledger.posting import locked as posting
from emoney.ledger.posting import optimistic
from emoney.ledger.posting.account_state import AccountState
from emoney.ledger.posting.decide import Decision, decide
from emoney.ledger.transfers.transfer import Outcome, Refusal

HOUR = timedelta(hours=1)


def capped(books: Books, account: UUID, ceiling: int) -> UUID:
    """The account, under a ceiling."""
    account_changes.set_bounds(
        books.ledger, account, floor=None, ceiling=ceiling, actor="ops-1", reason="risk"
    )
    return account


def post(
    books: Books, debit: UUID, credit: UUID, amount: int, operation: Operation = Operation.P2P
) -> Outcome:
    """One transfer's outcome."""
    (outcome,) = books.post(books.transfer(debit, credit, amount, operation, reference="r"))
    return outcome


def test_a_credit_above_the_ceiling_is_refused_with_its_numbers(books: Books) -> None:
    payer, payee = books.funded(500), capped(books, books.funded(70), 100)
    assert post(books, payer, payee, 31).refusal == Refusal(
        "account.ceiling", "deny", "ledger rule", limit=100, used=70, headroom=30
    )
    assert post(books, payer, payee, 30).posted
    assert post(books, payer, payee, 1).refusal is not None
    assert post(books, payee, payer, 100).posted
    books.check()


def test_a_ceiling_of_funds_stops_what_raises_them(books: Books) -> None:
    funds = capped(books, books.account(AccountKind.SAFEGUARDING), 1000)
    wallet = books.account()
    assert post(books, funds, wallet, 1000, Operation.LOAD).posted
    refused = post(books, funds, wallet, 1, Operation.LOAD).refusal
    assert refused is not None
    assert (refused.rule, refused.headroom) == ("account.ceiling", 0)
    books.posted(books.transfer(wallet, funds, 1, Operation.REDEEM_BANK))
    assert post(books, funds, wallet, 1, Operation.LOAD).posted
    books.check()


def test_a_batch_is_measured_in_order_and_a_group_as_one(books: Books) -> None:
    payer, payee = books.funded(500), capped(books, books.account(), 100)
    outcomes = books.post(
        books.transfer(payer, payee, 80),
        books.transfer(payer, payee, 30),
        books.transfer(payee, payer, 20),
        books.transfer(payer, payee, 40),
    )
    assert [outcome.posted for outcome in outcomes] == [True, False, True, True]
    group = new_id()
    linked = books.post(
        books.transfer(payee, payer, 50, group=group), books.transfer(payer, payee, 51, group=group)
    )
    assert [outcome.refusal.rule for outcome in linked if outcome.refusal] == ["linked", "account.ceiling"]
    assert books.balance(payee) == 100
    books.check()


def test_what_is_held_for_an_account_counts_when_it_is_captured(books: Books) -> None:
    payer, payee = books.funded(500), capped(books, books.account(), 100)
    placed = [holds.Hold(new_id(), payer, payee, 80, "EUR", Operation.P2P, NOON + HOUR) for _ in range(2)]
    assert all(holds.place(books.ledger, hold).posted for hold in placed)
    assert holds.capture(books.ledger, placed[0].id, new_id()).posted
    late = holds.capture(books.ledger, placed[1].id, new_id())
    assert late.refusal is not None
    assert (late.refusal.rule, late.refusal.headroom) == ("account.ceiling", 20)
    assert holds.capture(books.ledger, placed[1].id, new_id(), 20).posted
    books.check()


def test_a_refund_respects_the_ceiling_of_whom_it_goes_to(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    paid = books.transfer(payer, payee, 100)
    books.posted(paid)
    capped(books, payer, 60)
    refused = reversals.refund(books.ledger, paid.id, new_id(), reason="returned").refusal
    assert refused is not None
    assert refused.rule == "account.ceiling"
    assert reversals.refund(books.ledger, paid.id, new_id(), 60, reason="returned").posted


def test_a_ceiling_that_the_decision_ignored_is_still_enforced(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, payee = books.funded(500), capped(books, books.account(), 100)
    before = books.dump()

    def blind(
        todo: Sequence[Transfer], states: dict[UUID, AccountState], now: datetime, **_: bool
    ) -> list[Decision]:
        for state in states.values():
            state.ceiling = None
        return decide(todo, states, now)

    for decider in (posting, optimistic):
        monkeypatch.setattr(decider, "decide", blind)
    with pytest.raises(IntegrityViolation, match="account_ceiling"):
        post(books, payer, payee, 101)
    assert books.dump() == before


def test_many_at_once_never_pass_a_ceiling(books: Books) -> None:
    payee = capped(books, books.account(), 100)
    payers = [books.funded(100) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        posted = list(pool.map(lambda payer: post(books, payer, payee, 7).posted, payers * 3))
    assert sum(posted) == 14
    assert books.balance(payee) == 98
    books.check()


@on_database(40)
@given(st.integers(0, 200), st.lists(st.tuples(st.booleans(), st.integers(1, 120)), max_size=10))
def test_what_a_ceiling_lets_through(
    shared_books: Books, ceiling: int, moves: list[tuple[bool, int]]
) -> None:
    books = shared_books
    rich, capped_ = books.funded(1000), capped(books, books.account(), ceiling)
    sent = [books.transfer(*((rich, capped_) if up else (capped_, rich)), amount) for up, amount in moves]
    expected, balance = [], 0
    for up, amount in moves:
        after = balance + amount if up else balance - amount
        expected.append(0 <= after <= ceiling)
        balance = after if expected[-1] else balance
    assert [outcome.posted for outcome in books.post(*sent)] == expected
    assert books.balance(capped_) == balance
