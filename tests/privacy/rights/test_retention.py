"""Retention rules: which applies, the longest of several, and what nothing is known of stays."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger.base.declarations import Category
from emoney.privacy.rights import retention
from emoney.privacy.rights.retention import duty

ENDS = st.dates(date(2018, 1, 1), date(2090, 1, 1))
PLACES = st.sampled_from(["GH", "KE", "DE", "FR", "EU", "XX"])


@pytest.mark.parametrize(
    ("place", "ended", "until", "source"),
    [
        ("GH", date(2026, 6, 10), date(2031, 6, 10), "FATF"),
        ("DE", date(2027, 7, 9), date(2032, 7, 9), "2015/849"),
        ("DE", date(2027, 7, 10), date(2032, 7, 10), "2024/1624"),
        ("GH", date(2028, 2, 29), date(2033, 2, 28), "FATF"),
    ],
)
def test_a_duty_runs_from_the_end_by_the_rule_of_that_day(
    place: str, ended: date, until: date, source: str
) -> None:
    owed = duty([place], ended)
    assert owed.until == until
    assert source in owed.source


def test_the_last_day_still_belongs_to_the_duty() -> None:
    owed = duty(["GH"], date(2026, 6, 10))
    assert not owed.over(date(2031, 6, 10))
    assert owed.over(date(2031, 6, 11))


def test_while_the_relationship_goes_on_there_is_no_last_day() -> None:
    owed = duty(["DE"], None)
    assert owed.until is None
    assert "2024/1624" in owed.source
    assert not owed.over(date.max)


def test_what_no_rule_covers_is_kept_without_an_end() -> None:
    assert duty(["GH"], date(2001, 1, 1)).until is None
    assert duty([], date(2026, 6, 10)).until == date(2031, 6, 10)


@given(st.lists(PLACES, min_size=1, max_size=4), PLACES, ENDS)
def test_another_jurisdiction_never_shortens_a_duty(places: list[str], other: str, ended: date) -> None:
    fewer, more = duty(places, ended).until, duty([*places, other], ended).until
    assert fewer is not None
    assert more is not None
    assert more >= fewer >= ended + timedelta(days=5 * 365)


def test_every_category_that_leads_to_a_person_has_a_rule_everywhere() -> None:
    for category in set(Category) - {Category.NONE, Category.KEY_MATERIAL}:
        assert retention.of("XX", category, date(2026, 6, 10)), category
    assert all(rule.source and rule.ground for rule in retention.rules())
