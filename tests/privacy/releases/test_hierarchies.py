from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoney.privacy.releases.errors import InvalidHierarchy, InvalidRecord
from emoney.privacy.releases.hierarchies import MISSING, TOP, Hierarchy, read_hierarchies, shipped

REGIONS = {
    "kind": "groups",
    "belongs_to": {"gh": "west", "ng": "west", "ke": "east", "west": "af", "east": "af"},
}
NUMBERS = st.decimals(-(10**6), 10**6, places=3).map(str)
VALUES = {
    "day": st.dates(date(1900, 1, 1)).map(str),
    "age": st.integers(-5, 150).map(str),
    "amount": NUMBERS,
    "count": st.integers(0, 10**6).map(str),
    "postcode": st.text("0123456789", max_size=6),
    "code": st.sampled_from(["GHS", "KES", "EUR"]),
    "fine": NUMBERS,
    "regions": st.sampled_from(["gh", "ng", "ke"]),
}
OWN = read_hierarchies(
    {"regions": REGIONS, "fine": {"kind": "ranges", "widths": ["0.5", 2, 10], "origin": "0.25"}}
)


def named(name: str) -> Hierarchy:
    return OWN.get(name) or shipped()[name]


@given(st.data())
@pytest.mark.parametrize("name", VALUES)
def test_what_is_together_at_one_level_stays_together_above(name: str, data: st.DataObject) -> None:
    hierarchy = named(name)
    one, two = (hierarchy.levels(data.draw(VALUES[name] | st.just(""))) for _ in range(2))
    assert len(one) == len(two) == hierarchy.height + 1
    assert one[-1] == two[-1] == TOP
    together = [a == b for a, b in zip(one, two, strict=True)]
    assert together == sorted(together)


@given(NUMBERS)
def test_a_range_holds_its_number(number: str) -> None:
    for name in ("fine", "amount"):
        for label in named(name).levels(number)[1:-1]:
            low, _, high = label.partition(" to <")
            if high:
                assert Decimal(low) <= Decimal(number) < Decimal(high)


def test_levels_read_as_a_person_would_write_them() -> None:
    assert named("day").levels("2026-05-09") == (
        "2026-05-09",
        "2026-05",
        "2026-Q2",
        "2026",
        TOP,
    )
    assert named("age").levels("37") == ("37", "35 to <40", "30 to <40", "20 to <40", TOP)
    assert named("age").levels("14") == ("below 15",) * 4 + (TOP,)
    assert named("age").levels("85") == ("85 or more",) * 4 + (TOP,)
    assert named("amount").levels("1234.50")[:3] == ("1234.5", "1000 to <2000", "1000 to <10000")
    assert named("postcode").levels("10117") == ("10117", "1011…", "101…", "10…", "1…", TOP)
    assert named("regions").levels("ke") == ("ke", "east", "af", TOP)
    assert named("code").levels("") == (MISSING, TOP)
    assert named("day").name(1) == "month"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("day", "31.03.2026"),
        ("day", "2026-02-30"),
        ("amount", "1,234"),
        ("amount", "NaN"),
        ("amount", "Infinity"),
        ("amount", "1e30"),
        ("age", "forty"),
        ("code", "PLANTED\n"),
        ("code", "P" * 201),
        ("regions", "PLANTED"),
    ],
)
def test_a_value_of_another_kind_is_refused_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(InvalidRecord) as refused:
        named(name).levels(value)
    assert value not in str(refused.value)
    assert "PLANTED" not in str(refused.value)


@pytest.mark.parametrize(
    "hierarchy",
    [
        {"kind": "dates", "steps": ["year", "month"]},
        {"kind": "dates", "steps": ["week"]},
        {"kind": "dates", "steps": []},
        {"kind": "ranges", "widths": [5, 12]},
        {"kind": "ranges", "widths": [5, 5]},
        {"kind": "ranges", "widths": [0]},
        {"kind": "ranges", "widths": [5], "low": 10, "high": 10},
        {"kind": "edges", "steps": [[1, 10], [5]]},
        {"kind": "edges", "steps": [[10, 1]]},
        {"kind": "prefixes", "keep": [2, 3]},
        {"kind": "groups", "belongs_to": {"a": "b", "b": "a"}},
        {"kind": "groups", "belongs_to": {"a": "b", "b": "c", "d": "c"}},
        {"kind": "groups", "belongs_to": {"x": "a", "a": "b", "b": "a"}},
        {"kind": "shuffle"},
        {"kind": "dates", "steps": ["day"], "more": 1},
        None,
    ],
)
def test_a_hierarchy_that_does_not_lead_from_fine_to_coarse_is_refused(hierarchy: object) -> None:
    with pytest.raises(InvalidHierarchy, match="hierarchy bad"):
        read_hierarchies({"bad": hierarchy})
