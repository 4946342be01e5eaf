"""A refused transfer leaves all but its own refusal and claim byte-identical, whatever rule refused it."""

from collections.abc import Callable
from uuid import UUID

import pytest
from books import Books, profile, rule
from ways import WAYS

from emoney.ledger import account_changes, holds
from emoney.ledger.base.ids import new_id
from emoney.ledger.holds import Hold
from emoney.ledger.limits.rules import Direction, LimitRule, Metric, Scope, Window

ITS_OWN = ("claim", "refusal")
Sides = tuple[UUID, UUID]


def frozen(books: Books) -> Sides:
    payer, payee = books.funded(500), books.account()
    books.freeze(payer, debit=True, credit=False)
    return payer, payee


def capped(books: Books) -> Sides:
    payer, payee = books.funded(500), books.funded(70)
    account_changes.set_bounds(books.ledger, payee, floor=None, ceiling=79, actor="ops-1", reason="risk")
    return payer, payee


def held(books: Books) -> Sides:
    payer, payee = books.funded(500), books.account()
    transfer = books.transfer(payer, payee, 491)
    hold = Hold(new_id(), payer, payee, 491, "EUR", transfer.operation, books.now.replace(year=2030))
    assert holds.place(books.ledger, hold).posted
    return payer, payee


def payer_under(limit: LimitRule) -> Callable[[Books], Sides]:
    """A payer under a limit of which 5 are used; `payee_under` likewise."""

    def made(books: Books) -> Sides:
        payer, payee = books.funded(500, profile=profile(limit), holder=new_id()), books.account()
        books.posted(books.transfer(payer, payee, 5))
        return payer, payee

    return made


def payee_under(limit: LimitRule) -> Callable[[Books], Sides]:
    def made(books: Books) -> Sides:
        payer, payee = books.funded(500), books.funded(0, profile=profile(limit))
        books.posted(books.transfer(payer, payee, 5))
        return payer, payee

    return made


RULES: dict[str, Callable[[Books], Sides]] = {
    "funds": lambda books: (books.funded(9), books.account()),
    "funds, held": held,
    "frozen": frozen,
    "ceiling": capped,
    "flow of a day": payer_under(rule(Metric.FLOW, 14, Direction.OUT, Window.DAY)),
    "count of a month": payer_under(rule(Metric.COUNT, 1, Direction.OUT, Window.CALENDAR_MONTH)),
    "single": payer_under(rule(Metric.SINGLE, 9, Direction.OUT)),
    "flow of a person": payer_under(rule(Metric.FLOW, 14, Direction.OUT, Window.DAY, scope=Scope.PERSON)),
    "flow received": payee_under(rule(Metric.FLOW, 14, Direction.IN, Window.DAY)),
    "balance": payee_under(rule(Metric.BALANCE, 14, None)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("why", RULES)
def test_a_refused_transfer_leaves_every_other_row_as_it_was(shared_books: Books, why: str, way: str) -> None:
    books = shared_books
    payer, payee = RULES[why](books)
    before = books.dump(without=ITS_OWN)
    outcomes = WAYS[way](books, [books.transfer(payer, payee, 10) for _ in range(18)])
    assert len(outcomes) == 18
    assert all(outcome.refusal for outcome in outcomes)
    assert books.dump(without=ITS_OWN) == before


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("why", RULES)
def test_a_group_with_one_that_is_refused_leaves_every_other_row_as_it_was(
    shared_books: Books, why: str, ahead: bool
) -> None:
    books = shared_books
    payer, payee = RULES[why](books)
    rich, other, group = books.funded(100), books.account(), new_id()
    linked = [books.transfer(rich, other, 1, group=group) for _ in range(17)]
    before = books.dump(without=ITS_OWN)
    sent = [*linked, books.transfer(payer, payee, 10, group=group)]
    outcomes = next(books.ledger.post_all([sent])) if ahead else books.ledger.post(sent)
    assert len(outcomes) == 18
    assert all(outcome.refusal for outcome in outcomes)
    assert books.dump(without=ITS_OWN) == before
