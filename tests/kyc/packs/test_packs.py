"""Policy packs: the shipped ones say what was collected, and one that contradicts itself is refused."""

import copy
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from shipped import PACKS

from emoney import data
from emoney.kyc import tier_for
from emoney.kyc.errors import InvalidPack, PackNotInForce, UnknownPack
from emoney.kyc.packs.library import pack_schema


@pytest.fixture
def ghana() -> Any:
    """The content of the Ghanaian pack, to be spoilt."""
    return copy.deepcopy(data.read_yaml("policies", "gh-bog-2024.yaml"))


def test_every_shipped_pack_is_read() -> None:
    assert [pack.id for pack in PACKS.packs()] == PACKS.ids()
    assert {"eu-amld5-art12", "gh-bog-2024"} <= set(PACKS.ids())


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
        ("tiers/0/rules/2/window", "day", "balance rule takes the window end_of_day or instant"),
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
        ("tiers/0/denied", [{"operations": [], "reason": "x"}], "tiers.0.denied.0"),
        ("tiers/0/rules/0/source", None, "the source is missing"),
        ("tiers/0/rules/0/window", None, "unknown only where the amount is"),
        ("tiers/0/rules/0/window", "fiscal_year", "fiscal_year_starts"),
        ("tiers/0/rules/0/unit", "UDI", "worth MXN"),
        ("tiers/0/rules/0/unit", "XYZ", "no rates of the index unit"),
        ("tiers/0/rules/0/scope", "person_in_country", "tiers.0.rules.0.scope"),
        ("tiers/0/rules/2/scope", "per_payee", "a balance has no payee"),
        ("tiers/0/rules/2/window", "end_of_day", "allow_until_end_of_day"),
        ("tiers/0/rules/0/on_exceed", "allow_until_end_of_day", "measured at the end of the day"),
        ("tiers/0/rules/0/excluding", ["any"], "all it measures"),
        ("tiers/0/rules/0/applies_if", ["reloadable", "not_reloadable"], "both reloadable and not"),
        ("tiers/0/rules/0/applies_if", ["shiny"], "tiers.0.rules.0.applies_if"),
        ("tiers/0/evidence", "nothing", "tiers.0.evidence"),
        ("tiers/0/evidence", {"all": ["phone", "blood_group"]}, "'blood_group' cannot be recorded"),
        ("tiers/0/evidence", {"unknown": True, "all": ["phone"]}, "either unknown or listed"),
        ("tiers/0/time_limit", {"within": "P2W"}, "tiers.0.time_limit"),
        ("succeeded_by", {"pack": "gh-2", "tiers": {"minimum": "x"}}, "says in valid when it ends"),
    ],
)
def test_a_wrong_pack_is_refused_with_the_place_and_the_reason(
    ghana: Any, path: str, value: Any, said: str
) -> None:
    _spoil(ghana, path, value)
    with pytest.raises(InvalidPack) as refused:
        PACKS.parse(ghana)
    assert said in str(refused.value)


def _because(operations: list[str]) -> dict[str, Any]:
    return {"operations": operations, "reason": "x", "source": "gh2024", "confidence": "primary"}


def test_two_limits_on_one_thing_contradict_each_other(ghana: Any) -> None:
    ghana["tiers"][0]["rules"].append(ghana["tiers"][0]["rules"][0] | {"amount": 4000})
    with pytest.raises(
        InvalidPack, match=r"minimum sets two limits on flow-out-any-day: 3000, 4000; keep one"
    ):
        PACKS.parse(ghana)


def test_the_same_limit_in_another_order_of_operations_is_the_same(ghana: Any) -> None:
    rule = ghana["tiers"][0]["rules"][0]
    ghana["tiers"][0]["rules"] += [
        rule | {"operations": ["p2p_out", "bill_pay"]},
        rule | {"operations": ["bill_pay", "p2p_out"]},
    ]
    with pytest.raises(InvalidPack, match="two limits on flow-out-bill_pay"):
        PACKS.parse(ghana)


def test_a_limit_on_what_is_denied_contradicts_the_denial(ghana: Any) -> None:
    ghana["tiers"][0]["denied"] = [_because(["p2p_out"])]
    ghana["tiers"][0]["rules"].append(ghana["tiers"][0]["rules"][0] | {"operations": ["p2p_out"]})
    with pytest.raises(InvalidPack, match="on what it denies"):
        PACKS.parse(ghana)


@pytest.mark.parametrize("operations", [["p2p_in", "p2p_out"], ["any"]])
def test_a_denial_has_one_direction(ghana: Any, operations: list[str]) -> None:
    ghana["tiers"][0]["denied"] = [_because(operations)]
    with pytest.raises(InvalidPack, match="in one direction"):
        PACKS.parse(ghana)


def test_what_is_denied_twice_is_refused(ghana: Any) -> None:
    ghana["tiers"][0]["denied"] = [_because(["p2p_out"]), _because(["p2p_out", "cash_out"])]
    with pytest.raises(InvalidPack, match="denies p2p_out twice"):
        PACKS.parse(ghana)


def test_a_time_limit_and_a_list_of_what_is_allowed_have_to_fit_the_pack(ghana: Any) -> None:
    said = {"source": "gh2024", "confidence": "primary"}
    limit = {"within": "P2Y", "from": "opening", "upgrade_to": "gold", "then": "no_further_credit"} | said
    ghana["tiers"][0]["time_limit"] = limit
    with pytest.raises(InvalidPack, match="has to be left for gold"):
        PACKS.parse(ghana)
    ghana["tiers"][0]["time_limit"] = limit | {"upgrade_to": "medium"}
    assert PACKS.parse(ghana).tiers[0].time_limit.months == 24
    ghana["tiers"][0]["allowed"] = {"operations": ["p2p_out", "any"]} | said
    with pytest.raises(InvalidPack, match="leaves nothing out"):
        PACKS.parse(ghana)
    ghana["tiers"][0]["allowed"] = {"operations": ["p2p_out"]} | said
    ghana["tiers"][0]["denied"] = [_because(["p2p_out"])]
    with pytest.raises(InvalidPack, match="both allows and denies p2p_out"):
        PACKS.parse(ghana)


