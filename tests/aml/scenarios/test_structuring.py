"""Structuring fires on cash kept below the threshold, and only on that."""

import random
from pathlib import Path

import pytest
from aml_books import Book, Search
from hypothesis import given, settings
from hypothesis import strategies as st

from emoney import data
from emoney.aml.errors import InvalidScenario
from emoney.aml.scenarios import Structuring, load, read


def test_three_cash_ins_just_below_the_threshold_are_an_alert(book: Book, search: Search) -> None:
    book.cash_in("W1", 4_900, 0, "A1")
    book.cash_in("W1", 4_950.50, 30, "A2")
    book.cash_in("W1", 4_000, 100, "A1")
    (episode,) = search(read(Structuring), book)
    assert episode.subject_ref == "W1"
    assert book.references(episode) == ["T0", "T1", "T2"]
    assert episode.why == (
        "3 cash-ins at 2 agents within 5 days, each at most 20% below the reporting threshold of 5,000.00 "
        "GHS, together 13,850.50 GHS."
    )
    assert 0.5 <= episode.score <= 1


@pytest.mark.parametrize("amounts", [(4_900, 4_900), (4_900, 4_900, 3_999.99), (4_900, 4_900, 5_000)])
def test_two_are_not_nor_is_one_outside_the_band(
    amounts: tuple[float, ...], book: Book, search: Search
) -> None:
    for number, amount in enumerate(amounts):
        book.cash_in("W1", amount, 24 * number)
    assert search(read(Structuring), book) == []


@pytest.mark.parametrize(("last_hours", "alerts"), [(6 * 24, 1), (7 * 24, 0)])
def test_the_window_is_seven_calendar_days(last_hours: int, alerts: int, book: Book, search: Search) -> None:
    for hours in (0, 24, last_hours):
        book.cash_in("W1", 4_900, hours)
    assert len(search(read(Structuring), book)) == alerts


def test_a_trader_who_is_reported_anyway_is_spared(book: Book, search: Search) -> None:
    for day, amount in enumerate((7_200, 4_300, 9_100, 4_800, 4_600, 11_000)):
        book.cash_in("W1", amount, 24 * day)
    assert search(read(Structuring), book) == []


def test_two_bursts_far_apart_are_two_episodes(book: Book, search: Search) -> None:
    for hours in (0, 24, 48, 24 * 20, 24 * 21, 24 * 22):
        book.cash_in("W1", 4_900, hours)
    first, second = search(read(Structuring), book)
    assert first.window_end < second.window_start
    assert (len(first.evidence), len(second.evidence)) == (3, 3)


def test_agents_and_merchants_are_no_subjects(book: Book, search: Search) -> None:
    for hours in (0, 24, 48):
        book.cash_in("M1", 4_900, hours)
    assert search(read(Structuring), book) == []


def test_a_currency_without_a_threshold_is_skipped_and_said_so(search: Search) -> None:
    scenario = read(Structuring)
    assert list(scenario.skipped(["GHS", "XAF"])) == ["XAF"]
    assert "XAF" in scenario.skipped(["XAF"])["XAF"]
    book = Book("XAF")
    for hours in (0, 24, 48):
        book.cash_in("W1", 4_900, hours)
    assert search(scenario, book) == []


def test_an_operator_states_a_threshold_of_their_own(tmp_path: Path, search: Search) -> None:
    shipped = data.folder("scenarios").joinpath("structuring.yaml").read_text(encoding="utf-8")
    (tmp_path / "structuring.yaml").write_text(shipped.replace("default: null", 'default: "1000"'), "utf-8")
    scenario = load(tmp_path)[0]
    assert scenario.version != read(Structuring).version
    assert scenario.skipped(["KES"]) == {}
    book = Book("KES")
    for hours in (0, 24, 48):
        book.cash_in("W1", 900, hours)
    assert len(search(scenario, book)) == 1


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("value: 3\n", "value: 1\n", "cash_ins_min"),
        ("window_days:", "window:", "window"),
        ("typology: placement\n", "", "typology"),
        ("value: 0.75\n    unit", "unit", "below_share_min"),
        ("title:", "\ttitle:", "YAML"),
        ("[cash_in]", "[cash]", "operations"),
        ("GBP:", "GBX:", "thresholds"),
        ('"10000"', '"-1"', "thresholds"),
    ],
)
def test_a_wrong_parameter_file_is_refused_by_name(old: str, new: str, named: str, tmp_path: Path) -> None:
    shipped = data.folder("scenarios").joinpath("structuring.yaml").read_text(encoding="utf-8")
    assert old in shipped
    (tmp_path / "structuring.yaml").write_text(shipped.replace(old, new), "utf-8")
    with pytest.raises(InvalidScenario, match=named):
        load(tmp_path)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32), cash_ins=st.integers(6, 18))
def test_the_order_of_rows_changes_nothing(search: Search, seed: int, cash_ins: int) -> None:
    chance = random.Random(seed)
    book = Book()
    for _ in range(cash_ins):
        book.cash_in(f"W{chance.randrange(4)}", chance.uniform(3_900, 5_100), chance.uniform(0, 300))
    scenario = read(Structuring)
    before = search(scenario, book)
    chance.shuffle(book.rows)
    assert search(scenario, book) == before
