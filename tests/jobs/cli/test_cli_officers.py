"""`emoney officers`, and commands under an officer's login."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from commands import Command
from psycopg import sql

from emoney.ledger.officers import login_of

SET_UP = ("--actor", "owner-1", "--reason", "first officers")
AMA, KOFI = f"ama.{os.getpid()}", f"kofi.{os.getpid()}"


@pytest.fixture
def passwords(tmp_path: Path, owner_url: str) -> Iterator[dict[str, str]]:
    """Files with a password each; the logins made with them go with the test."""
    files = {}
    for name in (AMA, KOFI):
        file = tmp_path / f"{name}.password"
        file.touch(mode=0o600)
        file.write_text(f"the password of {name}\n")
        files[name] = str(file)
    tmp_path.chmod(0o700)
    yield files
    with psycopg.connect(owner_url, autocommit=True) as owner:
        for name in files:
            owner.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(login_of(name))))


def asked(command: Command, *arguments: str) -> Any:
    code, out, err = command(*arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_what_takes_two_persons_takes_two_logins(command: Command, passwords: dict[str, str]) -> None:
    for name, role in ((AMA, "maker"), (KOFI, "checker")):
        asked(command, "officers", "add", name, "--role", role, "--password-file", passwords[name], *SET_UP)
    found = asked(command, "officers", "list")
    assert [(each["name"], each["state"], each["roles"]) for each in found] == [
        (AMA, "active", ["maker"]),
        (KOFI, "active", ["checker"]),
    ]
    lift = ("accounts", "lift-limits", "a-float", "--reason", "own money")
    code, out, _ = command(*lift, "--actor", AMA, "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "officer_refused")
    as_ama = ("--officer", AMA, "--officer-password-file", passwords[AMA])
    as_kofi = ("--officer", KOFI, "--officer-password-file", passwords[KOFI])
    request = asked(command, *as_ama, *lift)["request"]
    decide = ("kyc", "approvals", "approve", request, "--reason", "seen")
    for wrong in (as_ama, ("--officer", KOFI, "--officer-password-file", passwords[AMA])):
        assert command(*wrong, *decide).code == 1
    assert command(*as_kofi, *decide, "--actor", AMA).code == 1
    done = asked(command, *as_kofi, *decide)
    assert (done["requested_by"], done["decided_by"]) == (AMA, KOFI)


def test_a_suspended_officer_is_told_so_by_the_list_and_stays_out(
    command: Command, passwords: dict[str, str]
) -> None:
    add = ("officers", "add", AMA, "--role", "checker", "--role", "dpo", *SET_UP)
    assert "add a second one" in command(*add, "--password-file", passwords[AMA]).out
    assert command("officers", "suspend", AMA, *SET_UP).code == 0
    assert asked(command, "officers", "list")[0]["state"] == "suspended"
    as_ama = ("--officer", AMA, "--officer-password-file", passwords[AMA])
    assert command(*as_ama, "officers", "list").code == 1
    assert command("officers", "reinstate", AMA, *SET_UP).code == 0
    assert command("officers", "roles", AMA, "--role", "auditor", *SET_UP).code == 0
    assert asked(command, *as_ama, "officers", "list")[0]["roles"] == ["auditor"]
    changes = asked(command, "officers", "history")
    assert [each["state"] for each in changes] == ["active", "active", "suspended", "active"]


def test_an_officer_makes_no_officers(command: Command, passwords: dict[str, str]) -> None:
    add = ("--role", "owner", "--password-file", passwords[KOFI], "--reason", "more power")
    command("officers", "add", AMA, "--role", "checker", "--password-file", passwords[AMA], *SET_UP)
    as_ama = ("--officer", AMA, "--officer-password-file", passwords[AMA])
    code, _, err = command(*as_ama, "officers", "add", KOFI, *add)
    assert (code, "owner" in err) == (1, True)
    assert len(asked(command, "officers", "list")) == 1


def test_without_a_password_or_an_actor_it_is_misused(command: Command, passwords: dict[str, str]) -> None:
    assert command("officers", "add", AMA, "--role", "checker", *SET_UP).code == 2
    Path(passwords[AMA]).chmod(0o644)
    code, _, err = command(
        "officers", "add", AMA, "--role", "checker", "--password-file", passwords[AMA], *SET_UP
    )
    assert (code, "0600" in err) == (1, True)
    assert command("accounts", "lift-limits", "a-float", "--reason", "none says who").code == 2


def test_an_officer_signs_with_a_key_of_its_own(
    command: Command, passwords: dict[str, str], tmp_path: Path
) -> None:
    command("officers", "add", AMA, "--role", "maker", "--password-file", passwords[AMA], *SET_UP)
    key = str(tmp_path / "ama.key")
    made = command("officers", "make-key", key, "--passphrase-file", passwords[KOFI])
    assert made.code == 0
    as_ama = ("--officer", AMA, "--officer-password-file", passwords[AMA])
    signing = ("--officer-key", key, "--officer-passphrase-file", passwords[KOFI])
    registered = command(*as_ama, "officers", "register-key", made.out.strip(), "--reason", "my key")
    assert registered.code == 0, registered.err
    assert asked(command, "officers", "list")[0]["key"] == made.out.strip()
    lift = ("accounts", "lift-limits", "a-float", "--reason", "own money")
    assert command(*as_ama, *lift).code == 1
    asked(command, *as_ama, *signing, *lift)
    assert command("officers", "signatures", "--demand", *SET_UP).code == 0
    assert command("officers", "register-key", "no key", "--reason", "x").code == 2


def test_the_first_two_are_made_with_the_installation(command: Command, passwords: dict[str, str]) -> None:
    two = ("--officer", AMA, "--officer", KOFI)
    files = ("--password-file", passwords[AMA], "--password-file", passwords[KOFI])
    assert command("init", "--officer", AMA, "--password-file", passwords[AMA]).code == 2
    assert command("init", *two, "--password-file", passwords[AMA]).code == 2
    assert asked(command, "officers", "list") == []
    for _ in range(2):
        assert f"Officers: {AMA}, {KOFI}" in command("init", *two, *files).out
    assert [(each["name"], len(each["roles"])) for each in asked(command, "officers", "list")] == [
        (AMA, 13),
        (KOFI, 13),
    ]
    assert command("--officer", AMA, "--officer-password-file", passwords[AMA], "officers", "list").code == 0
