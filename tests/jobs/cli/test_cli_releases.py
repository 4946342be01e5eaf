"""Pseudonyms, releases and published counts on the command line."""

import csv
import io
import json
from pathlib import Path
from uuid import uuid4

import pytest
from commands import Command

from emoney.jobs.installation import Emoney
from emoney.ledger.base.ids import new_id
from emoney.privacy.pseudonyms.domains import Pseudonyms

PLAN = """
name: study
purpose: a study
subject: holder
pseudonyms: study
k: 5
quasi_identifiers:
  age: {hierarchy: age}
sensitive:
  tier: {l: 2}
"""


@pytest.fixture
def run(command: Command) -> Command:
    """Runs a command on a fresh installation; gives exit code, standard output and standard error."""

    return lambda *arguments: command("privacy", *arguments)


def files(directory: Path, ages: int = 30) -> tuple[str, str]:
    plan, records = directory / "plan.yaml", directory / "records.csv"
    plan.write_text(PLAN)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["holder", "age", "tier", "name"])
    writer.writerows([uuid4(), 20 + n % ages, ("basic", "full")[n % 2], f"Planted-{n}"] for n in range(60))
    records.write_text(out.getvalue())
    return str(plan), str(records)


def test_records_leave_checked_pseudonymous_and_listed(run: Command, tmp_path: Path) -> None:
    plan, records = files(tmp_path)
    assert run("pseudonyms", "create", "study", "--purpose", "a study", "--actor", "dpo-1")[0] == 0
    code, out, _ = run("release", "check", plan, "--records", records, "--json")
    checked = json.loads(out)
    assert (code, checked["records"], checked["withheld"]) == (0, 60, ["name"])
    assert checked["k"]["reached"] >= 5
    target = tmp_path / "out.csv"
    make = ("release", "make", plan, "--records", records, "--out", str(target), "--actor", "dpo-1")
    code, out, _ = run(*make)
    assert code == 0
    assert f"study: 60 of 60 records, k {checked['k']['reached']} (wanted 5)" in out
    assert "columns that did not leave: name" in out
    assert "Planted" not in out + target.read_text()
    with target.open(newline="") as file:
        assert list(next(csv.DictReader(file))) == ["pseudonym", "age", "tier"]
    code, out, err = run(*make[:6], str(tmp_path / "again.csv"), *make[7:])
    assert (code, out) == (1, "")
    assert "pseudonyms rotate study" in err
    assert not (tmp_path / "again.csv").exists()
    [listed] = json.loads(run("release", "list", "--json")[1])
    assert (listed["plan"], listed["domain"], listed["epoch"], listed["released_by"]) == (
        "study",
        "study",
        1,
        "dpo-1",
    )
    assert "60 of 60" in run("release", "list")[1]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("holder,age,tier\n{id},20\n", "line 2: not as many fields"),
        ("holder,age,tier\n{id},20,basic,Planted\n", "line 2: not as many fields"),
        ("holder,age,age\n{id},20,30\n", "two columns have one name"),
        ("holder,age\n{id},20\n", "no column tier"),
        ("holder,age,tier\n{id},Planted,basic\n", "record 1, age: not a number"),
        ("holder,age,tier\n\xff", "not UTF-8"),
        ("", "over 0 records"),
        ("holder,age,tier\n{id},20,basic\n", "over 1 records"),
    ],
)
def test_a_file_that_cannot_be_released_is_refused_and_its_content_kept_quiet(
    run: Command, tmp_path: Path, content: str, what: str
) -> None:
    plan, records = files(tmp_path)
    Path(records).write_bytes(content.format(id=uuid4()).encode("latin-1"))
    code, out, err = run("release", "check", plan, "--records", records)
    assert (code, out) == (1, "")
    assert what in err
    assert "Planted" not in err


def test_a_plan_is_a_file_or_a_shipped_name(run: Command, tmp_path: Path) -> None:
    code, _, err = run("release", "check", "nowhere")
    assert code == 1
    assert "the plans are wallet-holders" in err
    assert [each["name"] for each in json.loads(run("release", "plans", "--json")[1])] == ["wallet-holders"]
    assert json.loads(run("release", "hierarchies", "--json")[1])["day"] == [
        "as it is",
        "month",
        "quarter",
        "year",
        "withheld",
    ]
    code, _, err = run("release", "check", "wallet-holders")
    assert code == 1
    assert "over 0 records" in err


def test_counts_are_published_until_the_budget_is_spent(run: Command) -> None:
    opened = ("count", "open-budget", "annual", "--purpose", "report", "--epsilon", "0.5", "--actor", "dpo-1")
    assert run(*opened)[0] == 0
    assert "not raised" in run(*opened)[2]
    publish = (
        "count",
        "publish",
        "holders-by-tier",
        "--pack",
        "gh-bog-2024",
        "--budget",
        "annual",
        "--actor",
        "dpo-1",
    )
    code, out, _ = run(*publish, "--epsilon", "0.4", "--json")
    told = json.loads(out)
    assert (code, list(told["cells"]), float(told["left"])) == (0, ["minimum", "medium", "enhanced"], 0.1)
    code, out, err = run(*publish, "--epsilon", "0.2")
    assert (code, out) == (1, "")
    assert "0.1 is left" in err
    assert run(*publish, "--epsilon", "0.1")[0] == 0
    [budget] = json.loads(run("count", "budgets", "--json")[1])
    assert (budget["answers"], float(budget["left"])) == (2, 0)
    assert len(json.loads(run("count", "list", "--json")[1])) == 2
    assert "annual" in run("count", "budgets")[1]
    assert "by tier" in run("count", "list")[1]


@pytest.mark.parametrize("question", ["holders-by-tier", "holders-active", "balances"])
def test_a_question_that_is_not_whole_is_a_misuse(run: Command, question: str) -> None:
    code, out, _ = run("count", "publish", question, "--budget", "b", "--epsilon", "0.1", "--actor", "dpo-1")
    assert (code, out) == (2, "")


def test_a_token_leads_back_by_two_persons(run: Command) -> None:
    create = ("pseudonyms", "create", "audit", "--purpose", "an audit", "--reversible", "--actor", "dpo-1")
    assert json.loads(run(*create, "--json")[1])["reversible"] is True
    subject = new_id()
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        domain = Pseudonyms(emoney.vault.providers, "audit")
        token = domain.of(connection, [subject])[subject]
    ask = ("reidentify", "request", "audit", token, "--purpose", "authority request", "--reason", "order 7")
    request = json.loads(run(*ask, "--actor", "clerk-7", "--json")[1])["request"]
    reason = ("--reason", "seen")
    code, out, err = run("reidentify", "approve", request, "--actor", "clerk-7", *reason)
    assert (code, out) == (1, "")
    assert "cannot decide" in err
    assert run("reidentify", "approve", request, "--actor", "clerk-8", *reason)[1] == f"subject {subject}\n"
    listed = run("reidentify", "list")[1]
    assert "approved by clerk-8" in listed
    assert token not in listed
    assert str(subject) not in listed
    other = json.loads(run(*ask, "--actor", "clerk-7", "--json")[1])["request"]
    assert "rejected" in run("reidentify", "reject", other, "--actor", "clerk-8", *reason)[1]
    assert run("pseudonyms", "rotate", "audit", "--actor", "dpo-1")[1] == "audit: epoch 2 started\n"
    assert "an audit" in run("pseudonyms", "list")[1]
