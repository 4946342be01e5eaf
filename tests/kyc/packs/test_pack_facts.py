"""The shipped packs against the collected tables of real jurisdictions, where these are on the machine."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from limit_probe import Limit, demand_respected, minor, moment, operations, probe
from shipped import PACKS

from emoney import data
from emoney.kyc.limits.explain import explain
from emoney.kyc.limits.stated import read_state
from emoney.kyc.packs.rules import PackRule
from emoney.kyc.packs.schema import Pack, Tier

_FOUND = (up / "shared" / "regulation" / "kyc_tiers.yaml" for up in Path(__file__).resolve().parents)
REGULATION = next((path for path in _FOUND if path.is_file()), None)
_COLLECTED: Any = yaml.safe_load(REGULATION.read_text(encoding="utf-8")) if REGULATION else {"packs": []}

pytestmark = pytest.mark.skipif(
    not _COLLECTED["packs"], reason="the collected tables are not on this machine"
)

FEATURES = {
    "reloadable": ("reloadable",),
    "not reloadable and loaded with cash": ("not_reloadable", "loaded_with_cash"),
    "phone-linked and CURP/phone not validated": ("phone_not_validated",),
}


def _rules(tier: dict[str, Any]) -> list[dict[str, Any]]:
    """Of rules shared by tiers, those that are for this one."""
    return [
        rule
        for rule in tier["rules"]
        if not rule.get("applies_if", "").startswith("tier ==") or rule["applies_if"].endswith(tier["id"])
    ]


def _direction(rule: dict[str, Any]) -> str:
    """The direction; of a single operation the tables leave it to its name."""
    op = rule.get("op", "any")
    return rule.get("dir") or (
        "both_separately" if op == "any" else "in" if op in ("load", "remit_in") else "out"
    )


def _limits() -> list[Limit]:
    found = []
    for pack in _COLLECTED["packs"]:
        for tier in pack["tiers"]:
            for rule in _rules(tier):
                directions = [_direction(rule)] if rule["metric"] != "balance" else [""]
                if directions == ["both_separately"] and rule["metric"] == "flow":
                    directions = ["in", "out"]
                for direction in directions:
                    found.append(
                        Limit(
                            pack["id"],
                            tier["id"],
                            rule["metric"],
                            direction,
                            rule.get("op", "any"),
                            rule["window"],
                            rule.get("scope", "wallet"),
                            None if rule["amt"] is None else str(rule["amt"]),
                            rule.get("unit", ""),
                            FEATURES.get(rule.get("applies_if", ""), ()),
                            "allow_until_end_of_day"
                            if rule["window"] == "end_of_day"
                            else rule.get("on_exceed", "deny"),
                        )
                    )
    return found


def _rate(unit: str) -> Decimal:
    return Decimal(str(_COLLECTED["units"][unit]["observed"][0]["rate"])) if unit else Decimal(1)


_CAPPED = [limit for limit in _limits() if limit.amount not in (None, "none", "issuer_defined")]
_OPEN = [limit for limit in _limits() if limit.amount == "none"]
_UNKNOWN = [limit for limit in _limits() if limit.amount in (None, "issuer_defined")]


@pytest.mark.parametrize("limit", _CAPPED, ids=str)
def test_each_collected_limit_one_unit_below_at_and_above(limit: Limit) -> None:
    pack = PACKS.pack(limit.pack)
    demand_respected(limit, minor(limit, _rate(limit.unit)), moment(pack, limit.unit))


@pytest.mark.parametrize("limit", _UNKNOWN, ids=str)
def test_what_is_not_known_allows_nothing(limit: Limit) -> None:
    said = probe(limit, 10, 0, moment(PACKS.pack(limit.pack)), operations(limit)[0])
    assert said.decision == "deny"
    assert said.unknown


@pytest.mark.parametrize("limit", _OPEN, ids=str)
def test_what_has_no_limit_is_never_refused_by_it(limit: Limit) -> None:
    said = probe(limit, 10**14, 0, moment(PACKS.pack(limit.pack)), operations(limit)[0])
    assert (
        said.rule is None
        or f"/{limit.metric}-{limit.direction}-{limit.operation}-{limit.window}" not in said.rule
    )


def test_every_pack_and_tier_is_there_in_order() -> None:
    assert PACKS.ids() == sorted(pack["id"] for pack in _COLLECTED["packs"])
    for official in _COLLECTED["packs"]:
        pack = PACKS.pack(official["id"])
        assert [tier.id for tier in pack.tiers] == [tier["id"] for tier in official["tiers"]]
        assert (pack.currency, pack.jurisdiction) == (official["currency"], official["jurisdiction"])
        for ours, theirs in (
            (pack.valid.from_, official["valid"]["from"]),
            (pack.valid.to, official["valid"]["to"]),
        ):
            assert (ours is None) is (theirs is None)
            assert ours is None or ours.isoformat().startswith(
                theirs
            )  # a year or a month begins on its first
        assert pack.valid.confidence == official["valid"]["conf"]
        assert (pack.status == "draft") is (official.get("status") == "draft")


def _shape(pack: Pack, rule: PackRule) -> tuple[Any, ...]:
    return (
        rule.metric,
        rule.direction,
        rule.operations if rule.metric != "balance" else ("any",),
        rule.window,
        rule.amount if not isinstance(rule.amount, Decimal) else float(rule.amount),
        rule.unit,
        rule.on_exceed,
        rule.source,
        rule.confidence,
    )


def _official_shape(rule: dict[str, Any]) -> tuple[Any, ...]:
    amount = rule["amt"]
    return (
        rule["metric"],
        None if rule["metric"] == "balance" else _direction(rule),
        (rule.get("op", "any"),),
        rule["window"],
        float(amount) if isinstance(amount, int | float) else amount,
        rule.get("unit"),
        "allow_until_end_of_day" if rule["window"] == "end_of_day" else rule.get("on_exceed", "deny"),
        rule["src"],
        rule["conf"],
    )


def _evidence(tier: Tier, official: dict[str, Any]) -> None:
    if "evidence_count" in official:
        assert tier.evidence.count
        assert tier.evidence.count.at_least == official["evidence_count"]["external_verification_channels"]
    elif any(key in official for key in ("evidence", "evidence_all", "evidence_any")):
        assert list(tier.evidence.all) == official.get("evidence_all", official.get("evidence", []))
        assert list(tier.evidence.any) == official.get("evidence_any", [])
    elif tier.id not in ("anonymous_emoney", "low_risk_emoney"):
        assert tier.evidence.unknown


def test_every_number_source_and_piece_of_evidence_is_that_which_was_collected() -> None:
    for official in _COLLECTED["packs"]:
        pack = PACKS.pack(official["id"])
        for tier, theirs in zip(pack.tiers, official["tiers"], strict=True):
            assert [_shape(pack, rule) for rule in tier.rules] == [
                _official_shape(rule) for rule in _rules(theirs)
            ]
            _evidence(tier, theirs)
            denied = {operation for part in tier.denied for operation in part.operations}
            assert denied.issuperset(theirs.get("ops_deny", []))
            if tier.allowed:
                assert set(tier.allowed.operations).issuperset(theirs["ops_allow"])
        for name, source in pack.sources.items():
            at = _COLLECTED["sources"][name]["at"].replace("same repo: ", "")
            assert source.at in at or source.at.rsplit("/", 1)[-1] in at


def test_denied_operations_are_denied() -> None:
    for official in _COLLECTED["packs"]:
        pack = PACKS.pack(official["id"])
        for tier in official["tiers"]:
            for operation in tier.get("ops_deny", []):
                state = read_state({"at": moment(pack).isoformat()})
                _, said = explain(pack, tier["id"], operation, "1", state, moment(pack))
                assert said.decision == "deny", (pack.id, tier["id"], said)
                assert said.headroom == 0


def test_the_rates_are_those_that_were_collected() -> None:
    for unit, official in _COLLECTED["units"].items():
        shipped = data.read_yaml("policies", "rates", f"{unit}.yaml")
        assert shipped["currency"] == official["currency"]
        observed = official["observed"][0]
        rate = shipped["rates"][0]
        assert (rate["rate"], rate["source"], rate["confidence"]) == (
            observed["rate"],
            observed["src"],
            observed["conf"],
        )
        assert rate["from"].isoformat().startswith(str(observed.get("date", observed.get("year"))))
