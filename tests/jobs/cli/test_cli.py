"""The command line, as a person or a script uses it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from commands import Command
from psycopg.conninfo import make_conninfo

from emoney.jobs.installation import Emoney
from emoney.ledger import AccountKind, Database, Operation, Transfer
from emoney.ledger.base.ids import new_id
from emoney.ledger.transfers import everyday as ops
from emoney.testing import copy_of

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

TWICE = '{"external_ref": "x1", "external_ref": "x2", "phone": "+233201234567", "currency": "GHS"}'


@pytest.fixture
def run(command: Command) -> Command:
    return command


@pytest.fixture
def with_wallet(run: Command, home: Path, owner_url: str) -> Command:
    """An installation in which `ama` holds 40.00, after three entries."""
    assert run("kyc", "enrol", "-", given=json.dumps(PERSON))[0] == 0
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


def test_enrolment_prints_the_wallet_and_its_tier(run: Command) -> None:
    code, out, _ = run("kyc", "enrol", "-", "--json", given=json.dumps(PERSON))
    assert code == 0
    enrolled = json.loads(out)
    assert (enrolled["wallet"], enrolled["tier"], enrolled["pack"]) == ("ama", "medium", "gh-bog-2024")


@pytest.mark.parametrize(
    "stdin",
    [
        "",
        "{",
        "[]",
        "[1, 2]",
        '"Ama Planted-Name"',
        '{"external_ref": "x"}',
        "[" * 50_000,
        "x" * 70_000,
        TWICE,
    ],
)
def test_input_that_is_no_person_is_refused_in_one_line(run: Command, stdin: str) -> None:
    code, out, err = run("kyc", "enrol", "-", given=stdin)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert "Planted" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize("field", ["name", "birth_date", "phone", "id_number", "address"])
def test_a_bad_field_is_named_and_its_value_is_not_shown(run: Command, field: str) -> None:
    code, out, err = run("kyc", "enrol", "-", given=json.dumps(PERSON | {field: "\0PLANTED-VALUE" * 100}))
    assert code == 1
    assert field in err
    assert "PLANTED" not in out + err


def test_personal_details_are_not_taken_from_arguments(run: Command) -> None:
    code, _, err = run("kyc", "enrol", "Ama")
    assert code == 2
    assert "standard input" in err


def test_enrolling_twice_is_refused(run: Command) -> None:
    assert run("kyc", "enrol", "-", given=json.dumps(PERSON))[0] == 0
    code, _, err = run("kyc", "enrol", "-", given=json.dumps(PERSON))
    assert code == 1
    assert "already" in err


def test_a_statement_pages_by_version(with_wallet: Command) -> None:
    code, out, _ = with_wallet("statement", "ama", "--limit", "2", "--json")
    assert code == 0
    first = json.loads(out)
    assert (first["balance"], first["currency"], first["next_after"]) == ("40.00", "GHS", 2)
    assert [line["change"] for line in first["lines"]] == ["60.00", "-10.00"]
    _, out, _ = with_wallet("statement", "ama", "--after", "2", "--json")
    rest = json.loads(out)
    assert [(line["reference"], line["balance"]) for line in rest["lines"]] == [("pay-2", "40.00")]
    assert rest["next_after"] is None


def test_an_unknown_account_is_an_error(run: Command) -> None:
    code, out, err = run("statement", "nobody")
    assert (code, out) == (1, "")
    assert "nobody" in err


def test_the_trial_balance_holds_and_covers(with_wallet: Command) -> None:
    code, out, _ = with_wallet("trial-balance", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["balanced"] is True
    assert found["safeguarded"] is True
    assert found["totals"] == [
        {"currency": "GHS", "debits": "80.00", "credits": "80.00", "outstanding": "60.00", "backing": "60.00"}
    ]


def test_a_trial_balance_that_is_wrong_exits_with_1(with_wallet: Command, owner_url: str) -> None:
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


def test_checks_begin_at_the_last_sealed_day_total_and_deep_ones_at_the_beginning(
    with_wallet: Command,
) -> None:
    assert json.loads(with_wallet("verify", "--json")[1])["since"] is None
    code, out, _ = with_wallet("jobs", "run", "day-totals", "--json")
    assert (code, json.loads(out)) == (0, {"job": "day-totals", "transfers": 3, "day total": 1})
    assert with_wallet("proof", "seal")[0] == 0
    for command in ("verify", "trial-balance"):
        code, out, _ = with_wallet(command, "--json")
        assert (code, json.loads(out)["since"]["day_total"]) == (0, 1)
        code, out, _ = with_wallet(command, "--deep", "--json")
        assert (code, json.loads(out)["since"]) == (0, None)
    assert "read from day total 1 on" in with_wallet("verify")[1]
    assert "everything was read" in with_wallet("trial-balance", "--deep")[1]


def test_partitions_are_listed_and_claims_retired_once_one_says_so(with_wallet: Command) -> None:
    code, out, _ = with_wallet("partitions", "--json")
    names = [each["name"] for each in json.loads(out) if each["table"] == "claim"]
    assert code == 0
    assert names[0] == "claim_before"
    assert {"claim_other", "claim_ahead"} < set(names)
    assert "claim_before" in with_wallet("partitions")[1]
    assert with_wallet("retire-claims", "2020-01")[0] == 2
    assert with_wallet("retire-claims", "2999-01", "--yes")[0] == 1
    code, out, _ = with_wallet("retire-claims", "2020-01", "--yes", "--json")
    assert (code, json.loads(out)) == (0, {"tables": []})
    assert "nothing to retire" in with_wallet("retire-claims", "2020-01", "--yes")[1]


def test_monitoring_runs_and_runs_again(with_wallet: Command) -> None:
    code, out, _ = with_wallet("aml", "run", "--json")
    assert code == 0
    assert json.loads(out)["extracted"] == 3
    _, out, _ = with_wallet("aml", "run", "--json")
    assert json.loads(out)["extracted"] == 0
    code, out, _ = with_wallet("aml", "alerts", "--json")
    assert (code, json.loads(out)) == (0, [])


def test_a_mistyped_scenario_is_no_all_clear(run: Command) -> None:
    code, out, err = run("aml", "alerts", "--scenario", "fanin", "--json")
    assert (code, out) == (2, "")
    assert "fan_in" in err


def test_reports_are_written_where_asked(with_wallet: Command, tmp_path: Path) -> None:
    assert with_wallet("aml", "run")[0] == 0
    assert with_wallet("aml", "report", "--out", str(tmp_path / "r"))[0] == 0
    assert with_wallet("privacy", "report", "--out", str(tmp_path / "r"))[0] == 0
    for name in ("monitoring.html", "privacy-assessment.html"):
        page = (tmp_path / "r" / name).read_text(encoding="utf-8")
        assert page.lstrip().lower().startswith("<!doctype html>")
        assert "Planted" not in page


@pytest.mark.parametrize("package", ["aml", "privacy"])
def test_a_report_that_cannot_be_written_is_an_error(run: Command, tmp_path: Path, package: str) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = run(package, "report", "--out", str(tmp_path / "file"))
    assert code == 1
    assert err.startswith(f"error: {tmp_path / 'file'}: ")


def test_the_inventory_lists_the_sealed_columns(run: Command) -> None:
    code, out, _ = run("privacy", "inventory", "--json")
    assert code == 0
    held = {column["name"]: column for column in json.loads(out)["columns"]}
    assert held["kyc.person.name"]["sealed"] is True
    assert held["ledger.account.holder"]["category"] == "pseudonymous"


def test_jobs_are_listed_and_run_by_name(with_wallet: Command) -> None:
    _, out, _ = with_wallet("jobs", "list", "--json")
    names = {job["name"] for job in json.loads(out)}
    assert names >= {"extract", "monitor", "expire-holds", "seal", "partitions", "reconcile", "deliver"}
    assert names >= {"evidence-expiry", "downgrades", "dormancy", "review-reminders"}
    code, out, _ = with_wallet("jobs", "run", "monitor", "--json")
    assert code == 0
    assert json.loads(out)["job"] == "monitor"
    code, _, err = with_wallet("jobs", "run", "nothing")
    assert code == 1
    assert "extract" in err


def test_packs_say_where_their_numbers_come_from(run: Command) -> None:
    _, out, _ = run("kyc", "packs", "--json")
    packs = {pack["id"]: pack for pack in json.loads(out)}
    assert len(packs) == 29
    assert (packs["eu-amld5-art12"]["all_primary"], packs["gh-bog-2024"]["all_primary"]) == (True, False)
    assert all(pack["needs_acceptance"] is not pack["all_primary"] for pack in packs.values())


def test_init_is_needed_once_on_an_operators_database(run: Command) -> None:
    code, out, _ = run("init")
    assert code == 0
    assert "up to date" in out


def test_a_user_without_rights_is_told_so(
    run: Command, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"stranger_{os.getpid()}"
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'stranger'")
    stranger = {"user": name, "password": "stranger"}
    try:
        monkeypatch.setenv("EMONEY_DATABASE_URL", make_conninfo(owner_url, **stranger))
        code, _, err = run("trial-balance")
        assert (code, "not a member of the role emoney_app" in err) == (1, True)
        with copy_of(owner_url, "template1") as empty:
            monkeypatch.setenv("EMONEY_DATABASE_URL", make_conninfo(empty, **stranger))
            code, _, err = run("init")
        assert (code, "owner's URL" in err, "Traceback" in err) == (1, True, False)
    finally:
        with psycopg.connect(owner_url, autocommit=True) as owner:
            owner.execute(f"DROP ROLE {name}")


def test_a_newer_versions_schema_is_told(run: Command, owner_url: str) -> None:
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("INSERT INTO emoney_migrations.alembic_version VALUES ('kyc_9999')")
    code, _, err = run("init")
    assert (code, "kyc_9999" in err, "Traceback" in err) == (1, True, False)


def test_a_home_that_cannot_be_made_is_an_error(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EMONEY_HOME", str(tmp_path / "file" / "home"))
    code, _, err = run("trial-balance")
    assert code == 1
    assert "set EMONEY_HOME" in err


def test_tiers_without_a_pack_are_misuse(run: Command, tmp_path: Path) -> None:
    arguments = ("import", str(tmp_path), "--format", "paysim", "--currency", "EUR", "--tier", "0=minimum")
    code, _, err = run(*arguments)
    assert code == 2
    assert "--pack" in err


def test_the_version_is_told(run: Command) -> None:
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("emoney ")


def test_the_installed_command_reports_misuse() -> None:
    emoney = Path(sys.executable).parent / "emoney"
    ended = subprocess.run([emoney, "statement"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "account_ref" in ended.stderr.lower()


def test_a_terminated_command_leaves_no_server_running() -> None:
    home = Path(tempfile.mkdtemp(prefix="emoney-"))
    home.chmod(0o711)
    postmaster = home / "postgres" / "postmaster.pid"
    environment = {name: value for name, value in os.environ.items() if name != "EMONEY_DATABASE_URL"}
    enrolling = subprocess.Popen(
        [Path(sys.executable).parent / "emoney", "kyc", "enrol", "-"],  # waits for its input
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment | {"EMONEY_HOME": str(home)},
    )
    try:
        until = time.monotonic() + 200
        while not (home / "keys").is_dir():  # made once the server is up
            assert time.monotonic() < until
            time.sleep(0.05)
        assert postmaster.is_file()
        enrolling.terminate()
        assert (enrolling.communicate(timeout=200)[1], enrolling.returncode) == ("", 128 + signal.SIGTERM)
        assert not postmaster.is_file()
    finally:
        enrolling.kill()
        shutil.rmtree(home, ignore_errors=True)
