"""Each limit of the shipped packs through the real ledger: below, at and above, and when its window ends."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shipped import PACKS

from emoney import data
from emoney.kyc.limits.compile import compile_profile
from emoney.ledger import Database, Operation, Outcome
from emoney.ledger.limits import profiles
from emoney.ledger.limits.rules import Bound

CENT = Decimal("0.01")
NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
Open = Callable[[str], Any]

GHANA = {
    "minimum": ("3000", "10000", "5000"),
    "medium": ("15000", "none", "40000"),
    "enhanced": ("25000", "none", "75000"),
}


def _refused_by(outcome: Outcome, rule: str, decision: str, limit: str) -> bool:
    refusal = outcome.refusal
    assert refusal is not None
    assert (refusal.rule, refusal.decision) == (rule, decision)
    assert refusal.limit == int(Decimal(limit) * 100)
    return True


@pytest.mark.parametrize("tier", GHANA)
def test_ghana_balance(till: Open, tier: str) -> None:
    at, cap = till("GHS"), GHANA[tier][2]
    wallet = at.wallet(PACKS.pack("gh-bog-2024"), tier)
    assert at.load(wallet, str(Decimal(cap) - CENT)).posted
    assert at.load(wallet, "0.01").posted
    assert _refused_by(at.load(wallet, "0.01"), f"gh-bog-2024/{tier}/balance", "deny", cap)
    assert _refused_by(at.receive(wallet, "0.01", Operation.P2P), f"gh-bog-2024/{tier}/balance", "deny", cap)


@pytest.mark.parametrize("tier", GHANA)
def test_ghana_day_and_local_midnight(till: Open, tier: str) -> None:
    at, cap = till("GHS"), GHANA[tier][0]
    wallet = at.wallet(PACKS.pack("gh-bog-2024"), tier)
    rule = f"gh-bog-2024/{tier}/flow-out-any-day"
    late = datetime(2026, 6, 10, 23, 59, 59, tzinfo=UTC)  # Accra's clock is UTC's
    at.load(wallet, GHANA[tier][2])
    assert at.send(wallet, str(Decimal(cap) - CENT), Operation.P2P, late - timedelta(hours=9)).posted
    assert at.send(wallet, "0.01", Operation.PAY, late).posted
    for operation in (
        Operation.P2P,
        Operation.PAY,
        Operation.CASH_OUT,
        Operation.BILL,
        Operation.REDEEM_BANK,
    ):
        assert _refused_by(at.send(wallet, "0.01", operation, late), rule, "deny", cap)
    at.load(wallet, "10")
    assert at.send(wallet, "0.01", Operation.P2P, late + timedelta(seconds=1)).posted


def test_ghana_month_and_its_end(till: Open) -> None:
    at = till("GHS")
    wallet = at.wallet(PACKS.pack("gh-bog-2024"), "minimum")
    for day in (10, 11, 12):
        assert at.load(wallet, "3000").posted
        assert at.send(wallet, "3000", Operation.P2P, NOW.replace(day=day)).posted
    at.load(wallet, "3000")
    last = datetime(2026, 6, 30, 23, 59, tzinfo=UTC)
    assert at.send(wallet, "999.99", Operation.P2P, last).posted
    assert at.send(wallet, "0.01", Operation.P2P, last).posted
    over = at.send(wallet, "0.01", Operation.P2P, last)
    assert _refused_by(over, "gh-bog-2024/minimum/flow-out-any-calendar_month", "deny", "10000")
    assert over.refusal.headroom == 0
    assert at.send(wallet, "0.01", Operation.P2P, last + timedelta(minutes=1)).posted


@pytest.mark.parametrize("tier", ["medium", "enhanced"])
def test_ghana_months_without_a_limit(till: Open, tier: str) -> None:
    at, day = till("GHS"), GHANA[tier][0]
    wallet = at.wallet(PACKS.pack("gh-bog-2024"), tier)
    for number in range(20):
        assert at.load(wallet, day).posted
        assert at.send(wallet, day, Operation.P2P, datetime(2026, 6, 1 + number, tzinfo=UTC)).posted


def test_europe_balance(till: Open) -> None:
    at = till("EUR")
    wallet = at.wallet(PACKS.pack("eu-amld5-art12"), "anonymous_emoney")
    assert at.load(wallet, "149.99").posted
    assert at.load(wallet, "0.01").posted
    assert _refused_by(at.load(wallet, "0.01"), "eu-amld5-art12/anonymous_emoney/balance", "deny", "150")


def test_europe_month_ends_at_local_midnight(till: Open) -> None:
    at = till("EUR")
    wallet = at.wallet(PACKS.pack("eu-amld5-art12"), "anonymous_emoney")
    ends = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)  # the first of July in Brussels
    at.load(wallet, "150")
    assert at.send(wallet, "149.99", Operation.PAY, ends - timedelta(days=20)).posted
    assert at.send(wallet, "0.01", Operation.PAY_REMOTE, ends - timedelta(seconds=1)).posted
    at.load(wallet, "150")
    over = at.send(wallet, "0.01", Operation.PAY, ends - timedelta(seconds=1))
    rule = "eu-amld5-art12/anonymous_emoney/flow-out-pay_any-calendar_month"
    assert _refused_by(over, rule, "deny", "150")
    assert at.send(wallet, "0.01", Operation.PAY, ends).posted


@pytest.mark.parametrize(
    ("operation", "rule"),
    [
        (Operation.REDEEM_CASH, "redeem_cash"),
        (Operation.CASH_OUT, "cash_out"),
        (Operation.PAY_REMOTE, "pay_remote"),
        (Operation.BILL, "pay_remote"),
    ],
)
def test_europe_above_fifty_needs_due_diligence(till: Open, operation: Operation, rule: str) -> None:
    at = till("EUR")
    wallet = at.wallet(PACKS.pack("eu-amld5-art12"), "anonymous_emoney")
    at.load(wallet, "150")
    assert at.send(wallet, "49.99", operation).posted
    assert at.send(wallet, "50.00", operation).posted
    over = at.send(wallet, "50.01", operation)
    rule = f"eu-amld5-art12/anonymous_emoney/single-out-{rule}"
    assert _refused_by(over, rule, "require_cdd", "50")
    assert "Directive (EU) 2015/849 art. 12" in over.refusal.source


def test_europe_redemption_to_a_bank_is_open(till: Open) -> None:
    at = till("EUR")
    wallet = at.wallet(PACKS.pack("eu-amld5-art12"), "anonymous_emoney")
    at.load(wallet, "150")
    assert at.send(wallet, "150", Operation.REDEEM_BANK).posted


def test_europe_goods_and_services_only(till: Open) -> None:
    at = till("EUR")
    wallet = at.wallet(PACKS.pack("eu-amld5-art12"), "anonymous_emoney")
    at.load(wallet, "10")
    tier = "eu-amld5-art12/anonymous_emoney"
    assert _refused_by(at.send(wallet, "0.01", Operation.P2P), f"{tier}/denied-p2p_out", "deny", "0")
    assert _refused_by(at.receive(wallet, "0.01", Operation.P2P), f"{tier}/denied-p2p_in", "deny", "0")


def test_a_number_not_known_refuses_everything_it_applies_to(till: Open) -> None:
    content = data.read_yaml("policies", "gh-bog-2024.yaml")
    content["tiers"][0]["rules"][0] |= {"amount": None, "confidence": "unknown"}
    at = till("GHS")
    wallet = at.wallet(PACKS.parse(content), "minimum")
    assert at.load(wallet, "10").posted
    refused = at.send(wallet, "0.01", Operation.P2P)
    assert refused.refusal.rule == "gh-bog-2024/minimum/flow-out-any-day"
    assert refused.refusal.limit is None
    assert "confidence unknown" in refused.refusal.source


def test_counts(till: Open) -> None:
    content = data.read_yaml("policies", "gh-bog-2024.yaml")
    count = {"metric": "count", "direction": "out", "operations": ["cash_out"], "window": "day", "amount": 2}
    content["tiers"][0]["rules"].append(content["tiers"][0]["rules"][0] | count)
    at = till("GHS")
    wallet = at.wallet(PACKS.parse(content), "minimum")
    at.load(wallet, "10")
    assert [at.send(wallet, "0.01", Operation.CASH_OUT).posted for _ in range(3)] == [True, True, False]
    assert at.send(wallet, "0.01", Operation.P2P).posted


@pytest.mark.parametrize("pack_id", PACKS.ids())
def test_profiles_survive_storage(database: Database, pack_id: str) -> None:
    pack = PACKS.pack(pack_id)
    for tier in pack.tiers:
        profile = compile_profile(pack, tier)
        assert all("confidence" in rule.source or "in force" in rule.source for rule in profile.rules)
        assert all(Operation.OPENING not in rule.operations for rule in profile.rules)
        with database.connection() as connection:
            stored = profiles.store(connection, profile)
            assert profiles.store(connection, profile) == stored
            assert profiles.load(connection, [stored])[stored] == profile


@given(st.decimals(0, 10**6, places=2), st.sampled_from(["none", None]))
def test_any_amount_compiles_to_minor_units_and_its_absence_to_a_bound(
    amount: Decimal, absent: str | None
) -> None:
    content = data.read_yaml("policies", "eu-amld5-art12.yaml")
    rules = content["tiers"][0]["rules"]
    rules[0]["amount"] = str(amount)
    rules[1] |= {"amount": absent, "confidence": "primary" if absent else "unknown"}
    pack = PACKS.parse(content)
    tier = f"{pack.id}/{pack.tiers[0].id}/"
    found = {rule.id.removeprefix(tier): rule for rule in compile_profile(pack, pack.tiers[0]).rules}
    balance, flow = found["balance"], found["flow-out-pay_any-calendar_month"]
    assert (balance.bound, balance.amount) == (Bound.CAPPED, int(amount * 100))
    assert (flow.bound, flow.amount) == (Bound.NONE if absent else Bound.UNKNOWN, None)
