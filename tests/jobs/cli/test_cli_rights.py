"""The data protection officer's day: access, correction, objection, and an erasure up to its certificate."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from commands import Command, Ended

from emoney.jobs.installation import Emoney

AMA = {
    "external_ref": "ama",
    "currency": "GHS",
    "name": "Ama Planted-Name",
    "birth_date": "1990-04-05",
    "phone": "+233201234567",
    "id_kind": "national_id",
    "id_number": "GHA-712345678-9",
}


@pytest.fixture
def run(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command as `dpo-1`; gives exit code, standard output and standard error, which tell no value."""
    monkeypatch.setenv("EMONEY_ACTOR", "dpo-1")

    def call(*arguments: str, given: str = "") -> Ended:
        ended = command(*arguments, given=given)
        assert "Planted" not in ended.out + ended.err
        return ended

    return call


@pytest.fixture
def ama(run: Command) -> None:
    assert run("kyc", "enrol", "-", given=json.dumps(AMA))[0] == 0


def later(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """From here on, every installation that is opened has this time."""
    real = Emoney.open.__func__  # type: ignore[attr-defined]

    def opened(cls: type[Emoney], *_: object, **__: object) -> Emoney:
        found: Emoney = real(cls, clock=lambda: now)
        return found

    monkeypatch.setattr(Emoney, "open", classmethod(opened))


def test_access_gives_everything_in_two_files_for_their_owner_only(
    run: Command, ama: None, tmp_path: Path
) -> None:
    out = tmp_path / "answer"
    assert run("privacy", "rights", "access", "ama", "--out", str(out))[0] == 0
    held = json.loads((out / "access.json").read_text(encoding="utf-8"))
    told = {each["column"]: each["value"] for each in held["fields"]}
    assert told == {
        "kyc.person.name": AMA["name"],
        "kyc.person.birth_date": AMA["birth_date"],
        "kyc.person.phone": AMA["phone"],
        "kyc.person.id_kind": AMA["id_kind"],
        "kyc.person.id_number": AMA["id_number"],
    }
    assert {
        "kyc.person",
        "kyc.evidence",
        "kyc.evidence_state",
        "kyc.wallet",
        "kyc.tier_decision",
        "ledger.account",
    } <= set(held["records"])
    assert not {
        name for name in held["records"] if name.startswith("aml.") or "hold" in name.split(".")[1][:10]
    } - {"ledger.hold"}
    assert {each["retention"] for each in held["why"]} >= {"5 years after the end of the relationship"}
    page = (out / "access.html").read_text(encoding="utf-8")
    assert all(value in page for value in (AMA["name"], AMA["phone"], "customer due diligence"))
    for name in ("access.json", "access.html"):
        assert stat.S_IMODE((out / name).stat().st_mode) == 0o600
    [request] = [each for each in requests(run) if each["kind"] == "access"] or [None]
    assert request is None  # nothing waits: it was fulfilled


def requests(run: Command) -> list[dict[str, Any]]:
    code, out, _ = run("privacy", "rights", "--json")
    assert code in (0, 1)
    return list(json.loads(out))


def test_a_hold_does_not_show_in_an_answer(run: Command, ama: None, tmp_path: Path) -> None:
    run("privacy", "rights", "access", "ama", "--out", str(tmp_path / "a"))
    run("privacy", "hold", "place", "ama", "--reference", "court 17")
    run("privacy", "rights", "access", "ama", "--out", str(tmp_path / "b"))
    before, after = (json.loads((tmp_path / name / "access.json").read_text()) for name in "ab")
    assert set(before["records"]) == set(after["records"])
    assert "court 17" not in (tmp_path / "b" / "access.json").read_text()


def test_a_correction_is_found_by_its_new_value_and_no_more_by_the_old(
    run: Command, ama: None, tmp_path: Path
) -> None:
    code, out, _ = run("privacy", "rights", "rectify", "ama", "phone", given="+233 20 999 8888\n")
    assert (code, "corrected: phone" in out) == (0, True)
    code, _, err = run("privacy", "rights", "rectify", "ama", "birth_date", given="yesterday")
    assert (code, err.strip()) == (1, "error: birth_date: must be a date as 1990-01-31")
    assert run("privacy", "rights", "rectify", "ama", "shoe", given="44")[0] == 1
    twin = AMA | {
        "external_ref": "twin",
        "name": "Other Planted",
        "birth_date": "1950-01-01",
        "id_number": None,
    }
    for ref, phone in (("twin-new", "+233209998888"), ("twin-old", "+233201234567")):
        details = {key: value for key, value in twin.items() if value and key != "id_kind"}
        details |= {"external_ref": ref, "phone": phone, "name": f"Planted {ref}"}
        assert run("kyc", "enrol", "-", given=json.dumps(details))[0] == 0
    pairs = json.loads(run("kyc", "duplicates", "list", "--json")[1])
    assert [{each["ref_a"], each["ref_b"]} for each in pairs if "phone" in each["grounds"]] == [
        {"ama", "twin-new"}
    ]


def test_restriction_and_objection(run: Command, ama: None) -> None:
    assert run("privacy", "rights", "restrict", "ama", "--ground", "accuracy contested")[0] == 0
    assert run("privacy", "rights", "lift", "ama", "--ground", "it was right")[0] == 0
    code, out, _ = run(
        "privacy",
        "rights",
        "object",
        "ama",
        "--ground",
        "legal obligation",
        "--refused-by",
        "GDPR art. 21(1)",
    )
    assert (code, "refused" in out) == (0, True)
    code, _, err = run("privacy", "rights", "restrict", "ama", "--ground", "x", "--for", "curiosity")
    assert (code, "curiosity" not in err) == (1, True)


def test_an_erasure_up_to_its_certificate(
    run: Command, ama: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, owner_url: str
) -> None:
    assert run("accounts", "close", "ama", "--reason", "asked for")[0] == 0
    code, out, _ = run("privacy", "rights", "erase", "ama")
    assert code == 0
    assert "kept until" in out
    assert "FATF Recommendation 11" in out
    assert run("privacy", "retention", "due", "--json") == (0, "[]\n", "")
    [request] = requests(run)
    expiry = datetime.fromisoformat(request["keep_until"]).replace(tzinfo=UTC)
    month = f"{expiry:%Y-%m}"
    later(monkeypatch, expiry.replace(year=expiry.year + 1))
    assert run("privacy", "retention", "due")[0] == 1
    assert run("privacy", "retention", "destroy", month)[0] == 1  # nobody has agreed
    [asked] = json.loads(run("privacy", "retention", "ask", month, "--json")[1])
    assert run("privacy", "retention", "approve", asked["request_id"])[0] == 1  # the same person
    assert run("privacy", "retention", "approve", asked["request_id"], "--actor", "dpo-2")[0] == 0
    [erased] = json.loads(run("privacy", "retention", "destroy", month, "--json")[1])
    [certificate] = json.loads(run("privacy", "retention", "certificates", "--json")[1])
    assert certificate["id"] == erased["certificate_id"]
    with psycopg.connect(owner_url) as owner:
        assert owner.execute("SELECT count(*) FROM kyc.person").fetchone() == (0,)
    code, out, _ = run("privacy", "retention", "check", erased["request_id"], "--file", str(tmp_path))
    assert code == 1  # the key from before the request lives on, and is named
    assert [line[:6].strip() for line in out.splitlines() if line and line[0] != " "] == [
        "so",
        "not so",
        "so",
    ]
    assert run("privacy", "retention", "check", erased["request_id"], "--file", "/nowhere")[0] == 2
    assert run("trial-balance")[0] == 0


def test_the_rules_and_the_holds_are_listed(run: Command, ama: None) -> None:
    rules = json.loads(run("privacy", "retention", "--json")[1])
    assert {each["id"] for each in rules} >= {"eu-amlr-art77", "fatf-r11"}
    [hold] = json.loads(run("privacy", "hold", "place", "ama", "--reference", "court 17", "--json")[1])[
        "holds"
    ]
    asked = run("privacy", "hold", "ask", hold, "--reason", "lifted", "--actor", "legal-1")
    assert (asked[0], hold in asked[1]) == (0, True)
    assert run("privacy", "hold", "release", hold)[0] == 1
    assert run("privacy", "hold", "release", hold, "--actor", "legal-2")[0] == 0
    assert json.loads(run("privacy", "hold", "list", "--json")[1]) == []
    assert run("privacy", "retention")[0] == run("privacy", "hold", "list")[0] == 0
