"""`emoney receipts`: recorded, listed, confirmed and withdrawn, and what is issued against."""

import json
from typing import Any

import pytest
from commands import Command
from reader_logins import login_in
from unfunded import unfunded

from emoney.ledger import AccountKind, Database, Ledger, Operation, Transfer
from emoney.ledger.base.ids import new_id

BY = ("--actor", "treasury-1", "--reason", "credited by the bank")
OTHER = ("--actor", "controller-2", "--reason", "checked")


@pytest.fixture
def ledger(database: Database, owner_url: str) -> Ledger:
    """An account at the bank and a shop, on a ledger that has received nothing."""
    unfunded(owner_url)
    ledger = Ledger(database)
    ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank-1")
    ledger.open_account(AccountKind.MERCHANT, "GHS", "shop-1")
    return ledger


def load(ledger: Ledger, minor: int, reference: str) -> str | None:
    bank, shop = (
        ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank-1"),
        ledger.open_account(AccountKind.MERCHANT, "GHS", "shop-1"),
    )
    (outcome,) = ledger.post([Transfer(new_id(), bank, shop, minor, "GHS", Operation.LOAD, reference)])
    return outcome.refusal and outcome.refusal.rule


def asked(command: Command, *arguments: str) -> Any:
    code, out, err = command("receipts", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_a_receipt_is_recorded_issued_on_and_shown(command: Command, ledger: Ledger) -> None:
    assert load(ledger, 1, "slip 1") == "receipt.unknown"
    made = asked(command, "record", "bank-1", "slip 1", "4000.00", *BY)
    assert (made["amount"], made["left"], made["purpose"]) == ("4000.00", "4000.00", "issue")
    assert load(ledger, 3_000_00, "slip 1") is None
    assert load(ledger, 1_000_01, "slip 1") == "receipt.amount"
    shown = asked(command, "show", "bank-1", "slip 1")
    assert (shown["drawn"], shown["left"], shown["actor"]) == ("3000.00", "1000.00", "treasury-1")
    assert [each["amount"] for each in shown["issues"]] == ["3000.00"]
    assert [each["id"] for each in asked(command, "list", "--account", "bank-1", "--open")] == [made["id"]]
    code, out, _ = command("receipts", "list")
    assert code == 0
    assert "slip 1" in out
    assert "1,000.00 GHS" in out
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = command("receipts", "show", "bank-1", "slip 1")
    assert (code, "credited by the bank" in out) == (0, True)


def test_two_persons_withdraw(command: Command, ledger: Ledger) -> None:
    assert command("receipts", "record", "bank-1", "slip 1", "40", *BY)[0] == 0
    request = asked(command, "withdraw", "bank-1", "slip 1", "30.00", *BY)["request"]
    code, out, _ = command("receipts", "approve", request, *BY, "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "same_person")
    assert asked(command, "approve", request, *OTHER)["left"] == "10.00"
    assert load(ledger, 10_01, "slip 1") == "receipt.amount"
    again = asked(command, "withdraw", "bank-1", "slip 1", *BY)["request"]
    assert asked(command, "reject", again, *OTHER)["outcome"] == "rejected"
    assert load(ledger, 10_00, "slip 1") is None


def test_the_policy_is_shown_and_set(command: Command, ledger: Ledger) -> None:
    assert asked(command, "policy")["policy"] == "receipt"
    assert command("receipts", "policy", "prefunded")[0] == 2
    assert asked(command, "policy", "prefunded", *BY)["changes"][0]["actor"] == "treasury-1"
    assert command("receipts", "record", "bank-1", "day 1", "40.00", *BY)[0] == 0
    assert load(ledger, 40_00, "order 7") is None
    code, out, _ = command("receipts", "policy")
    assert (code, "prefunded" in out) == (0, True)


def test_two_logins_one_records_and_one_posts(
    command: Command, ledger: Ledger, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ledger
    with login_in(owner_url, "treasury", ["emoney_receipts"]) as treasury:
        monkeypatch.setenv("EMONEY_DATABASE_URL", treasury)
        assert asked(command, "record", "bank-1", "slip 1", "40.00", *BY)["left"] == "40.00"
        assert asked(command, "policy", "prefunded", *BY)["policy"] == "prefunded"
        assert len(asked(command, "list")) == 1
        assert command("trial-balance")[0] == 1  # not a member of emoney_app
    with login_in(owner_url, "backend", ["emoney_app"]) as backend:
        monkeypatch.setenv("EMONEY_DATABASE_URL", backend)
        assert asked(command, "show", "bank-1", "slip 1")["left"] == "40.00"
        code, out, _ = command("receipts", "record", "bank-1", "slip 2", "40.00", *BY, "--json")
        assert (code, json.loads(out)["error"]["code"]) == (1, "receipts_denied")


def test_what_cannot_be_is_told(command: Command, ledger: Ledger) -> None:
    assert ledger
    for code, *arguments in (
        ("unknown_account", "record", "bank-9", "slip 1", "1.00", *BY),
        ("wrong_account", "record", "shop-1", "slip 1", "1.00", *BY),
        ("unknown_receipt", "show", "bank-1", "slip 9"),
        ("unknown_bank_entry", "record", "bank-1", "slip 1", "1.00", *BY, "--statement", "S", "--entry", "1"),
        ("amount_too_precise", "record", "bank-1", "slip 1", "1.001", *BY),
    ):
        exit_code, out, _ = command("receipts", *arguments, "--json")
        assert (exit_code, json.loads(out)["error"]["code"]) == (1, code)
    assert command("receipts", "match", "bank-1", "slip 1", *BY)[0] == 2
    assert command("receipts", "match", "bank-1", "--entry", "1", *BY)[0] == 2
    code, out, _ = command("receipts", "match", "bank-1", *BY)
    assert (code, "nothing is confirmed" in out) == (0, True)
