import random
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date
from uuid import uuid4

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emoney.ledger.base.errors import MissingExtra
from emoney.privacy.releases.anonymity import Anonymised, anonymise, judge
from emoney.privacy.releases.errors import CannotAnonymise, InvalidPlan, InvalidRecord
from emoney.privacy.releases.plans import Plan, load_plan, plan_names, read_plan

Row = Sequence[str]


def plan(k: int = 3, l: int = 2, t: float = 1.0, suppress: float = 0.2, **changed: object) -> Plan:  # noqa: E741
    return Plan.model_validate(
        {
            "name": "study",
            "purpose": "a study",
            "subject": "holder",
            "k": k,
            "suppress_max": suppress,
            "quasi_identifiers": {"enrolled_on": {"hierarchy": "day"}, "age": {"hierarchy": "age"}},
            "sensitive": {"tier": {"l": l, "t": t}},
        }
        | changed
    )


def record(day: str = "2026-03-10", age: int = 40, tier: str = "basic") -> dict[str, object]:
    return {"holder": uuid4(), "enrolled_on": day, "age": age, "tier": tier, "name": "Planted"}


RECORDS = st.lists(
    st.builds(
        record,
        st.dates(date(2020, 1, 1), date(2022, 12, 31)).map(date.isoformat),
        st.integers(10, 95),
        st.sampled_from(["basic", "medium", "full"]),
    ),
    min_size=1,
    max_size=60,
)


def classes(rows: Sequence[Row], width: int) -> dict[Row, list[str]]:
    found: dict[Row, list[str]] = defaultdict(list)
    for row in rows:
        found[tuple(row[:width])].append(row[width])
    return found


def farthest(rows: Sequence[Row], width: int) -> float:
    whole = Counter(row[width] for row in rows)
    return max(
        sum(abs(group.count(value) / len(group) - n / len(rows)) for value, n in whole.items()) / 2
        for group in classes(rows, width).values()
    )


@settings(deadline=None)
@given(
    RECORDS, st.integers(2, 6), st.integers(1, 3), st.sampled_from([0.1, 0.3, 1.0]), st.sampled_from([0, 0.3])
)
def test_whatever_is_released_satisfies_k_l_and_t_counted_anew(
    records: list[dict[str, object]],
    k: int,
    l: int,  # noqa: E741
    t: float,
    suppress: float,
) -> None:
    """Computed here from the definitions, and not by the search or by pyCANON."""
    wanted = plan(k, l, t, suppress)
    try:
        made = anonymise(wanted, records)
    except CannotAnonymise:
        # all withheld is one class of all: refused only when even that is too few or too much alike
        assert len(records) < k or len({each["tier"] for each in records}) < l
        return
    groups = classes(made.rows, 2)
    assert min(map(len, groups.values())) == made.verdict.k >= k
    assert min(len(set(group)) for group in groups.values()) == made.verdict.sensitive["tier"].l >= l
    assert farthest(made.rows, 2) == pytest.approx(made.verdict.sensitive["tier"].t, abs=1e-9)
    assert farthest(made.rows, 2) <= t + 1e-9
    assert made.suppressed + len(made.rows) == len(records)
    assert made.suppressed <= suppress * len(records)
    assert made.columns == ("enrolled_on", "age", "tier")
    assert made.withheld == ("name",)
    assert not any("Planted" in cell for row in made.rows for cell in row)


@settings(deadline=None, max_examples=30)
@given(RECORDS, st.randoms())
def test_what_leaves_does_not_depend_on_the_order_the_records_came_in(
    records: list[dict[str, object]], shuffler: random.Random
) -> None:
    assume(len({each["tier"] for each in records}) > 1 and len(records) > 2)
    shuffled = list(records)
    shuffler.shuffle(shuffled)
    one, two = anonymise(plan(), records), anonymise(plan(), shuffled)
    assert (one.rows, one.generalised, one.suppressed) == (two.rows, two.generalised, two.suppressed)
    assert list(one.rows) == sorted(one.rows)


def spread(days: int = 28, ages: Sequence[int] = (20, 60)) -> list[dict[str, object]]:
    tiers = ("basic", "medium")
    return [
        record(f"2026-03-{day + 1:02}", age, tier) for day in range(days) for age in ages for tier in tiers
    ]


def test_no_more_is_generalised_than_it_takes() -> None:
    assert made_levels(anonymise(plan(k=2), spread())) == ("as it is", "as it is")
    assert made_levels(anonymise(plan(k=28), spread())) == ("month", "as it is")
    assert made_levels(anonymise(plan(k=57), spread())) == ("month", "withheld")


def made_levels(made: Anonymised) -> tuple[str, str]:
    return made.generalised["enrolled_on"], made.generalised["age"]


def test_one_who_stands_out_is_left_out_rather_than_everyone_made_coarse() -> None:
    records = [*spread(1, [40] * 20), record("2026-03-01", 90, "full")]
    kept = anonymise(plan(k=20, l=1, suppress=0.05), records)
    assert (kept.suppressed, made_levels(kept)) == (1, ("as it is", "as it is"))
    assert "85 or more" not in {row[1] for row in kept.rows}
    whole = anonymise(plan(k=20, l=1, suppress=0), records)
    assert (whole.suppressed, made_levels(whole)) == (0, ("as it is", "withheld"))


def test_a_class_that_is_all_of_one_tier_tells_it_and_does_not_leave() -> None:
    records = [record(age=20, tier="basic") for _ in range(9)] + spread(1, [60] * 9)
    assert anonymise(plan(k=5, l=1, suppress=0), records).verdict.sensitive["tier"].l == 1
    diverse = anonymise(plan(k=5, l=2, suppress=0), records)
    assert (diverse.verdict.sensitive["tier"].l, made_levels(diverse)[1]) == (2, "withheld")
    close = anonymise(plan(k=5, l=1, t=0.05, suppress=0), records)
    assert (close.verdict.sensitive["tier"].t, made_levels(close)[1]) == (0, "withheld")


