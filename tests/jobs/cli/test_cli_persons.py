"""The commands for persons, as the operator's staff uses them: two of them where it takes two."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import Command

AMA = {
    "external_ref": "ama",
    "currency": "GHS",
    "name": "Ama Planted-Name",
    "birth_date": "1990-04-05",
    "phone": "+233201234567",
    "id_kind": "national_id",
    "id_number": "GHA-PLANTED-1",
}
TWIN = AMA | {"external_ref": "twin", "phone": "+233201234568"}
BY = ("--actor", "clerk-1", "--reason", "papers seen")
BY_OTHER = ("--actor", "clerk-2", "--reason", "seen too")
Ask = Callable[..., Any]


@pytest.fixture
def imported(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "persons.jsonl"
    path.write_text("\n".join(json.dumps(each) for each in (AMA, TWIN)))
    assert ask("kyc", "import", str(path)) == {"lines": 2, "enrolled": 2, "bad": 0, "faults": []}


def test_a_bad_file_is_told_by_line_and_field(run: Command, ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "persons.jsonl"
    path.write_text("\n".join(json.dumps(each) for each in (AMA, TWIN | {"phone": "0201"})))
    code, out, err = run("kyc", "import", str(path))
    assert (code, out) == (1, "0 enrolled, 1 bad of 2 lines\n")
    assert err == "line 2: phone: must be an international number: + and 7 to 15 digits\n"
    done = ask("kyc", "import", str(path), "--skip-bad")
    assert (done["enrolled"], done["bad"], done["faults"][0]["line"]) == (1, 1, 2)
    code, _, err = run("kyc", "import", str(tmp_path / "missing.jsonl"))
    assert code == 1
    assert "No such file" in err


def test_duplicates_are_decided_and_linked_by_two(run: Command, ask: Ask, imported: None) -> None:
    [pair] = ask("kyc", "duplicates", "list")
    assert {pair["ref_a"], pair["ref_b"]} == {"ama", "twin"}
    assert pair["grounds"] == ["id_number", "name_birth_date"]
    request = ask("kyc", "duplicates", "decide", "ama", "twin", "same", *BY)["request"]
    [waits] = ask("kyc", "approvals", "list")
    assert (waits["request"], waits["action"]) == (request, "linking_persons")
    code, out, _ = run("kyc", "approvals", "list")
    assert code == 0
    assert "linking persons of" in out
    code, _, err = run("kyc", "approvals", "approve", request, *BY)
    assert code == 1
    assert "it takes a second person" in err
    assert ask("kyc", "approvals", "approve", request, *BY_OTHER)["outcome"] == "approved"
    assert ask("kyc", "approvals", "list") == ask("kyc", "duplicates", "list") == []
    assert [each["outcome"] for each in ask("kyc", "approvals", "list", "--all")] == ["approved"]
    assert run("kyc", "duplicates", "decide", "ama", "twin", "perhaps", *BY)[0] == 2
    request = ask("kyc", "duplicates", "separate", "twin", *BY)["request"]
    assert ask("kyc", "approvals", "reject", request, *BY_OTHER)["outcome"] == "rejected"


def test_evidence_added_accepted_and_revoked_moves_the_tier(run: Command, ask: Ask, imported: None) -> None:
    added = ask("kyc", "evidence", "add", "ama", "address_proof", "--expires-on", "2099-01-31", *BY)
    assert [(each["before"], each["tier"]) for each in added["moved"]] == [("medium", "enhanced")]
    proof = added["evidence"]
    request = ask("kyc", "evidence", "accept", proof, "--method", "seen in person", *BY)["request"]
    ask("kyc", "approvals", "approve", request, *BY_OTHER)
    known = {each["kind"]: each for each in ask("kyc", "evidence", "list", "ama")}
    assert (known["address_proof"]["state"], known["address_proof"]["expires_on"]) == (
        "verified",
        "2099-01-31",
    )
    assert [each["state"] for each in known["address_proof"]["history"]] == ["captured", "verified"]
    code, out, _ = run("kyc", "evidence", "reject", proof, *BY)
    assert code == 0
    assert "enhanced → medium" in out
    code, _, err = run("kyc", "evidence", "reject", proof, *BY)
    assert (code, "final" in err) == (1, True)
    assert "address_proof: rejected (seen in person" in run("kyc", "evidence", "list", "ama")[1]


def test_wallets_opened_overridden_frozen_and_let_go(run: Command, ask: Ask, imported: None) -> None:
    opened = ask("kyc", "open-wallet", "ama", "ama-2", "--pack", "gh-bog-2024")
    assert opened["wallet"] == "ama-2"
    assert ask("kyc", "freeze", "ama-2", "--no-credit", *BY) == {
        "wallet": "ama-2",
        "debits_stopped": True,
        "credits_stopped": False,
    }
    request = ask("kyc", "unfreeze", "ama-2", *BY)["request"]
    ask("kyc", "approvals", "approve", request, *BY_OTHER)
    code, _, err = run("kyc", "unfreeze", "ama-2", *BY)
    assert (code, "is not frozen" in err) == (1, True)
    code, _, err = run("kyc", "override", "ama", "golden", "--until", "2026-12-01", *BY)
    assert (code, "has no tier" in err) == (1, True)
    code, _, err = run("kyc", "freeze", "ama-2", "--actor", "clerk one", "--reason", "x")
    assert (code, "an actor is an id of your own" in err) == (1, True)


def test_reviews_are_rated_and_due(run: Command, ask: Ask, imported: None) -> None:
    assert ask("kyc", "reviews", "due", "--days", "400") == []
    rated = ask("kyc", "reviews", "rate", "ama", "--factor", "politically_exposed", *BY)
    assert (rated["rating"], len(rated["reasons"])) == ("high", 1)
    [due] = ask("kyc", "reviews", "due", "--days", "400")
    assert (due["ref"], due["rating"]) == ("ama", "high")
    assert ask("kyc", "reviews", "done", "ama", *BY)["due_on"] == due["due_on"]
    code, _, err = run("kyc", "reviews", "rate", "ama", "--factor", "rich", *BY)
    assert (code, "are not in the policy" in err) == (1, True)


def test_terms_death_and_dormancy(run: Command, ask: Ask, imported: None, tmp_path: Path) -> None:
    text = tmp_path / "terms.txt"
    text.write_text("The terms.")
    actor = ("--actor", "legal-1")
    publish = ("kyc", "terms", "publish", "terms_of_use", "1", str(text), "--effective-from", "2020-01-01")
    assert run(*publish, *actor)[0] == 0
    assert run(*publish, *actor)[0] == 1
    assert ask("kyc", "terms", "standing", "ama") == {"said": [], "outdated": ["terms_of_use"]}
    consent = ("kyc", "terms", "consent", "ama", "terms_of_use", "1", "--channel", "app")
    assert run(*consent, *actor)[0] == 0
    assert [each["given"] for each in ask("kyc", "terms", "standing", "ama")["said"]] == [True]
    assert run("kyc", "death", "report", "twin", *BY)[0] == 0
    assert [each["stage"] for each in ask("kyc", "death", "steps", "twin")] == ["reported"]
    code, _, err = run("kyc", "death", "verify", "twin", *BY)
    assert (code, "death_certificate" in err) == (1, True)
    request = ask("kyc", "death", "withdraw", "twin", *BY)["request"]
    ask("kyc", "approvals", "approve", request, *BY_OTHER)
    assert ask("kyc", "dormancy", "list") == ask("kyc", "downgrades") == []
    assert run("kyc", "dormancy", "exempt", "ama", "lien", *BY)[0] == 0
    assert run("kyc", "dormancy", "exempt", "ama", "lien", "--end", *BY)[0] == 0
    assert run("kyc", "dormancy", "exempt", "ama", "lien", "--end", *BY)[0] == 1
    assert run("kyc", "dormancy", "exempt", "ama", "whim", *BY)[0] == 2
    code, _, err = run("kyc", "dormancy", "reactivate", "ama", *BY)
    assert (code, "is not dormant" in err) == (1, True)


@pytest.mark.parametrize(
    "job",
    ["evidence-expiry", "downgrades", "find-duplicates", "dormancy", "review-reminders", "coming-of-age"],
)
def test_the_jobs_run(ask: Ask, imported: None, job: str) -> None:
    assert ask("jobs", "run", job)["job"] == job
