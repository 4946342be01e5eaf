"""Statements, balances and safeguarding on the command line."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from commands import Command

from emoney.jobs.installation import Emoney
from emoney.ledger import AccountKind, Operation, Transfer
from emoney.ledger.base.ids import new_id
from emoney.ledger.outbox import Consumer
from emoney.ledger.transfers import everyday as ops
from emoney.testing import open_without_limits

RECONCILE = (("safeguarding", "reconcile"), ("jobs", "run", "reconcile"))
WALLETS = ((AccountKind.CUSTOMER, "ama"), (AccountKind.MERCHANT, "shop"))


@pytest.fixture
def run(command: Command) -> Command:
    """Runs a command on an installation where `ama` was issued 60.00 two days ago and paid 10.00 today."""
    clock = [datetime.now(UTC) - timedelta(days=2)]
    with Emoney.open(clock=lambda: clock[0]) as emoney:
        bank = emoney.ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank")
        ama = open_without_limits(emoney.ledger, AccountKind.CUSTOMER, "GHS", "ama")
        shop = emoney.ledger.open_account(AccountKind.MERCHANT, "GHS", "shop")
        emoney.ledger.post(
            [ops.issue(funds=bank, wallet=ama, amount=6_000, currency="GHS", receipt="slip-1")]
        )
        clock[0] = datetime.now(UTC)
        emoney.ledger.post([Transfer(new_id(), ama, shop, 1_000, "GHS", Operation.PAY, "pay-1")])

    return command


def today() -> date:
    return datetime.now(UTC).date()


def mt940(path: Path, balance: str = "60,00", *entries: str) -> Path:
    """The bank's statement of the day of the issue to yesterday: of the receipt, unless entries are given."""
    issued, closed = today() - timedelta(days=2), today() - timedelta(days=1)
    lines = [
        ":20:STMT",
        ":25:0123456789",
        ":28C:1/1",
        f":60F:C{issued:%y%m%d}GHS0,00",
        *(f":61:{issued:%y%m%d%m%d}{entry}" for entry in entries or ("C60,00NTRFslip-1",)),
        f":62F:C{closed:%y%m%d}GHS{balance}",
        "-",
    ]
    path.write_text("\r\n".join(lines))
    return path


def test_a_statement_of_a_period_as_json(run: Command) -> None:
    code, out, _ = run("statement", "ama", "--to", f"{today()}", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["opening_balance"], found["closing_balance"]) == ("0.00", "60.00")
    assert [line["reference"] for line in found["lines"]] == ["slip-1"]
    _, out, _ = run("statement", "ama", "--from", f"{today()}", "--json")
    found = json.loads(out)
    assert (found["opening_balance"], found["closing_balance"]) == ("60.00", "50.00")
    assert [line["reference"] for line in found["lines"]] == ["pay-1"]


def test_a_statement_as_csv(run: Command) -> None:
    code, out, _ = run("statement", "ama", "--format", "csv")
    assert code == 0
    assert [row["change"] for row in csv.DictReader(io.StringIO(out))] == ["60.00", "-10.00"]


def test_a_statement_as_camt_053_goes_to_a_file(run: Command, tmp_path: Path) -> None:
    out = tmp_path / "statement.xml"
    assert run("statement", "ama", "--format", "camt053", "--out", str(out))[0] == 0
    assert out.read_text(encoding="utf-8").count("<Ntry>") == 2


def test_a_statement_by_effective_time_is_in_that_order(run: Command) -> None:
    with Emoney.open() as emoney:
        ama, shop = (emoney.ledger.open_account(kind, "GHS", ref) for kind, ref in WALLETS)
        earlier = datetime.now(UTC) - timedelta(days=1)
        refund = Transfer(
            new_id(), shop, ama, 500, "GHS", Operation.DISBURSE, "late slip", effective_at=earlier
        )
        assert emoney.ledger.post([refund])[0].posted
    _, out, _ = run("statement", "ama", "--by", "effective", "--limit", "2", "--json")
    found = json.loads(out)
    told = [(line["reference"], line["version"], line["balance"]) for line in found["lines"]]
    assert told == [("slip-1", 1, "60.00"), ("late slip", 3, "65.00")]
    assert (found["by"], found["next_after"], found["closing_balance"]) == ("effective", 3, "55.00")
    _, out, _ = run("statement", "ama", "--by", "effective", "--after", "3", "--json")
    found = json.loads(out)
    assert [(line["reference"], line["balance"]) for line in found["lines"]] == [("pay-1", "55.00")]
    assert found["next_after"] is None
    _, out, _ = run("statement", "ama", "--by", "effective", "--to", f"{today()}", "--format", "csv")
    assert [row["balance"] for row in csv.DictReader(io.StringIO(out))] == ["60.00", "65.00"]
    assert "late slip" in run("statement", "ama", "--by", "effective")[1]
    assert run("statement", "ama", "--by", "effective", "--format", "camt053")[0] == 2


