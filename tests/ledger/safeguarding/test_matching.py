"""Matching by amount: one to one, the same amount, near in time, never against a reference."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger.safeguarding.matching import AMOUNT_MATCH_DAYS, Item, Side, match_by_amount

FIRST = date(2026, 3, 10)
items = st.lists(
    st.builds(
        Item,
        st.sampled_from(Side),
        st.integers(0, 20).map(lambda n: FIRST + timedelta(days=n)),
        st.sampled_from([1, 2, -1]),
        st.sampled_from([None, "a"]),
    ),
    max_size=30,
)


@given(found=items)
def test_pairs_agree_and_nothing_near_is_left_over(found: list[Item]) -> None:
    pairs = match_by_amount(found)
    used = [id(item) for pair in pairs for item in pair]
    assert len(set(used)) == len(used)
    for booked, at_bank in pairs:
        assert (booked.side, at_bank.side, at_bank.reference) == (Side.BOOKS, Side.BANK, None)
        assert booked.amount == at_bank.amount
        assert abs(booked.day - at_bank.day).days <= AMOUNT_MATCH_DAYS
    left = [item for item in found if id(item) not in used]
    for booked in (item for item in left if item.side is Side.BOOKS):
        for at_bank in (item for item in left if item.side is Side.BANK and item.reference is None):
            far = abs(booked.day - at_bank.day).days > AMOUNT_MATCH_DAYS
            assert far or booked.amount != at_bank.amount


def test_the_nearest_day_wins_and_the_earlier_of_two_as_near() -> None:
    booked = [Item(Side.BOOKS, FIRST + timedelta(days=n), 5, f"r{n}") for n in (0, 2, 3, 9)]
    at_bank = Item(Side.BANK, FIRST + timedelta(days=1), 5, None)
    assert match_by_amount([*booked, at_bank]) == [(booked[0], at_bank)]