def test_what_cannot_be_reached_within_the_plans_bounds_is_refused_and_says_what_would_do() -> None:
    bounded = {
        "quasi_identifiers": {
            "enrolled_on": {"hierarchy": "day", "at_most": 0},
            "age": {"hierarchy": "age", "at_most": 0},
        }
    }
    with pytest.raises(CannotAnonymise, match=r"k = 5.*over 112 records.*at best 112.*allows 22"):
        anonymise(plan(k=5, **bounded), spread())
    with pytest.raises(CannotAnonymise, match="l = 3"):
        anonymise(plan(l=3), spread())
    with pytest.raises(CannotAnonymise, match="over 0 records"):
        anonymise(plan(), [])


def test_the_verdict_is_passed_on_the_finished_table_and_by_no_word_of_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "emoney.privacy.releases.anonymity._kept", lambda _plan, classes: set(classes)
    )  # a search gone wrong
    with pytest.raises(CannotAnonymise, match="pyCANON finds k = 1"):
        anonymise(plan(k=10), [*spread(1, [40] * 20), record(age=90)])


def test_one_quasi_identifier_and_no_sensitive_column_are_enough() -> None:
    one = {"quasi_identifiers": {"age": {"hierarchy": "age"}}, "sensitive": {}}
    made = anonymise(plan(k=4, **one), spread())
    assert (made.columns, made.verdict.sensitive, made.withheld) == (
        ("age",),
        {},
        ("enrolled_on", "name", "tier"),
    )


def test_a_sensitive_amount_leaves_as_coarse_as_the_plan_says() -> None:
    coarse = {
        "sensitive": {"age": {"hierarchy": "age", "level": 2}},
        "quasi_identifiers": {"tier": {"hierarchy": "code"}},
    }
    made = anonymise(plan(k=4, **coarse), spread(ages=[21, 29, 63]))
    assert {row[1] for row in made.rows} == {"20 to <30", "60 to <70"}
    assert made.verdict.sensitive["age"].l == 2


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"holder": "Planted"}, "record 2, holder"),
        ({"enrolled_on": "Planted"}, "record 2, enrolled_on: not a date"),
        ({"age": "Planted"}, "record 2, age: not a number"),
        ({"tier": "Planted\n" * 30}, "record 2, tier"),
    ],
)
def test_a_bad_record_is_named_by_number_and_its_content_kept_quiet(
    changed: dict[str, object], where: str
) -> None:
    with pytest.raises(InvalidRecord, match=where) as refused:
        anonymise(plan(), [record(), record() | changed])
    assert "Planted" not in str(refused.value)


def test_two_records_of_one_person_are_refused_for_they_would_count_as_two() -> None:
    one = record()
    with pytest.raises(InvalidRecord, match="record 2: its subject has a record already"):
        anonymise(plan(), [one, one | {"age": 50}])
    del one["age"]
    with pytest.raises(InvalidRecord, match="record 1 has no column age"):
        anonymise(plan(), [one])


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycanon", None)
    with pytest.raises(MissingExtra, match=r"pip install 'emoney\[release\]'"):
        anonymise(plan(), spread())


def test_the_judge_agrees_with_a_table_worked_by_hand() -> None:
    rows = [("a", "x"), ("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    verdict = judge(["q"], ["s"], ["q", "s"], rows)
    assert (verdict.k, verdict.sensitive["s"].l) == (2, 2)
    assert verdict.sensitive["s"].t == pytest.approx(0.1)  # b: |1/2 - 3/5|


def test_the_shipped_plans_are_read_and_name_only_what_there_is() -> None:
    assert plan_names() == ["wallet-holders"]
    found = load_plan("wallet-holders")
    assert found.k >= 10
    assert all(each.l >= 2 for each in found.sensitive.values())
    with pytest.raises(InvalidPlan, match="there is no release plan"):
        load_plan("../hierarchies")


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"k": 1}, "k"),
        ({"k": "many"}, "k"),
        ({"suppress_max": 0.9}, "suppress_max"),
        ({"sensitive": {"holder": {}}}, "a column is"),
        ({"sensitive": {"age": {}}}, "a column is"),
        ({"sensitive": {"tier": {"t": 2}}}, r"sensitive\.tier\.t"),
        ({"quasi_identifiers": {}}, "quasi_identifiers"),
        ({"quasi_identifiers": {"age": {"hierarchy": "nowhere"}}}, "there is no hierarchy"),
        ({"quasi_identifiers": {"day": {"hierarchy": "day", "from": "week"}}}, "there is no level 'week'"),
        ({"quasi_identifiers": {"day": {"hierarchy": "day", "from": "year", "at_most": "month"}}}, "above"),
        ({"quasi_identifiers": {f"d{n}": {"hierarchy": "day"} for n in range(8)}}, "5000 are searched"),
        ({"quasi_identifiers": {"a b": {"hierarchy": "day"}}}, "quasi_identifiers"),
        ({"quasi_identifiers": {"pseudonym": {"hierarchy": "day"}}}, "taken"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_plan_that_asks_for_what_cannot_be_is_refused(changed: dict[str, object], what: str) -> None:
    import yaml

    text = yaml.safe_dump(plan().model_dump(mode="json", by_alias=True) | changed)
    with pytest.raises(InvalidPlan, match=what):
        read_plan(text)


@pytest.mark.parametrize("text", ["", "[", "k: 3", "x" * 100_001, "- a"])
def test_text_that_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(InvalidPlan):
        read_plan(text)