def test_a_statement_with_its_proofs_is_proved_offline(run: Command, tmp_path: Path) -> None:
    """By whoever has the file and the key; one minor unit changed, and nothing is."""
    out, changed, key = (tmp_path / name for name in ("proved.json", "changed.json", "key.txt"))
    asked = ("statement", "ama", "--with-proofs", str(out), "--json")
    code, _, err = run(*asked)
    assert (code, out.exists()) == (1, False)
    assert "emoney proof seal" in err
    assert run("proof", "seal")[0] == 0
    key.write_text(run("proof", "key").out)
    code, told, err = run(*asked)
    assert code == 0
    assert json.loads(told)["closing_balance"] == "50.00"
    assert "2 entries with their proofs" in err
    code, told, _ = run("proof", "verify", str(out), "--key", str(key))
    assert code == 0
    assert told.count("is in the log") == 2
    assert "2 entries lead from 0.00 GHS to 50.00 GHS, and none between is missing" in told
    code, told, _ = run("proof", "verify", str(out), "--key", str(key), "--json")
    found = json.loads(told)
    assert (code, found["valid"], [one["amount"] for one in found["proved"]]) == (0, True, [6_000, 1_000])
    proof = json.loads(out.read_text())
    for end, balance in (("opening", 1), ("closing", 5_001)):
        tampered = {
            **proof,
            "statement": {**proof["statement"], end: {**proof["statement"][end], "balance": balance}},
        }
        changed.write_text(json.dumps(tampered))
        assert run("proof", "verify", str(changed), "--key", str(key))[0] == 1
    changed.write_text(json.dumps({**proof, "leaves": proof["leaves"][:1]}))
    assert run("proof", "verify", str(changed), "--key", str(key))[0] == 1
    changed.write_text(out.read_text().replace("6000", "6001"))
    assert changed.read_text() != out.read_text()
    code, told, err = run("proof", "verify", str(changed), "--key", str(key))
    assert (code, told) == (1, "")
    assert "NOT proved" in err


def test_options_that_exclude_each_other_are_misuse(run: Command) -> None:
    assert run("statement", "ama", "--format", "csv", "--json")[0] == 2
    assert run("statement", "ama", "--out", "x")[0] == 2


def test_a_balance_as_of_a_moment(run: Command) -> None:
    for by in ("posted", "effective"):
        _, out, _ = run("balance", "ama", "--at", f"{today()}", "--by", by, "--json")
        assert json.loads(out)["balance"] == "60.00"
    assert run("balance", "ama")[1] == "50.00 GHS\n"
    assert run("balance", "nobody")[0] == 1


def test_a_statement_is_imported_once_and_the_day_reconciles(run: Command, tmp_path: Path) -> None:
    path = str(mt940(tmp_path / "s.sta"))
    first = run("safeguarding", "import-statement", path, "--account", "bank", "--json")
    assert first[0] == 0
    assert [one["imported"] for one in json.loads(first[1])] == [True]
    _, out, _ = run("safeguarding", "import-statement", path, "--account", "bank", "--json")
    assert [one["imported"] for one in json.loads(out)] == [False]
    code, out, _ = run("safeguarding", "reconcile", "--json")
    found = json.loads(out)
    assert (code, found["clean"], found["events"]) == (0, True, [])
    assert found["day"] == f"{today() - timedelta(days=1)}"
    assert found["currencies"][0]["requirement"] == found["currencies"][0]["at_banks"] == "60.00"
    assert run("safeguarding", "reconcile")[0] == 0


