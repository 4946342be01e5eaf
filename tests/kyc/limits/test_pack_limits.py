"""Every limit of every pack one minor unit below, at and above, from our own table; and packs' dates."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from limit_probe import Limit, demand_respected, minor, moment, operations, probe
from shipped import PACKS

from emoney import data
from emoney.kyc.errors import InvalidPack
from emoney.kyc.limits.compile import Features, compile_profile
from emoney.kyc.limits.explain import Explanation, explain
from emoney.kyc.limits.stated import StatedUsage, read_state
from emoney.kyc.packs.contradictions import demand_none_between
from emoney.kyc.packs.rates import IndexUnit
from emoney.ledger.limits.rules import Bound, Direction, Window

TABLE = Path(__file__).with_name("pack_limits.txt")
RATES = {"": Decimal(1), "UDI": Decimal("8.1225"), "UIT": Decimal(5500), "UVT": Decimal(52374)}


def _table() -> list[Limit]:
    found, pack = [], ""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if not line.startswith(" "):
            pack = line
            continue
        tier, metric, direction, operation, window, scope, amount, unit, features, on_exceed = (
            "" if word == "-" else word for word in line.split()
        )
        found.append(
            Limit(
                pack,
                tier,
                metric,
                direction,
                operation,
                window or None,
                scope,
                None if amount == "unknown" else amount,
                unit,
                tuple(filter(None, features.split("+"))),
                on_exceed,
            )
        )
    return found


LIMITS = _table()
CAPPED = [limit for limit in LIMITS if limit.amount not in (None, "none", "issuer_defined")]


def test_the_table_has_every_limit_of_every_pack() -> None:
    stated = [
        (limit.pack, limit.tier, limit.metric, limit.operation, limit.window, limit.amount, limit.features)
        for limit in LIMITS
    ]
    shipped = [
        (pack.id, tier.id, rule.metric, rule.operations[0], rule.window, _text(rule.amount), rule.applies_if)
        for pack in PACKS.packs()
        for tier in pack.tiers
        for rule in tier.rules
        for _ in (Direction if rule.direction == "both_separately" and rule.metric == "flow" else "x")
    ]
    assert sorted(stated, key=str) == sorted(shipped, key=str)
    assert {limit.pack for limit in LIMITS} == set(PACKS.ids())
    assert len(PACKS.ids()) == 29


def _text(amount: Decimal | str | None) -> str | None:
    return None if amount is None else str(amount)


@pytest.mark.parametrize("limit", CAPPED, ids=str)
def test_each_limit_one_unit_below_at_and_above(limit: Limit) -> None:
    most = minor(limit, RATES[limit.unit])
    demand_respected(limit, most, moment(PACKS.pack(limit.pack), limit.unit))


@pytest.mark.parametrize("limit", [limit for limit in LIMITS if limit not in CAPPED], ids=str)
def test_no_limit_and_not_known_are_different_things(limit: Limit) -> None:
    said = probe(limit, 10**14, 0, moment(PACKS.pack(limit.pack)), operations(limit)[0])
    if limit.amount == "none":
        assert said.rule is None or f"/{limit.metric}-{limit.direction}" not in said.rule
    else:
        assert (said.decision, said.unknown, said.limit) == ("deny", True, None)
        assert said.headroom == 0


def _ask(pack: str, tier: str, operation: str, amount: str, at: str, **state: Any) -> Explanation:
    said = read_state(state | {"at": at})
    return explain(PACKS.pack(pack), tier, operation, amount, said, datetime(2026, 6, 1, tzinfo=UTC))[1]


# Dates


@pytest.mark.parametrize(
    ("at", "pack_then"),
    [
        ("2019-12-31T12:00:00+01:00", "eu-amld4-2015"),
        ("2020-01-09T23:59:59.999999+01:00", "eu-amld4-2015"),
        ("2020-01-10T00:00:00+01:00", "eu-amld5-art12"),
        ("2027-07-09T21:59:59+00:00", "eu-amld5-art12"),
        ("2027-07-09T22:00:00+00:00", "eu-amlr-19-7"),
        ("2030-01-01T00:00:00", "eu-amlr-19-7"),
    ],
)
def test_a_wallet_is_under_the_version_of_the_local_day(at: str, pack_then: str) -> None:
    refused = _ask("eu-amld4-2015", "anonymous_emoney", "redeem_cash", "100.01", at)
    assert refused.rule is not None
    assert refused.rule.split("/")[0] == pack_then


def test_history_replays_under_the_numbers_of_its_day() -> None:
    def redeem(amount: str, at: str) -> str:
        return _ask("eu-amld4-2015", "anonymous_emoney", "redeem_cash", amount, at).decision

    assert [redeem("75", f"{day}T12:00:00") for day in ("2020-01-09", "2020-01-10", "2027-07-10")] == [
        "allow",
        "require_cdd",
        "deny",
    ]

    def remote(at: str) -> str:
        return _ask("eu-amld5-art12", "anonymous_emoney", "pay_remote", "60", at).decision

    assert [remote("2027-07-09T23:59:59"), remote("2027-07-10T00:00:00")] == ["require_cdd", "allow"]


def test_what_becomes_of_reloadable_instruments_when_reloading_is_no_longer_exempt() -> None:
    for at, load, second in (("2027-07-09", "allow", "allow"), ("2027-07-10", "allow", "deny")):
        tier = ("eu-amld5-art12", "anonymous_emoney", "load", "10", at)
        assert _ask(*tier).decision == load
        assert _ask(*tier, loaded_before=True).decision == second
        assert (
            _ask(*tier, used=[{"operation": "load_card", "window": "lifetime", "amount": 1}]).decision
            == second
        )
    said = _ask("eu-amlr-19-7", "low_value_nonreloadable", "load", "10", "2027-08-01", reloadable=True)
    assert (said.decision, str(said.rule).rsplit("/", 1)[1]) == ("require_cdd", "requires-not_reloadable")


@pytest.mark.parametrize(
    ("pack", "tier", "at"),
    [
        ("gh-bog-2024", "minimum", "2024-02-29T23:59:59+00:00"),
        ("zm-boz-2020", "individual_tier1", "2023-07-14T00:00:00+02:00"),
        ("uk-mlr2017-reg38-eur", "low_risk_emoney", "2026-06-30T00:00:00+01:00"),
        ("uk-mlr2017-reg38-gbp", "low_risk_emoney", "2026-06-29T23:59:59+01:00"),
        ("co-bajo-monto", "low_amount_deposit", "2026-12-31T00:00:00-05:00"),
    ],
)
def test_outside_its_dates_a_pack_allows_nothing_but_redemption(pack: str, tier: str, at: str) -> None:
    for operation in ("load", "pay_any", "p2p_in", "cash_out"):
        said = _ask(pack, tier, operation, "0.01", at)
        assert (said.decision, said.unknown) == ("deny", True)
        assert "in force" in str(said.rule).replace("-", " ") or "denied-" in str(said.rule)
    assert _ask(pack, tier, "redeem_bank", "0.01", at).decision == "allow"


def test_a_draft_answers_and_nobody_can_be_put_under_it() -> None:
    said = _ask("in-rbi-ppi-2026-draft", "full_kyc", "p2p_out", "25000.01", "1999-01-01")
    assert str(said.rule).endswith("/flow-out-p2p_out-calendar_month")


# Conditions


@pytest.mark.parametrize(
    ("state", "amount", "decision"),
    [
        ({}, "1", "deny"),  # reloadable: no cash
        ({"reloadable": False}, "50", "allow"),
        ({"reloadable": False}, "50.01", "deny"),
        ({"reloadable": False, "loaded_before": True}, "1", "deny"),
        (
            {"reloadable": False, "used": [{"operation": "load_cash", "window": "lifetime", "amount": 1}]},
            "1",
            "deny",
        ),
    ],
)
def test_cash_in_france(state: dict[str, Any], amount: str, decision: str) -> None:
    said = _ask("fr-cmf-r561-16-1", "anonymous_emoney", "load_cash", amount, "2026-06-01", **state)
    assert said.decision == decision


def test_a_monthly_limit_of_reloadable_instruments_is_for_them_only() -> None:
    month = [{"operation": "pay_any", "window": "calendar_month", "amount": 150}]
    tier = ("eu-amld5-art12", "anonymous_emoney", "pay_any", "1", "2026-06-01")
    assert _ask(*tier, used=month).decision == "deny"
    assert _ask(*tier, used=month, reloadable=True).decision == "deny"
    assert _ask(*tier, used=month, reloadable=False).decision == "allow"


@pytest.mark.parametrize(
    ("opened", "at", "decision"),
    [
        ("2024-06-15", "2026-06-14T23:59:59+05:30", "allow"),
        ("2024-06-15", "2026-06-15T00:00:00+05:30", "require_upgrade"),
        ("2024-02-29", "2026-02-27T23:59:59+05:30", "allow"),
        ("2024-02-29", "2026-02-28T00:00:00+05:30", "require_upgrade"),  # no 29th that year
        (None, "2026-06-15T00:00:00+05:30", "allow"),  # opened now
    ],
)
def test_small_instruments_in_india_are_upgraded_within_24_months(
    opened: str | None, at: str, decision: str
) -> None:
    state = {"opened": opened} if opened else {}
    assert _ask("in-rbi-ppi-2021", "small_cash", "load_cash", "1", at, **state).decision == decision
    assert _ask("in-rbi-ppi-2021", "small_cash", "pay_any", "1", at, **state).decision == "allow"


def test_what_a_list_of_allowed_operations_leaves_out_is_refused() -> None:
    for operation, decision in {
        "load_cash": "allow",
        "pay_remote": "allow",
        "p2p_in": "deny",
        "remit_in": "deny",
        "cross_border_out": "deny",
        "crypto_out": "deny",
        "redeem_bank": "deny",  # transfers to bank accounts are denied by name
    }.items():
        assert _ask("in-rbi-ppi-2021", "small_cash", operation, "1", "2026-06-01").decision == decision
    # a list that names ways out only leaves the ways in alone
    assert _ask("id-bi-emoney", "registered", "load", "1", "2026-06-01").decision == "allow"
    assert _ask("id-bi-emoney", "registered", "bank_out", "1", "2026-06-01").decision == "deny"
    assert _ask("id-bi-emoney", "registered", "redeem_bank", "1", "2026-06-01").decision == "allow"


def test_a_temporary_override_is_for_its_cohort_and_days() -> None:
    def balance(day: str, **state: Any) -> Decimal | None:
        said = _ask("pk-sbp-bb-2016", "L1", "load", "49999", day, balance=6_000_000, **state)
        return said.limit

    cohort = {"cohorts": ["eid_2024"]}
    assert balance("2024-06-01") == 400_000
    assert [balance(f"2024-{day}", **cohort) for day in ("05-30", "05-31", "06-19", "06-20")] == [
        400_000,
        5_000_000,
        5_000_000,
        400_000,
    ]


# Index units


def test_a_missing_or_stale_rate_refuses_what_is_stated_in_it() -> None:
    for at in ("2024-05-31T23:59:59", "2024-07-01T00:00:00", "2026-11-24"):
        said = _ask("mx-cnbv-niveles", "N2", "load", "1", at)
        assert (said.decision, said.unknown) == ("deny", True)
    assert "stale since 2024-07-01" in str(said.source)
    assert _ask("mx-cnbv-niveles", "N4", "load", "1000000", "2026-11-24").decision == "allow"
    assert _ask("pe-sbs-2026", "simplified", "load", "1", "2027-01-01").unknown


def test_an_amount_in_units_is_rounded_down_and_says_its_rate() -> None:
    said = _ask("mx-cnbv-niveles", "N1", "load", "6091.88", "2024-06-15")
    assert said.limit == Decimal("6091.87")  # 750 x 8.1225 = 6091.875
    assert "750 UDI at 8.1225 MXN, rounded down" in str(said.source)


def test_rates_that_follow_each_other_are_each_for_their_days() -> None:
    content = data.read_yaml("policies", "rates", "UIT.yaml")
    content["rates"].append(
        content["rates"][0] | {"from": date(2027, 2, 1), "to": date(2028, 1, 1), "rate": 5600}
    )
    unit = IndexUnit.model_validate(content)
    spans = [part[:3] for part in unit.amounts(Decimal("1.9"), date(2026, 3, 12), None)]
    assert spans == [
        (date(2026, 3, 12), date(2027, 1, 1), 1_045_000),
        (date(2027, 1, 1), date(2027, 2, 1), None),
        (date(2027, 2, 1), date(2028, 1, 1), 1_064_000),
        (date(2028, 1, 1), None, None),
    ]
    assert [part[2] for part in unit.amounts(Decimal(1), date(2020, 1, 1), date(2021, 1, 1))] == [None]
    content["rates"][1]["from"] = date(2026, 12, 31)
    with pytest.raises(ValueError, match="two rates hold on 2026-12-31"):
        IndexUnit.model_validate(content)


def test_every_unit_that_was_collected_has_its_file() -> None:
    for unit in ("UDI", "UIT", "RMV", "UVT", "SMLMV"):
        assert PACKS.unit(unit).rounding == "down"


# Scopes, windows, and what counts toward what


def test_a_person_is_measured_over_all_wallets_and_a_wallet_by_itself() -> None:
    person = ("waemu-bceao-008-2015", "identified", "load", "1", "2026-06-01")
    assert _ask(*person, balance=0, wallet_balances=[1_000_000, 999_999]).decision == "allow"
    assert _ask(*person, balance=1, wallet_balances=[1_000_000, 999_999]).decision == "deny"  # not among them
    assert _ask(*person, balance=1_000_000, wallet_balances=[1_000_000, 1_000_000]).decision == "deny"
    wallet = ("gh-bog-2024", "minimum", "load", "1", "2026-06-01")
    assert _ask(*wallet, balance=4999, wallet_balances=[4999, 5000]).decision == "allow"
    assert _ask(*wallet, wallet_balances=[4999, 5000]).decision == "deny"  # whichever is meant


def test_above_the_cap_of_the_end_of_the_day_is_allowed_until_it_ends() -> None:
    said = _ask("sg-mas-2023", "personal_payment_account", "load", "0.01", "2026-06-01", balance=20000)
    assert (said.decision, said.until) == ("allow_until_end_of_day", date(2026, 6, 2))
    own = [{"operation": "bank_out_own", "window": "rolling_12m", "amount": 100000}]
    tier = ("sg-mas-2023", "personal_payment_account", "pay_any", "1", "2026-06-01")
    assert _ask(*tier, used=own).decision == "allow"
    assert _ask(*tier, used=[own[0] | {"operation": "bank_out"}]).decision == "deny"  # may be another's


def test_each_payee_has_a_limit_of_its_own() -> None:
    used = [
        {"operation": "p2p_out_registered_payee", "window": "calendar_month", "amount": 200000, "payee": "A"}
    ]
    tier = ("in-rbi-ppi-2021", "full_kyc", "p2p_out_registered_payee", "1", "2026-06-01")
    assert _ask(*tier, used=used, payee="A").decision == "deny"
    assert _ask(*tier, used=used, payee="B").decision == "allow"
    assert _ask(*tier, used=used).decision == "deny"  # whoever is meant


@pytest.mark.parametrize(
    ("used", "left"),
    [
        ([], "300000"),
        ([("load_cash", "day", "1")], "299999"),
        ([("load_cash", "day", "1"), ("load_cash", "calendar_month", "5")], "299995"),  # the day is within
        ([("load_cash", "calendar_month", "5"), ("load_cash", "calendar_month", "6")], "299989"),
        ([("load", "calendar_month", "7")], "299993"),  # may have been cash
        ([("load", "calendar_month", "7"), ("load_cash", "calendar_month", "5")], "299993"),
        ([("load_bank", "calendar_month", "7")], "300000"),
        ([("any", "calendar_month", "7")], "300000"),  # a total, beside the others
        ([("load_cash", "calendar_year", "7")], "300000"),  # reaches further back
    ],
)
def test_what_is_used_counts_where_it_may_belong(used: list[tuple[str, str, str]], left: str) -> None:
    entries = [{"operation": o, "window": w, "amount": a} for o, w, a in used]
    state = {"used": [*entries, {"operation": "load_cash", "window": "calendar_month", "amount": "0"}]}
    pack = PACKS.pack("bd-mfs-2025")
    asked = explain(pack, "personal", "load_cash", "1", read_state(state), datetime(2026, 6, 1, tzinfo=UTC))[
        1
    ]
    assert asked.headroom == min(
        Decimal(left), Decimal(50000) - (1 if ("load_cash", "day", "1") in used else 0)
    )
    profile = compile_profile(pack, pack.tier("personal"))
    [rule] = [each for each in profile.rules if each.id.endswith("flow-in-load_cash-calendar_month")]
    moved = StatedUsage(read_state(state), "BDT", date(2026, 6, 1)).moved(rule, date(2026, 6, 1), None)
    assert Decimal(300000) - Decimal(moved) / 100 == Decimal(left)


def test_both_directions_together_or_apart() -> None:
    both = [
        {"direction": side, "operation": "any", "window": "calendar_month", "amount": 7700}
        for side in ("in", "out")
    ]
    assert _ask("pe-sbs-2026", "simplified", "pay_any", "0.01", "2026-06-01", used=both).decision == "deny"
    either = [{"operation": "any", "window": "calendar_month", "amount": 15399.99}]
    assert _ask("pe-sbs-2026", "simplified", "pay_any", "0.01", "2026-06-01", used=either).decision == "allow"
    assert _ask("pe-sbs-2026", "simplified", "pay_any", "0.02", "2026-06-01", used=either).decision == "deny"
    day = [{"direction": "in", "operation": "any", "window": "day", "amount": 25000}]
    assert _ask("pk-sbp-bb-2016", "L0", "pay_any", "25000", "2026-06-01", used=day).decision == "allow"
    assert _ask("pk-sbp-bb-2016", "L0", "load", "1", "2026-06-01", used=day).decision == "deny"
    bills = [{"operation": "bill_pay", "window": "day", "amount": 25000}]
    assert _ask("pk-sbp-bb-2016", "L0", "pay_present", "1", "2026-06-01", used=bills).decision == "allow"
    assert _ask("pk-sbp-bb-2016", "L0", "bill_pay", "1000000", "2026-06-01").decision == "allow"


def test_a_block_until_the_window_ends_says_when() -> None:
    used = [{"direction": "out", "operation": "any", "window": "calendar_month", "amount": 11024727}]
    said = _ask("co-bajo-monto", "low_amount_deposit", "pay_any", "0.01", "2026-06-30T23:59:59", used=used)
    assert (said.decision, said.until) == ("deny", date(2026, 7, 1))


def test_local_days_on_the_days_when_the_clocks_change_and_in_leap_years() -> None:
    load = ("us-fincen-prepaid", "closed_loop_exempt", "load", "2000.01")
    for at, until in {
        "2026-03-08T04:59:59+00:00": date(2026, 3, 8),
        "2026-03-08T05:00:00+00:00": date(2026, 3, 9),
        "2026-03-09T03:59:59+00:00": date(2026, 3, 9),  # a day of 23 hours
        "2026-03-09T04:00:00+00:00": date(2026, 3, 10),
        "2026-11-01T04:00:00+00:00": date(2026, 11, 2),
        "2026-11-02T04:59:59+00:00": date(2026, 11, 2),  # a day of 25 hours
        "2026-11-02T05:00:00+00:00": date(2026, 11, 3),
        "2028-02-29T04:59:59+00:00": date(2028, 2, 29),
        "2028-02-29T05:00:00+00:00": date(2028, 3, 1),
    }.items():
        assert _ask(*load, at).until == until, at


# What packs compile to


@pytest.mark.parametrize("pack_id", PACKS.ids())
def test_every_rule_says_where_it_is_from_and_what_it_is_of(pack_id: str) -> None:
    pack = PACKS.pack(pack_id)
    profiles = [compile_profile(pack, tier) for tier in pack.tiers]
    for profile in profiles:
        for rule in profile.rules:
            assert pack.legal in rule.source or rule.valid_from is not None
            assert rule.operations  # empty would mean every operation
            assert all(rule.id.split("/")[:2] != ["", ""] for rule in profile.rules)


def test_dated_versions_of_a_rule_never_overlap() -> None:
    features = [
        Features(),
        Features(reloadable=False, loaded_with_cash=True, cohorts=frozenset({"eid_2024"})),
    ]
    for pack in PACKS.packs():
        for tier in pack.tiers:
            for feature in features:
                by_id: dict[str, list[tuple[date, date]]] = {}
                for rule in compile_profile(pack, tier, feature).rules:
                    span = (rule.valid_from or date.min, rule.valid_to or date.max)
                    by_id.setdefault(rule.id, []).append(span)
                for spans in by_id.values():
                    spans.sort()
                    assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_a_wallet_that_is_not_reloadable_counts_its_loads() -> None:
    pack = PACKS.pack("fr-cmf-r561-16-1")
    profile = compile_profile(pack, pack.tiers[0], Features(reloadable=False))
    [loads] = [rule for rule in profile.rules if rule.id.endswith("anonymous_emoney/denied-load_reload")]
    assert (loads.direction, loads.window, loads.amount) == (Direction.IN, Window.LIFETIME, 1)


def test_an_unknown_number_is_not_no_limit() -> None:
    pack = PACKS.pack("tz-emoney-2015")
    [rule] = [r for r in compile_profile(pack, pack.tiers[0]).rules if r.id.endswith("/balance")]
    assert (rule.bound, rule.amount) == (Bound.UNKNOWN, None)


# Packs against each other


def _spoilt(pack_id: str, **change: Any) -> Any:
    return PACKS.parse(data.read_yaml("policies", f"{pack_id}.yaml") | change)


@pytest.mark.parametrize(
    ("pack_id", "change", "said"),
    [
        (
            "uk-mlr2017-reg38-gbp",
            {"valid": {"from": date(2026, 6, 1), "to": None, "confidence": "primary"}},
            r"both in force from 2026-06-01 until 2026-06-30: end the earlier",
        ),
        (
            "eu-amlr-19-7",
            {"valid": {"from": date(2027, 7, 11), "to": None, "confidence": "primary"}},
            r"ends on 2027-07-10 and its successor eu-amlr-19-7 begins on 2027-07-11",
        ),
        ("eu-amlr-19-7", {"currency": "SEK"}, "its successor eu-amlr-19-7 in SEK"),
        ("eu-amlr-19-7", {"status": "draft"}, "successor eu-amlr-19-7 is a draft"),
        (
            "eu-amld4-2015",
            {"succeeded_by": {"pack": "eu-amld6", "tiers": {"anonymous_emoney": "x"}}},
            "'eu-amld6', which is no policy pack",
        ),
        (
            "eu-amld4-2015",
            {"succeeded_by": {"pack": "eu-amld5-art12", "tiers": {"anonymous_emoney": "x"}}},
            "eu-amld5-art12 has no tier 'x'; it has anonymous_emoney",
        ),
    ],
)
def test_packs_that_contradict_each_other_are_refused(
    pack_id: str, change: dict[str, Any], said: str
) -> None:
    packs = [pack for pack in PACKS.packs() if pack.id != pack_id]
    with pytest.raises(InvalidPack, match=said):
        demand_none_between([*packs, _spoilt(pack_id, **change)])


def test_a_day_before_and_after_are_apart() -> None:
    """Successors meet on one day: what is stated to end on it is in force until its midnight."""
    for pack in PACKS.packs():
        if pack.succeeded_by is not None:
            after = PACKS.pack(pack.succeeded_by.pack)
            assert pack.valid.to == after.valid.from_
            assert pack.valid.to is not None
            eve = datetime.combine(pack.valid.to - timedelta(days=1), datetime.min.time(), UTC)
            assert pack.in_force(eve + timedelta(hours=12))
            assert not after.in_force(eve + timedelta(hours=12))
