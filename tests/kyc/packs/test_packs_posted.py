"""Packs enforced in the posting: edges of windows in local time, persons, payees, versions, units, age."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from shipped import PACKS

from emoney import data
from emoney.kyc import NewWallet, open_wallets
from emoney.ledger import Operation, Outcome
from emoney.ledger.base.ids import new_id

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
Open = Callable[[str], Any]


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _refused(outcome: Outcome) -> str | None:
    """The last part of the rule that refused a transfer."""
    return None if outcome.refusal is None else outcome.refusal.rule.rsplit("/", 1)[1]


def _wallet(at: Any, pack_id: str, tier: str, holder: UUID | None = None, opened: datetime = NOW) -> UUID:
    account = new_id()
    with at.database.connection() as connection:
        open_wallets(
            connection, PACKS.pack(pack_id), [NewWallet(account, str(account), tier, opened, holder)]
        )
    return account


@pytest.mark.parametrize(
    ("first", "last", "after"),
    [
        ("2027-03-14T00:00:00-05:00", "2027-03-14T23:59:59-04:00", "2027-03-15T00:00:00-04:00"),  # 23 hours
        ("2026-11-01T00:00:00-04:00", "2026-11-01T23:59:59-05:00", "2026-11-02T00:00:00-05:00"),  # 25 hours
        ("2028-02-29T00:00:00-05:00", "2028-02-29T23:59:59-05:00", "2028-03-01T00:00:00-05:00"),
    ],
)
def test_a_day_is_the_local_one_when_clocks_change_and_in_leap_years(
    till: Open, first: str, last: str, after: str
) -> None:
    at = till("USD")
    wallet = _wallet(at, "us-fincen-prepaid", "closed_loop_exempt")
    before = _at(first) - timedelta(seconds=1)
    assert at.load(wallet, "2000", before).posted
    assert at.load(wallet, "1999.99", _at(first)).posted
    assert at.load(wallet, "0.01", _at(last)).posted
    assert _refused(at.load(wallet, "0.01", _at(last))) == "flow-in-load-day"
    assert at.load(wallet, "2000", _at(after)).posted


def test_a_month_with_a_leap_day_and_a_change_of_clocks(till: Open) -> None:
    at = till("EUR")
    wallet = _wallet(at, "eu-amld5-art12", "anonymous_emoney")
    at.load(wallet, "150", _at("2024-02-01T00:00:00+01:00"))
    assert at.send(wallet, "150", Operation.PAY, _at("2024-02-29T23:59:59+01:00")).posted
    at.load(wallet, "150", _at("2024-02-29T23:59:59+01:00"))
    refused = at.send(wallet, "0.01", Operation.PAY, _at("2024-02-01T00:00:00+01:00"))
    assert _refused(refused) == "flow-out-pay_any-calendar_month"
    assert at.send(wallet, "150", Operation.PAY, _at("2024-03-01T00:00:00+01:00")).posted
    at.load(wallet, "150", _at("2024-03-31T12:00:00+02:00"))
    assert not at.send(wallet, "0.01", Operation.PAY, _at("2024-03-31T23:59:59+02:00")).posted  # summer
    assert at.send(wallet, "0.01", Operation.PAY, _at("2024-04-01T00:00:00+02:00")).posted


def test_thirty_days_and_twelve_months_roll(till: Open) -> None:
    at = till("EUR")
    wallet = _wallet(at, "fr-cmf-r561-16-1", "anonymous_emoney")
    at.load(wallet, "150", _at("2024-02-01T12:00:00+01:00"))
    assert at.send(wallet, "150", Operation.PAY, _at("2024-02-01T12:00:00+01:00")).posted
    assert _refused(at.load(wallet, "0.01", _at("2024-03-01T23:59:59+01:00"))) == "flow-in-load-rolling_30d"
    assert at.load(wallet, "150", _at("2024-03-02T00:00:00+01:00")).posted  # the 31st day, by a leap day

    at = till("SGD")
    wallet = _wallet(at, "sg-mas-2023", "personal_payment_account")
    at.load(wallet, "100001", _at("2027-03-01T12:00:00+08:00"))
    assert at.send(wallet, "100000", Operation.PAY, _at("2027-03-01T12:00:00+08:00")).posted
    refused = at.send(wallet, "1", Operation.PAY, _at("2028-02-29T23:59:59+08:00"))
    assert _refused(refused) == "flow-out-any-rolling_12m-per_person"
    assert at.send(wallet, "1", Operation.PAY, _at("2028-03-01T00:00:00+08:00")).posted


def test_above_the_cap_of_the_end_of_the_day_is_posted(till: Open) -> None:
    at = till("SGD")
    wallet = _wallet(at, "sg-mas-2023", "personal_payment_account")
    assert at.load(wallet, "20000.01").posted


def test_a_person_is_measured_over_all_wallets(till: Open) -> None:
    at, holder = till("XOF"), uuid4()
    one, two = (_wallet(at, "waemu-bceao-008-2015", "identified", holder) for _ in range(2))
    other = _wallet(at, "waemu-bceao-008-2015", "identified", uuid4())
    assert at.load(one, "1999999").posted
    assert at.load(two, "1").posted
    assert _refused(at.load(two, "1")) == "balance-per_person"
    assert at.load(other, "2000000").posted


def test_each_payee_has_a_limit_of_its_own(till: Open) -> None:
    at = till("INR")
    wallet = _wallet(at, "in-rbi-ppi-2021", "full_kyc")
    shop = at.peer
    at.load(wallet, "200000")
    assert at.pay(wallet, shop, "200000", Operation.P2P_REGISTERED).posted
    at.load(wallet, "200000")
    refused = at.pay(wallet, shop, "0.01", Operation.P2P_REGISTERED)
    assert _refused(refused) == "flow-out-p2p_out_registered_payee-calendar_month-per_payee"
    other = new_id()
    with at.database.connection() as connection:
        open_wallets(
            connection, PACKS.pack("in-rbi-ppi-2021"), [NewWallet(other, "other", "full_kyc", NOW, uuid4())]
        )
    assert at.pay(wallet, other, "0.01", Operation.P2P_REGISTERED).posted
    assert (
        _refused(at.pay(wallet, other, "10000.01", Operation.P2P)) == "flow-out-p2p_out_other-calendar_month"
    )


def test_history_replays_under_the_version_of_its_day(till: Open) -> None:
    at = till("EUR")
    wallet = _wallet(at, "eu-amld4-2015", "anonymous_emoney", opened=_at("2016-01-01T00:00:00+01:00"))
    rules = []
    for day in ("2020-01-09T23:59:59+01:00", "2020-01-10T00:00:00+01:00", "2027-07-10T00:00:00+02:00"):
        when = _at(day)
        at.send(wallet, "150", Operation.REDEEM_OWN_BANK, when)
        at.load(wallet, "150", when)
        outcome = at.send(wallet, "75", Operation.REDEEM_CASH, when)
        rules.append(None if outcome.refusal is None else (outcome.refusal.rule, outcome.refusal.decision))
    assert rules == [
        None,
        ("eu-amld5-art12/anonymous_emoney/single-out-redeem_cash", "require_cdd"),
        ("eu-amlr-19-7/low_value_nonreloadable/denied-redeem_cash+cash_out", "deny"),
    ]
    # what was loaded before counts: the instrument is not reloadable any more, and redemption stays open
    assert _refused(at.load(wallet, "0.01", _at("2027-07-10T12:00:00+02:00"))) == "denied-load_reload"
    assert at.send(wallet, "75", Operation.REDEEM_OWN_BANK, _at("2027-07-10T12:00:00+02:00")).posted


def test_after_a_pack_has_ended_only_redemption_is_left(till: Open) -> None:
    at = till("ZMW")
    wallet = _wallet(at, "zm-boz-2020", "individual_tier1")
    assert at.load(wallet, "100", _at("2023-07-13T23:59:59+02:00")).posted
    ended = _at("2023-07-14T00:00:00+02:00")
    assert _refused(at.load(wallet, "1", ended)) == "no-longer-in-force"
    assert _refused(at.send(wallet, "1", Operation.PAY, ended)) == "no-longer-in-force"
    assert at.send(wallet, "100", Operation.REDEEM_OWN_BANK, ended).posted


def test_small_wallets_take_no_credit_after_24_months_and_pay_on(till: Open) -> None:
    at = till("INR")
    wallet = _wallet(at, "in-rbi-ppi-2021", "small_cash", opened=_at("2024-02-29T12:00:00+05:30"))
    assert at.load(wallet, "100", _at("2026-02-27T23:59:59+05:30")).posted
    late = at.load(wallet, "1", _at("2026-02-28T00:00:00+05:30"))
    assert (_refused(late), late.refusal.decision if late.refusal else None) == (
        "time-limit",
        "require_upgrade",
    )
    assert at.send(wallet, "100", Operation.PAY, _at("2026-02-28T00:00:00+05:30")).posted


@pytest.mark.parametrize(
    ("opened", "last", "after"),
    [
        ("2024-03-15T10:00:00+00:00", "2025-03-14T23:59:59+00:00", "2025-03-15T00:00:00+00:00"),
        ("2024-02-29T10:00:00+00:00", "2025-02-27T23:59:59+00:00", "2025-02-28T00:00:00+00:00"),
    ],
)
def test_who_is_not_verified_within_12_months_takes_no_further_credit(
    till: Open, opened: str, last: str, after: str
) -> None:
    """What the text does afterwards is not known: nothing is taken, and payments and redemption go on."""
    content = data.read_yaml("policies", "gh-bog-2024.yaml")
    limit = {"within": "P12M", "from": "opening", "then": "unknown", "source": "gh2024"}
    content["tiers"][0]["time_limit"] = limit | {"confidence": "primary"}
    pack, at, wallet = PACKS.parse(content), till("GHS"), new_id()
    with at.database.connection() as connection:
        open_wallets(connection, pack, [NewWallet(wallet, "w", "minimum", _at(opened))])
    assert at.load(wallet, "100", _at(last)).posted
    late = at.load(wallet, "1", _at(after))
    assert (_refused(late), late.refusal.decision if late.refusal else None) == ("time-limit", "require_cdd")
    assert at.receive(wallet, "1", Operation.P2P, _at(after)).refusal
    assert at.send(wallet, "10", Operation.PAY, _at(after)).posted
    assert at.send(wallet, "90", Operation.REDEEM_CASH, _at(after)).posted


def test_an_index_unit_is_worth_the_rate_of_the_day(till: Open) -> None:
    at = till("PEN")
    wallet = _wallet(at, "pe-sbs-2026", "simplified")
    when = _at("2026-12-31T23:59:59-05:00")
    for amount in ("3300", "3300", "3300", "549.99", "0.01"):
        assert at.load(wallet, amount, when).posted
    assert _refused(at.load(wallet, "0.01", when)) == "balance-per_person"
    stale = at.load(wallet, "0.01", _at("2027-01-01T00:00:00-05:00"))
    assert stale.refusal is not None
    assert stale.refusal.limit is None
    assert "the last rate of UIT known is stale since 2027-01-01" in stale.refusal.source


def test_debits_and_credits_are_counted_apart_and_bills_not_at_all(till: Open) -> None:
    at = till("PKR")
    wallet = _wallet(at, "pk-sbp-bb-2016", "L0")
    assert at.load(wallet, "25000").posted
    assert at.send(wallet, "24000", Operation.PAY).posted
    assert at.send(wallet, "1000", Operation.BILL).posted
    assert _refused(at.load(wallet, "0.01")) == "flow-in-any-day"
    tomorrow = NOW + timedelta(days=1)
    assert at.load(wallet, "15000", tomorrow).posted
    assert _refused(at.load(wallet, "0.01", tomorrow)) == "flow-in-any-calendar_month"
