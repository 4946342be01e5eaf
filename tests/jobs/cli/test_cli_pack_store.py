"""`emoney kyc pack store`: three logins, of which one makes limits, one enrols, and one owns the database."""

import json
from typing import Any

import psycopg
import pytest
from commands import Command
from reader_logins import login_in

PERSON = json.dumps(
    {
        "external_ref": "P-1",
        "currency": "GHS",
        "name": "Ama Serwaa Quartey",
        "birth_date": "1987-03-14",
        "phone": "+233 24 477 1902",
        "id_kind": "national_id",
        "id_number": "GHA-718293746-4",
        "address": "14 Nkrumah Lane, Cape Coast",
    }
)


def profiles(owner_url: str) -> Any:
    with psycopg.connect(owner_url) as owner:
        [number] = owner.execute("SELECT count(*) FROM ledger.limit_profile").fetchone() or (None,)
        return number


def code_of(out: str) -> Any:
    return json.loads(out)["error"]["code"]


def test_one_login_stores_a_packs_limits_and_another_enrols(
    command: Command, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        login_in(owner_url, "backend", ["emoney_app"]) as backend,
        login_in(owner_url, "compliance", ["emoney_policy"]) as compliance,
    ):
        monkeypatch.setenv("EMONEY_DATABASE_URL", backend)
        code, out, _ = command("kyc", "enrol", "-", "--json", given=PERSON)
        assert (code, code_of(out)) == (1, "profiles_denied")
        code, out, _ = command("kyc", "pack", "store", "gh-bog-2024", "--json")
        assert (code, code_of(out)) == (1, "profiles_denied")
        assert profiles(owner_url) == 0

        monkeypatch.setenv("EMONEY_DATABASE_URL", compliance)
        code, out, _ = command("kyc", "pack", "store", "gh-bog-2024", "ke-cbk-2023", "--json")
        assert code == 0
        first, second = json.loads(out)
        assert (first["pack"], second["pack"]) == ("gh-bog-2024", "ke-cbk-2023")
        assert first["new"] + second["new"] == first["profiles"] + second["profiles"] == profiles(owner_url)
        code, out, _ = command("kyc", "pack", "store", "gh-bog-2024")
        assert (code, out) == (0, f"gh-bog-2024: {first['profiles']} limit profiles, 0 of them new\n")
        assert command("kyc", "pack", "store", "no-such")[0] == 1
        assert command("kyc", "enrol", "-", given=PERSON)[0] == 1

        monkeypatch.setenv("EMONEY_DATABASE_URL", backend)
        code, out, err = command("kyc", "enrol", "-", "--json", given=PERSON)
        assert code == 0, out + err
        assert json.loads(out)["tier"] == "medium"
    assert profiles(owner_url) == first["profiles"] + second["profiles"]


def test_the_owner_needs_no_step_of_its_own(command: Command, owner_url: str) -> None:
    assert command("kyc", "enrol", "-", given=PERSON)[0] == 0
    assert profiles(owner_url) == 1
    code, out, _ = command("kyc", "pack", "store", "gh-bog-2024", "--json")
    assert code == 0
    [stored] = json.loads(out)
    assert stored["new"] == stored["profiles"] - 1
