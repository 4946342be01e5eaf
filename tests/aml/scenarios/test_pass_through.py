"""Pass-through fires on mules, and spares relays of one relative and accounts with other business."""

import random

import pytest
from aml_books import Book, Search
from hypothesis import given, settings
from hypothesis import strategies as st

from emoney.aml.scenarios import PassThrough, read


def mule(book: Book, passes: int, *, payers: int = 2, kept: float = 0.04, hours: float = 3) -> None:
    for number in range(passes):
        amount = 1_000 + 100 * number
        book.p2p(f"W{number % payers}", "W-mule", amount, number * 48)
        book.cash_out("W-mule", amount * (1 - kept), number * 48 + hours)


def test_three_receipts_of_two_payers_passed_on_are_an_alert(book: Book, search: Search) -> None:
    mule(book, 3)
    (episode,) = search(read(PassThrough), book)
    assert episode.subject_ref == "W-mule"
    assert [each.part for each in episode.evidence] == ["in", "out"] * 3
    assert [ref for _, ref in episode.accounts] == ["W0", "W1"]
    assert episode.why == (
        "3 receipts from 2 holders, together 3,300.00 GHS, left again within 3 hours each (3,168.00 GHS): "
        "100% of what this holder received in 5 days."
    )


@pytest.mark.parametrize(
    "shape",
    [
        {"passes": 2},
        {"passes": 5, "payers": 1},
        {"passes": 5, "kept": 0.11},
        {"passes": 5, "hours": 24.1},
    ],
)
def test_too_few_one_payer_much_kept_or_held_long_are_not(
    shape: dict[str, float], book: Book, search: Search
) -> None:
    mule(book, **shape)
    assert search(read(PassThrough), book) == []


def test_just_inside_the_limits_is(book: Book, search: Search) -> None:
    mule(book, 3, kept=0.1, hours=24)
    assert len(search(read(PassThrough), book)) == 1


def test_an_account_with_more_other_receipts_is_spared(book: Book, search: Search) -> None:
    mule(book, 3)
    book.cash_in("W-mule", 3_301, 50)
    assert search(read(PassThrough), book) == []


def test_money_sent_back_to_its_payer_is_no_pass(book: Book, search: Search) -> None:
    for number in range(4):
        book.p2p(f"W{number}", "W-lender", 500, number * 24)
        book.p2p("W-lender", f"W{number}", 490, number * 24 + 2)
    assert search(read(PassThrough), book) == []


def test_one_way_out_serves_one_receipt(book: Book, search: Search) -> None:
    for number in range(3):
        book.p2p(f"W{number}", "W-mule", 1_000, number)
    book.cash_out("W-mule", 960, 5)
    assert search(read(PassThrough), book) == []


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32), passes=st.integers(2, 8))
def test_the_order_of_rows_changes_nothing(search: Search, seed: int, passes: int) -> None:
    book = Book()
    mule(book, passes)
    before = search(read(PassThrough), book)
    random.Random(seed).shuffle(book.rows)
    assert search(read(PassThrough), book) == before
