"""Accounts and periods on the command line."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from commands import Command

from emoney.jobs.installation import Emoney
from emoney.kyc.limits.compile import compile_profile
from emoney.ledger import AccountKind
from emoney.ledger.base.errors import LimitsMissing
from emoney.ledger.transfers import everyday as ops
from emoney.testing import open_without_limits


@pytest.fixture
def run(command: Command) -> Command:
    """Runs a command on an installation where an agent and `ama` were issued money some months ago."""
    with Emoney.open(clock=lambda: datetime(2026, 1, 15, tzinfo=UTC)) as emoney:
        bank = emoney.ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank")
        emoney.ledger.open_account(AccountKind.AGENT, "GHS", "north")
        loads = [
            ops.issue(
                funds=bank,
                wallet=open_without_limits(emoney.ledger, kind, "GHS", name),
                amount=amount,
                currency="GHS",
                receipt=name,
                effective_at=datetime(2026, 1, 15, tzinfo=UTC),
            )
            for kind, name, amount in (
                (AccountKind.AGENT, "agent-17", 50_000),
                (AccountKind.CUSTOMER, "ama", 1_234),
            )
        ]
        open_without_limits(emoney.ledger, AccountKind.CUSTOMER, "GHS", "empty")
        assert all(outcome.posted for outcome in emoney.ledger.post(loads))

    return command


def shown(run: Command, account: str) -> dict[str, Any]:
    """An account as JSON."""
    code, out, _ = run("accounts", "show", account, "--json")
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    return found


def test_freezing_and_unfreezing_are_on_record(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMONEY_ACTOR", "ops-4")
    assert run("accounts", "freeze", "ama", "--no-credit", "--reason", "court order 17")[0] == 0
    assert (shown(run, "ama")["frozen_debit"], shown(run, "ama")["frozen_credit"]) == (True, False)
    code, out, _ = run("accounts", "unfreeze", "ama", "--reason", "lifted", "--actor", "ops-5", "--json")
    assert (code, json.loads(out)["kind"]) == (0, "unfreeze")
    found = shown(run, "ama")
    assert (found["frozen_debit"], found["balance"], found["currency"]) == (False, "12.34", "GHS")
    assert [(c["kind"], c["actor"], c["reason"]) for c in found["changes"]] == [
        ("freeze", "ops-4", "court order 17"),
        ("unfreeze", "ops-5", "lifted"),
    ]
    _, out, _ = run("accounts", "show", "ama")
    assert "court order 17" in out


def test_an_account_is_closed_at_zero_only(run: Command) -> None:
    code, _, err = run("accounts", "close", "ama", "--reason", "left")
    assert (code, "12.34 GHS" in err) == (1, True)
    assert run("accounts", "close", "empty", "--reason", "left")[0] == 0
    assert shown(run, "empty")["closed_at"] is not None
    assert run("accounts", "freeze", "empty", "--reason", "x")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("freeze", "ama"), 2),
        (("freeze", "ama", "--no-debit", "--no-credit", "--reason", "x"), 2),
        (("freeze", "nobody", "--reason", "x"), 1),
        (("freeze", "ama", "--reason", ""), 1),
        (("bounds", "ama", "--ceiling", "12.33", "--reason", "x"), 1),
        (("bounds", "ama", "--ceiling", "1e3x", "--reason", "x"), 1),
        (("bounds", "ama", "--ceiling", "12.345", "--reason", "x"), 1),
        (("move", "ama", "--below", "bank", "--reason", "x"), 1),
        (("tree", "--levels", "0"), 2),
        (("show", "nobody"), 1),
    ],
)
def test_what_is_refused_and_what_is_misuse(run: Command, arguments: tuple[str, ...], code: int) -> None:
    before = shown(run, "ama")
    found = run("accounts", *arguments)
    assert (found[0], "Traceback" in found[2]) == (code, False)
    assert shown(run, "ama") == before


def test_bounds_are_in_the_accounts_currency(run: Command) -> None:
    code, out, _ = run("accounts", "bounds", "ama", "--floor", "2", "--ceiling", "12.34", "--reason", "x")
    assert (code, out) == (0, "ama: bounds: floor 2.00 GHS, ceiling 12.34 GHS\n")
    found = shown(run, "ama")
    assert (found["floor"], found["ceiling"]) == ("2.00", "12.34")


def test_limits_are_lifted_by_two_and_the_trial_balance_names_who_is_without(run: Command) -> None:
    refused = run("accounts", "lift-limits", "kofi", "--reason", "a trust", "--actor", "a b")
    assert (refused[0], "Traceback" in refused[2]) == (1, False)
    with Emoney.open() as emoney:
        pack = emoney.packs.pack("gh-bog-2024")
        limits = compile_profile(pack, pack.tier("minimum"))
        kofi = emoney.ledger.open_account(AccountKind.CUSTOMER, "GHS", "kofi", profile=limits)
    assert json.loads(run("trial-balance", "--json")[1])["without_limits"]["wallets"] == 2  # ama and empty
    for name in ("kofi", "yaa"):  # one is there, the other is to be opened
        _, out, _ = run("accounts", "lift-limits", name, "--reason", "a trust", "--actor", "ops-4", "--json")
        request = json.loads(out)["request"]
        approve = ("kyc", "approvals", "approve", request, "--reason", "seen", "--actor")
        assert run(*approve, "OPS-4")[0] == 1
        if name == "yaa":
            with Emoney.open() as emoney, pytest.raises(LimitsMissing):
                emoney.ledger.open_account(AccountKind.CUSTOMER, "GHS", "yaa")
        assert run(*approve, "ops-5")[0] == 0
    with Emoney.open() as emoney:
        yaa = emoney.ledger.open_account(AccountKind.CUSTOMER, "GHS", "yaa")
    found = shown(run, "kofi")
    assert (found["profile"], found["changes"][-1]["kind"]) == (None, "profile")
    assert found["changes"][-1]["actor"] == "ops-5"
    assert [(c["actor"], c["reason"]) for c in shown(run, "yaa")["changes"]] == [("ops-4", "a trust")]
    without = json.loads(run("trial-balance", "--json")[1])["without_limits"]
    assert (without["wallets"], {str(kofi), str(yaa)} <= set(without["ids"])) == (4, True)
    code, out, _ = run("trial-balance")
    assert (code, "4 customers' accounts are under no limits" in out) == (0, True)
    assert "limits: none" in run("accounts", "show", "kofi")[1]


def test_the_tree_rolls_up_what_stands_below(run: Command) -> None:
    assert run("accounts", "move", "agent-17", "--below", "north", "--reason", "chart")[0] == 0
    code, out, _ = run("accounts", "tree", "--json")
    found = json.loads(out)
    (north,) = found["tree"]
    assert (code, north["account"], north["balance"], north["total"], north["below"]) == (
        0,
        "north",
        "0.00",
        "500.00",
        1,
    )
    assert [child["account"] for child in north["children"]] == ["agent-17"]
    assert {(o["kind"], o["accounts"], o["total"]) for o in found["others"]} == {
        ("customer", 2, "12.34"),
        ("safeguarding", 1, "512.34"),
    }
    _, out, _ = run("accounts", "tree", "--at", "2026-01-01", "--json")
    assert json.loads(out)["tree"][0]["total"] == "0.00"
    _, out, _ = run("accounts", "tree")
    assert "  agent-17" in out
    assert shown(run, "agent-17")["parent"] == "north"
    assert run("accounts", "move", "agent-17", "--reason", "chart")[0] == 0
    assert json.loads(run("accounts", "tree", "--json")[1])["tree"] == []


def test_metadata_comes_from_standard_input(run: Command) -> None:
    assert run("accounts", "set-metadata", "ama", given='{"branch": "Osu"}')[0] == 0
    assert shown(run, "ama")["metadata"] == {"branch": "Osu"}
    for bad in ("", "{", "[]", '"x"', "[" * 16_000, '{"k": "' + "x" * 20_000 + '"}', '{"k": NaN}'):
        code, _, err = run("accounts", "set-metadata", "ama", given=bad)
        assert (code, "Traceback" in err) == (1, False)
    assert shown(run, "ama")["metadata"] == {"branch": "Osu"}


def test_a_period_is_closed_listed_and_checked(run: Command) -> None:
    code, out, _ = run("periods", "close", "2026-01", "--time-zone", "Africa/Accra", "--json")
    closed = json.loads(out)
    assert (code, closed["period"], closed["transfers"], closed["actor"]) == (0, "2026-01", 2, "command line")
    assert run("periods", "close", "2026-01", "--time-zone", "Africa/Accra")[0] == 0
    code, out, _ = run("periods", "list", "--json")
    assert (code, json.loads(out)) == (0, [closed])
    code, out, _ = run("periods", "show", "2026-01", "--json")
    found = json.loads(out)
    assert (code, found["holds"], found["recorded"]) == (0, True, found["found"])
    assert {total["kind"]: total["balance"] for total in found["recorded"]} == {
        "agent": "500.00",
        "customer": "12.34",
        "safeguarding": "512.34",
    }
    for arguments, text in ((("list",), "beginning"), (("show", "2026-01"), "as it was closed")):
        code, out, _ = run("periods", *arguments)
        assert (code, text in out) == (0, True)


def test_periods_that_are_not_there_or_not_over(run: Command) -> None:
    later = f"{datetime.now(UTC) + timedelta(days=40):%Y-%m}"
    for arguments in (("close", later), ("close", "January"), ("show", "2026-01"), ("show", "January")):
        code, _, err = run("periods", *arguments)
        assert (code, err.startswith("error: ")) == (1, True)
    assert json.loads(run("periods", "list", "--json")[1]) == []


def test_a_period_that_was_tampered_with_is_exit_code_1(run: Command, owner_url: str) -> None:
    run("periods", "close", "2026-01")
    with psycopg.connect(owner_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE ledger.transfer SET amount = amount + 1 WHERE reference = 'ama'")
    code, out, _ = run("periods", "show", "2026-01", "--json")
    assert (code, json.loads(out)["holds"]) == (1, False)
    code, out, _ = run("periods", "show", "2026-01")
    assert (code, "NOT as it was closed" in out) == (1, True)