def test_an_override_is_of_a_limit_that_is_there(ghana: Any) -> None:
    override = {
        "from": date(2026, 1, 1),
        "to": date(2026, 2, 1),
        "tier": "minimum",
        "cohort": "some",
        "who": "some",
        "amounts": {"balance": 9000},
        "source": "gh2024",
        "confidence": "primary",
    }
    assert PACKS.parse(ghana | {"overrides": [override]}).overrides
    with pytest.raises(InvalidPack, match="sets 'balances', no limit of tier minimum"):
        PACKS.parse(ghana | {"overrides": [override | {"amounts": {"balances": 1}}]})
    with pytest.raises(InvalidPack, match="for the tier 'gold'"):
        PACKS.parse(ghana | {"overrides": [override | {"tier": "gold"}]})


def test_unknown_evidence_is_reached_by_nobody_and_listed_evidence_of_the_packs_own(ghana: Any) -> None:
    ghana["tiers"][2]["evidence"] = "unknown"
    pack = PACKS.parse(ghana)
    assert not pack.tiers[2].by_evidence
    assert tier_for(pack, {"phone", "id_document", "address_proof"}).id == "medium"
    ghana["own_kinds"] = {"blood_group": "the holder's blood group"}
    ghana["tiers"][2]["evidence"] = {"all": ["phone", "id_document", "blood_group"]}
    assert tier_for(PACKS.parse(ghana), {"phone", "id_document", "blood_group"}).id == "enhanced"


def test_the_published_schema_is_that_of_the_code() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "policy-pack.schema.json"
    assert json.loads(page.read_text(encoding="utf-8")) == pack_schema(), (
        "emoney kyc pack schema > " + page.name
    )


def test_the_shipped_packs_follow_the_published_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = pack_schema()
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    validator = kind(schema)
    for pack_id in PACKS.ids():
        content = data.read_yaml("policies", f"{pack_id}.yaml")
        validator.validate(json.loads(json.dumps(content, default=str)))


def test_a_number_not_known_may_follow_a_known_one(ghana: Any) -> None:
    """It fails closed, so it gives nobody less than what it says."""
    ghana["tiers"][2]["rules"][2] |= {"amount": None, "confidence": "unknown"}
    assert PACKS.parse(ghana).tiers[2].rules[2].amount is None


def test_a_key_that_stands_twice_is_refused() -> None:
    text = (data.folder("policies") / "gh-bog-2024.yaml").read_text(encoding="utf-8")
    assert PACKS.read(text).id == "gh-bog-2024"
    with pytest.raises(InvalidPack, match="'amount' stands twice"):
        PACKS.read(text.replace("amount: 3000,", "amount: 3000, amount: 30000,"))


@pytest.mark.parametrize(
    "text", ["", "[]", "a: [", "a: !!python/object/apply:os.system [ls]", "x" * 1_000_001]
)
def test_what_is_no_pack_is_refused(text: str) -> None:
    with pytest.raises(InvalidPack):
        PACKS.read(text)


def test_the_validity_is_that_of_the_local_calendar() -> None:
    ends_in_brussels = PACKS.pack("eu-amld5-art12")
    assert ends_in_brussels.in_force(datetime(2027, 7, 9, 21, 59, tzinfo=UTC))
    assert not ends_in_brussels.in_force(datetime(2027, 7, 9, 22, 0, tzinfo=UTC))
    with pytest.raises(PackNotInForce, match=r"2027-07-10; it is from 2020-01-10 until 2027-07-10"):
        ends_in_brussels.demand_in_force(datetime(2027, 7, 9, 22, 0, tzinfo=UTC))


def test_a_draft_is_never_in_force(ghana: Any) -> None:
    draft = PACKS.parse(ghana | {"status": "draft"})
    assert not draft.in_force(datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(PackNotInForce, match="is a draft"):
        draft.demand_in_force(datetime(2026, 1, 1, tzinfo=UTC))


def test_packs_are_found_by_currency_or_the_error_says_what_there_is() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    assert PACKS.of_currency("EUR", now).id == "eu-amld5-art12"
    with pytest.raises(UnknownPack, match=r"in SEK; there are packs in BDT, .*, EUR, GHS"):
        PACKS.of_currency("SEK", now)
    with pytest.raises(UnknownPack, match="no policy pack in force at 2019-01-01"):
        PACKS.of_currency("GHS", datetime(2019, 1, 1, tzinfo=UTC))
    with pytest.raises(
        UnknownPack, match="name one of the packs in NGN: ng-bank-tiers-2016, ng-enaira-2021, ng"
    ):
        PACKS.of_currency("NGN", now)
    assert PACKS.of_currency("XOF", now).id == "waemu-bceao-008-2015"
    with pytest.raises(UnknownPack, match="there is no policy pack"):
        PACKS.pack("../policies/gh-bog-2024")


def test_the_example_of_the_documentation_is_a_pack() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "policy-packs.md").read_text(encoding="utf-8")
    example, *_ = [part.split("```")[0] for part in page.split("```yaml\n")[1:]]
    assert [tier.id for tier in PACKS.read(example).tiers] == ["basic", "full"]
