"""Policy packs: the shipped ones say what was collected, and one that contradicts itself is refused."""

import copy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

import data
from kyc import load_pack, pack_ids, pack_of_currency, parse_pack, read_pack
from kyc.errors import InvalidPack, PackNotInForce, UnknownPack

REGULATION = Path(__file__).resolve().parents[3] / "shared" / "regulation" / "kyc_tiers.yaml"


@pytest.fixture
def ghana() -> Any:
    """The content of the Ghanaian pack, to be spoilt."""
    return copy.deepcopy(data.read_yaml("policies", "gh-bog-2024.yaml"))


def test_every_shipped_pack_is_read() -> None:
    assert pack_ids() == ["eu-amld5-art12", "gh-bog-2024"]
    assert [load_pack(pack_id).id for pack_id in pack_ids()] == pack_ids()


def _measured(rule: dict[str, Any], official: bool) -> tuple[Any, ...]:
    """A rule in one shape, from the collected tables or from a shipped pack."""
    operations = [rule.get("op", "any")] if official else rule.get("operations", ["any"])
    direction = rule.get("dir" if official else "direction")
    if rule["metric"] == "single":  # what is redeemed or withdrawn goes out; the tables leave it unsaid
        direction = direction or "out"
    return (
        rule["metric"],
        direction,
        tuple(operations),
        rule["window"],
        rule.get("scope", "instrument"),  # redemptions of an instrument; the tables leave it unsaid
        rule["amt" if official else "amount"],
        rule.get("applies_if"),
        rule.get("on_exceed", "deny"),
        rule["src" if official else "source"],
        rule["conf" if official else "confidence"],
    )


@pytest.mark.parametrize("pack_id", ["eu-amld5-art12", "gh-bog-2024"])
def test_numbers_are_those_that_were_collected(pack_id: str) -> None:
    if not REGULATION.is_file():
        pytest.skip("the collected tables are not on this machine")
    collected = yaml.safe_load(REGULATION.read_text(encoding="utf-8"))
    [official] = [pack for pack in collected["packs"] if pack["id"] == pack_id]
    shipped = data.read_yaml("policies", f"{pack_id}.yaml")

    assert shipped["currency"] == official["currency"]
    assert shipped["jurisdiction"] == official["jurisdiction"]
    valid = official["valid"]
    assert shipped["valid"]["from"] == (valid["from"] and date.fromisoformat(valid["from"]))
    assert shipped["valid"]["to"] == (valid["to"] and date.fromisoformat(valid["to"]))
    assert shipped["valid"]["confidence"] == valid["conf"]
    assert [tier["id"] for tier in shipped["tiers"]] == [tier["id"] for tier in official["tiers"]]
    for ours, theirs in zip(shipped["tiers"], official["tiers"], strict=True):
        assert [_measured(rule, False) for rule in ours["rules"]] == [
            _measured(rule, True) for rule in theirs["rules"]
        ]
        assert ours["evidence"].get("all", []) == theirs.get("evidence_all", [])
        if "evidence_src" in theirs:
            assert ours["evidence_source"]["source"] == theirs["evidence_src"]["src"]
            assert ours["evidence_source"]["confidence"] == theirs["evidence_src"]["conf"]
    for name, source in shipped["sources"].items():
        assert source["at"] in collected["sources"][name]["at"]


def test_pinned_numbers() -> None:
    """The numbers once more by hand, for machines without the collected tables."""
    limits = {
        f"{tier.id}/{rule.name}": str(rule.amount)
        for pack_id in pack_ids()
        for tier in load_pack(pack_id).tiers
        for rule in tier.rules
    }
    assert limits == {
        "anonymous_emoney/balance": "150",
        "anonymous_emoney/flow-out-pay_any-calendar_month": "150",
        "anonymous_emoney/single-out-redeem_cash": "50",
        "anonymous_emoney/single-out-cash_out": "50",
        "anonymous_emoney/single-out-pay_remote": "50",
        "minimum/flow-out-any-day": "3000",
        "minimum/flow-out-any-calendar_month": "10000",
        "minimum/balance": "5000",
        "medium/flow-out-any-day": "15000",
        "medium/flow-out-any-calendar_month": "none",
        "medium/balance": "40000",
        "enhanced/flow-out-any-day": "25000",
        "enhanced/flow-out-any-calendar_month": "none",
        "enhanced/balance": "75000",
    }