def test_a_shortfall_is_exit_code_1_and_an_event(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mt940(tmp_path / "s.sta", "59,00", "C59,00NTRFother")
    run("safeguarding", "import-statement", str(path), "--account", "bank")
    code, out, _ = run("safeguarding", "reconcile", "--transit-days", "0", "--json")
    assert code == 1
    assert {event["kind"] for event in json.loads(out)["events"]} == {
        "shortfall_at_banks",
        "not_at_bank",
        "not_in_books",
    }
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        stored = connection.execute("SELECT count(*) FROM ledger.safeguarding_event").fetchone()
    assert stored == (3,)
    code, out, _ = run("safeguarding", "reconcile", "--transit-days", "0")
    assert code == 1
    assert "shortfall_at_banks" in out
    monkeypatch.setenv("EMONEY_SAFEGUARDING_TRANSIT_DAYS", "0")
    code, out, _ = run("jobs", "run", "reconcile", "--json")
    assert (code, json.loads(out)["shortfalls"]) == (1, 1)


def short(run: Command, path: Path, kind: str) -> list[str]:
    """Make funds short by 1.00 two days ago, without any break; which shortfalls are to be found.

    What is missing in the books is missing at the bank, too: it only has what they have.
    """
    if kind == "shortfall":
        with Emoney.open(clock=lambda: datetime.now(UTC) - timedelta(days=2)) as emoney:
            own = emoney.ledger.open_account(AccountKind.OWN_FUNDS, "GHS", "own")
            kofi = open_without_limits(emoney.ledger, AccountKind.CUSTOMER, "GHS", "kofi")
            bonus = Transfer(new_id(), own, kofi, 100, "GHS", Operation.DISBURSE, "bonus")
            assert emoney.ledger.post([bonus])[0].posted
        statement = mt940(path)
    else:
        statement = mt940(path, "59,00", "C60,00NTRFslip-1", "D1,00NCHGNONREF")
    assert run("safeguarding", "import-statement", str(statement), "--account", "bank")[0] == 0
    return ["shortfall", "shortfall_at_banks"] if kind == "shortfall" else ["shortfall_at_banks"]


@pytest.mark.parametrize("kind", ["shortfall", "shortfall_at_banks"])
@pytest.mark.parametrize("first", RECONCILE, ids=" ".join)
def test_a_shortfall_alone_ends_each_way_of_reconciling_with_1_and_is_told_once(
    run: Command, tmp_path: Path, kind: str, first: tuple[str, ...]
) -> None:
    kinds = short(run, tmp_path / "s.sta", kind)
    for command in (first, first, *RECONCILE):
        code, out, _ = run(*command, "--json")
        found = json.loads(out)
        assert code == 1
        if command[0] == "jobs":
            assert (found["days"], found["shortfalls"], found["breaks"]) == (1, len(kinds), 0)
        else:
            assert [(event["kind"], event["amount"]) for event in found["events"]] == [
                (each, "1.00") for each in kinds
            ]
    assert run(*first)[0] == 1
    with Emoney.open() as emoney:
        told = [event.type for event in Consumer(emoney.database, "test").read()]
    assert [each for each in told if each.startswith("safeguarding.")] == [f"safeguarding.{k}" for k in kinds]


@pytest.mark.parametrize(
    ("kind", "of", "amount"), [("shortfall", "GHS", "1.00"), ("no_statement", "bank", "60.00")]
)
def test_a_finding_shows_its_age(run: Command, tmp_path: Path, kind: str, of: str, amount: str) -> None:
    first, second = today() - timedelta(days=2), today() - timedelta(days=1)
    if kind == "shortfall":
        short(run, tmp_path / "s.sta", kind)
    assert run("safeguarding", "reconcile", "--day", f"{first}")[0] == 1
    _, out, _ = run("safeguarding", "reconcile", "--day", f"{second}", "--json")
    ages = {event["kind"]: (event["since"], event["age_days"]) for event in json.loads(out)["events"]}
    assert ages[kind] == (f"{first}", 1)
    _, out, _ = run("safeguarding", "reconcile", "--day", f"{second}")
    assert [kind, of, amount, "GHS", f"{first}", "1"] in [line.split() for line in out.splitlines()]


def test_a_bad_statement_is_refused_with_its_line(run: Command, tmp_path: Path) -> None:
    path = mt940(tmp_path / "s.sta", "60,00", "X60,00NTRFslip-1")
    code, _, err = run("safeguarding", "import-statement", str(path), "--account", "bank")
    assert code == 1
    assert "line 5" in err
    assert run("safeguarding", "import-statement", str(tmp_path / "none"), "--account", "bank")[0] == 1


def test_own_funds_of_this_month(run: Command) -> None:
    code, out, _ = run("safeguarding", "own-funds", "--month", f"{today():%Y-%m}", "--json")
    assert code == 0
    (found,) = json.loads(out)
    assert (found["currency"], found["percent"], found["complete"]) == ("GHS", "2", False)
    assert run("safeguarding", "own-funds", "--month", "July")[0] == 1
    assert run("safeguarding", "own-funds", "--month", f"{today():%Y-%m}")[0] == 0
