"""The command line, as a person or a script uses it."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.cli import main
from jobs.emoney import Emoney
from ledger import AccountKind, Database, Operation, Transfer
from ledger import emoney as ops
from ledger.ids import new_id

PERSON = {
    "external_ref": "ama",
    "name": "Ama Planted-Name",
    "birth_date": "1990-04-05",
    "phone": "+233201234567",
    "id_kind": "national_id",
    "id_number": "GHA-PLANTED-1",
    "address": "1 Planted Street",
    "currency": "GHS",
}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    home: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a command on a fresh installation; gives exit code, standard output and standard error."""
    monkeypatch.setenv("EMONEY_DATABASE_URL", owner_url)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["emoney", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def with_wallet(run: Run, home: Path, owner_url: str) -> Run:
    """An installation in which `ama` holds 40.00, after three entries."""
    assert run("kyc", "enrol", "-", stdin=json.dumps(PERSON))[0] == 0
    with Emoney.open() as emoney:
        bank = emoney.ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank")
        shop = emoney.ledger.open_account(AccountKind.MERCHANT, "GHS", "shop")
        with emoney.database.connection() as connection:
            row = connection.execute("SELECT id FROM ledger.account WHERE external_ref = 'ama'").fetchone()
        assert row is not None
        load = ops.issue(funds=bank, wallet=row[0], amount=6_000, currency="GHS", receipt="slip")
        pays = [
            Transfer(new_id(), row[0], shop, 1_000, "GHS", Operation.PAY, f"pay-{number}")
            for number in (1, 2)
        ]
        assert all(outcome.posted for outcome in emoney.ledger.post([load, *pays]))
    return run


def test_enrolment_prints_the_wallet_and_its_tier(run: Run) -> None:
    code, out, _ = run("kyc", "enrol", "-", "--json", stdin=json.dumps(PERSON))
    assert code == 0
    enrolled = json.loads(out)
    assert (enrolled["wallet"], enrolled["tier"], enrolled["pack"]) == ("ama", "medium", "gh-bog-2024")


@pytest.mark.parametrize(
    "stdin",
    ["", "{", "[]", "[1, 2]", '"Ama Planted-Name"', '{"external_ref": "x"}', "[" * 50_000, "x" * 70_000],
)
def test_input_that_is_no_person_is_refused_in_one_line(run: Run, stdin: str) -> None:
    code, out, err = run("kyc", "enrol", "-", stdin=stdin)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert "Planted" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize("field", ["name", "birth_date", "phone", "id_number", "address"])
def test_a_bad_field_is_named_and_its_value_is_not_shown(run: Run, field: str) -> None:
    code, out, err = run("kyc", "enrol", "-", stdin=json.dumps(PERSON | {field: "\0PLANTED-VALUE" * 100}))
    assert code == 1
    assert field in err
    assert "PLANTED" not in out + err


def test_personal_details_are_not_taken_from_arguments(run: Run) -> None:
    code, _, err = run("kyc", "enrol", "Ama")
    assert code == 2
    assert "standard input" in err


def test_enrolling_twice_is_refused(run: Run) -> None:
    assert run("kyc", "enrol", "-", stdin=json.dumps(PERSON))[0] == 0
    code, _, err = run("kyc", "enrol", "-", stdin=json.dumps(PERSON))
    assert code == 1
    assert "already" in err


def test_a_statement_pages_by_version(with_wallet: Run) -> None:
    code, out, _ = with_wallet("statement", "ama", "--limit", "2", "--json")
    assert code == 0
    first = json.loads(out)
    assert (first["balance"], first["currency"], first["next_after"]) == ("40.00", "GHS", 2)
    assert [line["change"] for line in first["lines"]] == ["60.00", "-10.00"]
    _, out, _ = with_wallet("statement", "ama", "--after", "2", "--json")
    rest = json.loads(out)
    assert [(line["reference"], line["balance"]) for line in rest["lines"]] == [("pay-2", "40.00")]
    assert rest["next_after"] is None


def test_an_unknown_account_is_an_error(run: Run) -> None:
    code, out, err = run("statement", "nobody")
    assert (code, out) == (1, "")
    assert "nobody" in err


def test_the_trial_balance_holds_and_covers(with_wallet: Run) -> None:
    code, out, _ = with_wallet("trial-balance", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["balanced"] is True
    assert found["safeguarded"] is True
    assert found["totals"] == [
        {"currency": "GHS", "debits": "80.00", "credits": "80.00", "outstanding": "60.00", "backing": "60.00"}
    ]


def test_a_trial_balance_that_is_wrong_exits_with_1(with_wallet: Run, owner_url: str) -> None:
    owner = Database(owner_url)
    with owner.connection() as connection:
        connection.execute("RESET ROLE")
        connection.execute("ALTER TABLE ledger.account DISABLE TRIGGER ALL")
        connection.execute(
            "UPDATE ledger.account SET credits_posted = credits_posted + 1 WHERE external_ref = 'ama'"
        )
        connection.execute("SET ROLE emoney_app")
    owner.close()
    code, out, _ = with_wallet("trial-balance")
    assert code == 1
    assert "NOT balanced" in out


def test_monitoring_runs_and_runs_again(with_wallet: Run) -> None:
    code, out, _ = with_wallet("aml", "run", "--json")
    assert code == 0
    assert json.loads(out)["extracted"] == 3
    _, out, _ = with_wallet("aml", "run", "--json")
    assert json.loads(out)["extracted"] == 0
    code, out, _ = with_wallet("aml", "alerts", "--json")
    assert (code, json.loads(out)) == (0, [])


def test_reports_are_written_where_asked(with_wallet: Run, tmp_path: Path) -> None:
    assert with_wallet("aml", "run")[0] == 0
    assert with_wallet("aml", "report", "--out", str(tmp_path / "r"))[0] == 0
    assert with_wallet("privacy", "report", "--out", str(tmp_path / "r"))[0] == 0
    for name in ("monitoring.html", "privacy-assessment.html"):
        page = (tmp_path / "r" / name).read_text(encoding="utf-8")
        assert page.lstrip().lower().startswith("<!doctype html>")
        assert "Planted" not in page


def test_the_inventory_lists_the_sealed_columns(run: Run) -> None:
    code, out, _ = run("privacy", "inventory", "--json")
    assert code == 0
    held = {column["name"]: column for column in json.loads(out)["columns"]}
    assert held["kyc.person.name"]["sealed"] is True
    assert held["ledger.account.holder"]["category"] == "pseudonymous"


def test_jobs_are_listed_and_run_by_name(with_wallet: Run) -> None:
    _, out, _ = with_wallet("jobs", "list", "--json")
    assert {job["name"] for job in json.loads(out)} == {"extract", "monitor"}
    code, out, _ = with_wallet("jobs", "run", "monitor", "--json")
    assert code == 0
    assert json.loads(out)["job"] == "monitor"
    code, _, err = with_wallet("jobs", "run", "nothing")
    assert code == 1
    assert "extract, monitor" in err


def test_packs_say_where_their_numbers_come_from(run: Run) -> None:
    _, out, _ = run("kyc", "packs", "--json")
    assert {pack["id"]: pack["all_primary"] for pack in json.loads(out)} == {
        "eu-amld5-art12": True,
        "gh-bog-2024": False,
    }


def test_init_is_needed_once_on_an_operators_database(run: Run) -> None:
    code, out, _ = run("init")
    assert code == 0
    assert "up to date" in out


def test_the_installed_command_reports_misuse() -> None:
    emoney = Path(sys.executable).parent / "emoney"
    ended = subprocess.run([emoney, "statement"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "account_ref" in ended.stderr.lower()
