"""Fan-in fires on smurfs, and spares collections, savings groups and small circles."""

import random

from aml_books import Book, Search
from hypothesis import given, settings
from hypothesis import strategies as st

from emoney.aml.scenarios import FanIn, read


def smurfs(book: Book, payers: int, *, funded: bool = True, cashed_out: bool = True) -> None:
    for number in range(payers):
        if funded:
            book.cash_in(f"W{number}", 210, number * 6, f"A{number}")
        book.p2p(f"W{number}", "W-collector", 200, number * 6 + 2)
    if cashed_out:
        book.cash_out("W-collector", 190 * payers, payers * 6 + 20)


def test_eight_funded_new_payers_are_an_alert_with_its_evidence(book: Book, search: Search) -> None:
    smurfs(book, 8)
    (episode,) = search(read(FanIn), book)
    assert episode.subject_ref == "W-collector"
    assert {each.part for each in episode.evidence} == {"payment", "funding", "withdrawal"}
    assert len(episode.evidence) == 17
    assert [ref for _, ref in episode.accounts] == [f"W{number}" for number in range(8)]
    assert episode.why == (
        "8 holders (8 for the first time) paid 1,600.00 GHS to this one within 3 days; 8 of them had brought "
        "the money in as cash up to 24 hours before, and 1,520.00 GHS left as cash within 48 hours after."
    )


def test_seven_payers_are_not(book: Book, search: Search) -> None:
    smurfs(book, 7)
    assert search(read(FanIn), book) == []


def test_cash_on_either_end_is_enough(book: Book, search: Search) -> None:
    smurfs(book, 8, cashed_out=False)
    (funded_only,) = search(read(FanIn), book)
    second = Book()
    smurfs(second, 8, funded=False)
    (cashed_only,) = search(read(FanIn), second)
    assert 0 < funded_only.score < 1
    assert 0 < cashed_only.score < 1


def test_a_fundraiser_whose_money_stays_is_spared(book: Book, search: Search) -> None:
    smurfs(book, 40, funded=False, cashed_out=False)
    book.cash_out("W-collector", 40 * 200 * 0.7, 245)
    assert search(read(FanIn), book) == []


def test_a_savings_group_pays_again_and_is_spared_even_when_cashed_out(book: Book, search: Search) -> None:
    for week in range(1, 6):
        for member in range(12):
            book.p2p(f"W{member}", "W-treasurer", 50, week * 168 + member)
        if week > 1:
            book.cash_out("W-treasurer", 600, week * 168 + 20)
        else:
            book.p2p("W-treasurer", "W0", 600, week * 168 + 20)
    assert search(read(FanIn), book) == []


def test_payments_to_a_merchant_are_trade(book: Book, search: Search) -> None:
    for number in range(20):
        book.cash_in(f"W{number}", 60, number)
        book.p2p(f"W{number}", "M1", 55, number + 1)
    assert search(read(FanIn), book) == []


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32), payers=st.integers(7, 14))
def test_the_order_of_rows_changes_nothing(search: Search, seed: int, payers: int) -> None:
    book = Book()
    smurfs(book, payers)
    before = search(read(FanIn), book)
    random.Random(seed).shuffle(book.rows)
    assert search(read(FanIn), book) == before
