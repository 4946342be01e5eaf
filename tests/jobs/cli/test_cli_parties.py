"""The commands for parties and corrections: details from a file or standard input, and never told back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import Command

from emoney.jobs.installation import Emoney
from emoney.kyc.evidence import person as persons
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import EvidenceState, NewEvidence

BY = ("--actor", "clerk-1", "--reason", "papers seen")
AMA = {
    "external_ref": "ama",
    "currency": "GHS",
    "name": "Ama Planted-Name",
    "birth_date": "1990-04-05",
    "phone": "+233201234567",
    "id_kind": "national_id",
    "id_number": "GHA-PLANTED-1",
}
COMPANY = {
    "external_ref": "company",
    "currency": "GHS",
    "name": "Planted-Name Trading Ltd",
    "id_kind": "company_registration",
    "id_number": "CS-PLANTED-1",
    "phone": "+233302000001",
}
Ask = Callable[..., Any]


@pytest.fixture
def ama(ask: Ask, tmp_path: Path) -> Any:
    """Enrolled from a file, her document verified by a register."""
    path = tmp_path / "ama.json"
    path.write_text(json.dumps(AMA))
    enrolled = ask("kyc", "enrol", str(path))
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        person = persons.find(connection, "ama").id
        new = [NewEvidence(person, "id_document", EvidenceState.REGISTRY_VERIFIED, "register")]
        said: dict[str, Any] = {"actor": "desk", "reason": "asked", "at": emoney.clock()}
        evidence_records.record(connection, new, provider="registry", **said)
    return enrolled


def test_an_entity_is_enrolled_with_all_who_own_it(run: Command, ask: Ask, ama: Any) -> None:
    owners = [{"person": "ama", "share_bp": 6000}]
    said = ask("kyc", "enrol-entity", "-", *BY, given=COMPANY | {"owners": owners, "dispersed_bp": 4000})
    assert (said["wallet"], [each["ref"] for each in said["beneficial_owners"]]) == ("company", ["ama"])
    assert said["beneficial_owners"][0]["grounds"] == ["share", "control"]
    assert ask("kyc", "owners", "list", "company") == said["beneficial_owners"]
    told = ask(
        "kyc",
        "owners",
        "state",
        "company",
        "-",
        *BY,
        given={"owners": [{"person": "ama", "share_bp": 10000}]},
    )
    assert told[0]["share_percent"] == "100.00"
    code, out, _ = run("kyc", "owners", "list", "company")
    assert code == 0
    assert "100.00" in out
    kinds = {each["kind"] for each in ask("kyc", "evidence", "list", "company")}
    assert "beneficial_owners" in kinds


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"owners": None}, "owners: must be a list"),
        ({"owners": [{"person": "ama", "share_bp": "6000"}]}, "owners.1.share_bp: must be a whole number"),
        ({"owners": [{"person": "ama", "Planted": 1}]}, "owners.1: has an unknown field; there are owners"),
        ({"owners": [{"share_bp": 6000}]}, "owners.1.person: is missing"),
        ({"owners": [{"person": "ama", "share_bp": 6000}]}, "add up to 60.00 %; they are to be 100 %"),
        ({"owners": [{"person": "nobody", "share_bp": 10000}]}, "nobody is enrolled under the reference"),
        ({"kind": "natural", "owners": []}, "owners are of a legal_entity"),
        ({"name": None, "owners": []}, "a legal entity has its registered name"),
    ],
)
def test_a_statement_that_does_not_stand_enrols_nobody(
    run: Command, ask: Ask, ama: Any, change: dict[str, Any], said: str
) -> None:
    code, out, err = run("kyc", "enrol-entity", "-", *BY, given=COMPANY | change)
    assert (code, out) == (1, "")
    assert said in err
    assert run("kyc", "owners", "list", "company")[0] == 1  # nobody was enrolled


def test_agents_under_agents_and_a_merchant(run: Command, ask: Ask, ama: Any) -> None:
    opened = ask("kyc", "business", "open", "ama", "agent", "float-1", "--currency", "GHS", *BY)
    assert opened["role"] == "agent"
    kofi = AMA | {"external_ref": "kofi", "phone": "+233201234599", "id_number": "GHA-PLANTED-19"}
    account = {"external_ref": "float-2", "currency": "GHS", "under": "float-1"}
    said = ask("kyc", "enrol-agent", "-", *BY, given=kofi | {"account": account})
    assert said["business_account"]["reference"] == "float-2"
    shop = COMPANY | {
        "owners": [{"person": "ama", "share_bp": 10000}],
        "account": {"external_ref": "till-1", "currency": "GHS"},
    }
    assert ask("kyc", "enrol-merchant", "-", *BY, given=shop)["beneficial_owners"][0]["ref"] == "ama"
    found = {each["reference"]: each for each in ask("kyc", "business", "list")}
    assert {ref: (each["role"], each["person"], each["under"]) for ref, each in found.items()} == {
        "float-1": ("agent", "ama", None),
        "float-2": ("agent", "kofi", "float-1"),
        "till-1": ("merchant", "company", None),
    }
    assert [each["reference"] for each in ask("kyc", "business", "chain", "float-2")] == ["float-1"]
    assert run("kyc", "business", "chain", "float-2")[1] == "float-2 < float-1\n"
    esi = kofi | {"external_ref": "esi"}
    code, _, err = run("kyc", "enrol-merchant", "-", *BY, given=esi | {"account": {"currency": "GHS"}})
    assert (code, err) == (1, "error: account: external_ref: is missing\n")
    code, _, err = run("kyc", "enrol-agent", "-", *BY, given=esi)
    assert (code, err) == (1, "error: account: the object: must be a JSON object\n")


def test_a_minor_names_who_answers(run: Command, ask: Ask, ama: Any) -> None:
    child = {
        "external_ref": "child",
        "currency": "GHS",
        "birth_date": "2015-06-01",
        "phone": "+233201234598",
        "guardian": "ama",
        "authority": "court",
    }
    code, _, err = run("kyc", "enrol-minor", "-", given={**child, "guardian": None, "authority": None})
    assert code == 1
    assert "a minor has both; give the guardian's external_ref" in err
    assert run("kyc", "enrol-minor", "-", given=child | {"authority": "aunt"})[2].endswith(
        "authority: must be parent, court or other\n"
    )
    assert ask("kyc", "enrol-minor", "-", given=child)["wallet"] == "child"
    [answers] = ask("kyc", "guardian", "list", "child")
    assert (answers["ref"], answers["authority"], answers["ended_at"]) == ("ama", "court", None)
    assert ask("kyc", "guardian", "end", "child", "--reason", "another court decided")["ended"]
    assert run("kyc", "guardian", "end", "child", "--reason", "again")[0] == 1
    assert "another court decided" in run("kyc", "guardian", "list", "child")[1]


def test_a_bearer_instrument_and_what_it_is(run: Command, ask: Ask) -> None:
    said = ask("kyc", "issue-bearer", "eu-amld5-art12", "anonymous_emoney", "card-1", "--not-reloadable")
    assert said["wallet"] == "card-1"
    told = ask("kyc", "features", "card-1")
    assert (told["features"]["reloadable"], told["features"]["goods_only"]) == (False, None)
    told = ask("kyc", "features", "card-1", "--goods-only", *BY)
    assert [each["actor"] for each in told["statements"]] == ["opening", "clerk-1"]
    assert (told["features"]["reloadable"], told["features"]["goods_only"]) == (False, True)
    code, out, _ = run("kyc", "features", "card-1")
    assert code == 0
    assert "reloadable: no\n" in out
    assert "one country: not said\n" in out
    code, _, err = run("kyc", "features", "card-1", "--reloadable", *BY)
    assert code == 1
    assert "stays so" in err
    assert run("kyc", "features", "card-1", "--one-country", "--actor", "clerk-1")[0] == 2
    code, _, err = run("kyc", "issue-bearer", "gh-bog-2024", "minimum", "card-2")
    assert code == 1
    assert "is for no bearer" in err


def test_a_further_wallet_at_a_tier_that_the_operator_assigns(run: Command, ask: Ask, ama: Any) -> None:
    code, _, err = run("kyc", "open-wallet", "ama", "ama-2", "--pack", "gh-bog-2024", "--tier", "minimum")
    assert code == 1
    assert "is reached by evidence" in err
    ask("kyc", "open-wallet", "ama", "ama-2", "--pack", "gh-bog-2024", "--one-country")
    assert ask("kyc", "features", "ama-2")["features"]["one_country"] is True


def test_a_correction_waits_for_a_second_person(run: Command, ask: Ask, ama: Any) -> None:
    asked = ask("kyc", "rectify", "ama", "-", *BY, given={"name": "Ama Planted-Other"})
    assert asked["fields"] == ["name"]
    code, out, _ = run("kyc", "approvals", "list")
    assert code == 0
    assert "rectification of" in out
    approve = ("kyc", "approvals", "approve", asked["request"], "--reason", "seen too", "--actor")
    assert run(*approve, "clerk-1")[0] == 1
    assert run(*approve, "clerk-2")[0] == 0
    [version] = ask("kyc", "versions", "ama")
    assert (version["version"], version["fields"], version["actor"]) == (1, ["name"], "clerk-2")
    states = [
        each["state"] for each in ask("kyc", "evidence", "list", "ama") if each["kind"] == "id_document"
    ]
    assert sorted(states) == ["captured", "rejected", "rejected"]
    # nothing is verified any more: one person corrects the rest
    code, out, _ = run("kyc", "rectify", "ama", "-", *BY, given={"address": "4 Planted-Lane"})
    assert (code, out) == (0, "ama: address rectified\n")
    code, _, err = run("kyc", "rectify", "ama", "-", *BY, given={"phone": "0201"})
    assert (code, err) == (1, "error: phone: must be an international number: + and 7 to 15 digits\n")
    assert "address" in run("kyc", "versions", "ama")[1]


def test_details_are_never_taken_from_arguments(run: Command) -> None:
    for command in ("enrol", "enrol-entity", "enrol-minor"):
        more = () if command != "enrol-entity" else BY
        assert run("kyc", command, '{"name": "x"}', *more)[0] == 2
    for source in ("/nowhere/person.json", json.dumps(AMA), "x" * 5000):
        code, _, err = run("kyc", "enrol", source)
        assert code == 2
        assert "there is no such file" in err


def test_rebinding_and_the_end_of_the_day_by_command(run: Command, ask: Ask, ama: Any) -> None:
    assert ask("kyc", "rebind") == {"wallets": 1, "rebound": {}, "left": []}
    assert run("kyc", "rebind")[1] == "1 wallets compared\n"
    assert ask("kyc", "end-of-day") == []
    assert run("kyc", "end-of-day")[0] == 0
    for job in ("rebind", "end-of-day"):
        assert run("jobs", "run", job)[0] == 0