def _spoil(pack: Any, path: str, value: Any) -> None:
    """Sets one value of a pack's content; a number in the path is a place in a list."""
    *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in way:
        pack = pack[step]
    pack[last] = value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("format", "emoney-policy-pack/9", "emoney-policy-pack/1"),
        ("currency", "ghs", "ghs"),
        ("currency", "XXX", "XXX"),
        ("time_zone", "Accra", "Africa/Accra"),
        ("time_zone", "../etc/passwd", "Africa/Accra"),
        ("valid/to", date(2020, 1, 1), "not after it starts"),
        ("sources", {}, "at least 1"),
        ("tiers", [], "at least 1"),
        ("tiers/1/id", "minimum", "two tiers have one id"),
        ("tiers/0/rules/0/source", "hearsay", "hearsay"),
        ("tiers/0/rules/0/amount", -1, "greater than or equal to 0"),
        ("tiers/0/rules/0/amount", "1.005", "decimal places"),
        ("tiers/0/rules/0/amount", float("nan"), "tiers.0.rules.0.amount"),
        ("tiers/0/rules/0/amount", 10**20, "is not an amount below"),
        ("tiers/0/rules/0/amount", True, "none or null"),
        ("tiers/0/rules/0/amount", "lots", "tiers.0.rules.0.amount"),
        ("tiers/0/rules/0/amount", None, 'confidence "unknown"'),
        ("tiers/0/rules/0/confidence", "unknown", 'confidence "unknown"'),
        ("tiers/0/rules/0/confidence", "sure", "tiers.0.rules.0.confidence"),
        ("tiers/0/rules/0/window", "week", "tiers.0.rules.0.window"),
        ("tiers/0/rules/0/window", "per_tx", "flow rule takes the window"),
        ("tiers/0/rules/2/window", "day", "balance rule takes the window instant"),
        ("tiers/0/rules/0/metric", "single", "single rule takes the window per_tx"),
        ("tiers/0/rules/0/direction", None, "states its direction"),
        ("tiers/0/rules/2/direction", "in", "a balance rule none"),
        ("tiers/0/rules/2/operations", ["load"], "lists none"),
        ("tiers/0/rules/0/operations", [], "at least 1"),
        ("tiers/0/rules/0/operations", ["load"], "load never goes out"),
        ("tiers/0/rules/0/operations", ["pay_any", "pay_any"], "stands twice"),
        ("tiers/0/rules/0/operations", ["gift"], "tiers.0.rules.0.operations.0"),
        ("tiers/0/rules/0/surprise", 1, "Extra inputs"),
        ("tiers/0/evidence", {"any": []}, "leave it out"),
        ("tiers/0/evidence", {"all": ["phone", "phone"]}, "stands twice"),
        ("tiers/0/evidence", {"count": {"of": ["a1", "b1"], "at_least": 3}}, "never be shown"),
        ("tiers/2/evidence", {}, "no one is ever at tier minimum"),
        ("tiers/1/evidence", {"all": ["phone"]}, "no one is ever at tier minimum"),
        ("tiers/2/evidence", {"any": ["phone", "id_document"]}, "no one is ever at tier"),
        ("tiers/1/rules/0/amount", 2999, "falls from 3000"),
        ("tiers/2/rules/1/amount", 1, "falls from none"),
        ("tiers/0/denied", [{"operations": [], "because": "x"}], "tiers.0.denied.0"),
    ],
)
def test_a_wrong_pack_is_refused_with_the_place_and_the_reason(
    ghana: Any, path: str, value: Any, said: str
) -> None:
    _spoil(ghana, path, value)
    with pytest.raises(InvalidPack) as refused:
        parse_pack(ghana)
    assert said in str(refused.value)


def _because(operations: list[str]) -> dict[str, Any]:
    return {"operations": operations, "because": "x", "source": "gh2024", "confidence": "primary"}


def test_two_limits_on_one_thing_contradict_each_other(ghana: Any) -> None:
    ghana["tiers"][0]["rules"].append(ghana["tiers"][0]["rules"][0] | {"amount": 4000})
    with pytest.raises(
        InvalidPack, match=r"minimum sets two limits on flow-out-any-day: 3000, 4000; keep one"
    ):
        parse_pack(ghana)


def test_the_same_limit_in_another_order_of_operations_is_the_same(ghana: Any) -> None:
    rule = ghana["tiers"][0]["rules"][0]
    ghana["tiers"][0]["rules"] += [
        rule | {"operations": ["p2p_out", "bill_pay"]},
        rule | {"operations": ["bill_pay", "p2p_out"]},
    ]
    with pytest.raises(InvalidPack, match="two limits on flow-out-bill_pay"):
        parse_pack(ghana)


def test_a_limit_on_what_is_denied_contradicts_the_denial(ghana: Any) -> None:
    ghana["tiers"][0]["denied"] = [_because(["p2p_out"])]
    ghana["tiers"][0]["rules"].append(ghana["tiers"][0]["rules"][0] | {"operations": ["p2p_out"]})
    with pytest.raises(InvalidPack, match="on what it denies"):
        parse_pack(ghana)


@pytest.mark.parametrize("operations", [["p2p_in", "p2p_out"], ["any"]])
def test_a_denial_has_one_direction(ghana: Any, operations: list[str]) -> None:
    ghana["tiers"][0]["denied"] = [_because(operations)]
    with pytest.raises(InvalidPack, match="in one direction"):
        parse_pack(ghana)


def test_what_is_denied_twice_is_refused(ghana: Any) -> None:
    ghana["tiers"][0]["denied"] = [_because(["p2p_out"]), _because(["p2p_out", "cash_out"])]
    with pytest.raises(InvalidPack, match="denies p2p_out twice"):
        parse_pack(ghana)


def test_a_number_not_known_may_follow_a_known_one(ghana: Any) -> None:
    """It fails closed, so it gives nobody less than what it says."""
    ghana["tiers"][2]["rules"][2] |= {"amount": None, "confidence": "unknown"}
    assert parse_pack(ghana).tiers[2].rules[2].amount is None


def test_a_key_that_stands_twice_is_refused() -> None:
    text = (data.folder("policies") / "gh-bog-2024.yaml").read_text(encoding="utf-8")
    assert read_pack(text).id == "gh-bog-2024"
    with pytest.raises(InvalidPack, match="'amount' stands twice"):
        read_pack(text.replace("amount: 3000,", "amount: 3000, amount: 30000,"))


@pytest.mark.parametrize(
    "text", ["", "[]", "a: [", "a: !!python/object/apply:os.system [ls]", "x" * 1_000_001]
)
def test_what_is_no_pack_is_refused(text: str) -> None:
    with pytest.raises(InvalidPack):
        read_pack(text)


def test_the_validity_is_that_of_the_local_calendar() -> None:
    ends_in_brussels = load_pack("eu-amld5-art12")
    assert ends_in_brussels.in_force(datetime(2027, 7, 9, 21, 59, tzinfo=UTC))
    assert not ends_in_brussels.in_force(datetime(2027, 7, 9, 22, 0, tzinfo=UTC))
    with pytest.raises(PackNotInForce, match=r"2027-07-10; it is from 2020-01-10 until 2027-07-10"):
        ends_in_brussels.demand_in_force(datetime(2027, 7, 9, 22, 0, tzinfo=UTC))


def test_a_draft_is_never_in_force(ghana: Any) -> None:
    draft = parse_pack(ghana | {"status": "draft"})
    assert not draft.in_force(datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(PackNotInForce, match="is a draft"):
        draft.demand_in_force(datetime(2026, 1, 1, tzinfo=UTC))


def test_packs_are_found_by_currency_or_the_error_says_what_there_is() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    assert pack_of_currency("EUR", now).id == "eu-amld5-art12"
    with pytest.raises(UnknownPack, match=r"in SEK; there are eu-amld5-art12 \(EUR\), gh-bog-2024 \(GHS\)"):
        pack_of_currency("SEK", now)
    with pytest.raises(UnknownPack, match="no policy pack in force at 2019-01-01"):
        pack_of_currency("EUR", datetime(2019, 1, 1, tzinfo=UTC))
    with pytest.raises(UnknownPack, match="there is no policy pack"):
        load_pack("../policies/gh-bog-2024")


def test_the_example_of_the_documentation_is_a_pack() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "policy-packs.md").read_text(encoding="utf-8")
    [example] = [part.split("```")[0] for part in page.split("```yaml\n")[1:]]
    assert [tier.id for tier in read_pack(example).tiers] == ["basic", "full"]
