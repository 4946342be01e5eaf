"""`emoney clock`: the policy shown and set, with who and why."""

import json
from typing import Any

import pytest
from commands import Command
from reader_logins import login_in

BY = ("--actor", "owner-1", "--reason", "agents work offline")
NEW = {"ahead_s": 5, "behind_s": 30, "late_s": 900, "late_by_operation": {}}


def asked(command: Command, *arguments: str) -> Any:
    code, out, err = command("clock", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_the_policy_is_shown_and_set_in_parts(command: Command) -> None:
    shown = asked(command, "show")
    assert (shown["bounded"], len(shown["changes"])) == (False, 1)
    assert "not bounded" in command("clock", "show").out
    asked(command, "set", "--ahead", "5s", "--behind", "30s", "--late", "15m", *BY)
    found = asked(command, "set", "--late-of", "cash_in=2d", "--late-of", "cash_out=any", *BY)
    assert found["policy"] == NEW | {"late_by_operation": {"cash_in": 172_800, "cash_out": None}}
    assert not found["bounded"]
    found = asked(command, "set", "--late-of", "cash_in=", "--late-of", "cash_out=", *BY)
    assert (found["policy"], found["bounded"]) == (NEW, True)
    assert found == asked(command, "show")
    assert (found["changes"][0]["actor"], found["changes"][0]["reason"]) == ("owner-1", "agents work offline")
    code, out, _ = command("clock", "show")
    assert code == 0
    assert ("15m" in out, "owner-1" in out, "not bounded" in out) == (True, True, False)


@pytest.mark.parametrize(
    "wrong", [("--late", "soon"), ("--ahead", "-5s"), ("--late-of", "cash_in"), ("--late-of", "cash=2d")]
)
def test_what_is_no_time_is_misuse(command: Command, wrong: tuple[str, str]) -> None:
    assert command("clock", "set", *wrong, *BY)[0] == 2
    assert len(asked(command, "show")["changes"]) == 1


def test_no_login_of_the_applications_sets_it(
    command: Command, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with login_in(owner_url, "backend", ["emoney_app", "emoney_import", "emoney_receipts"]) as url:
        monkeypatch.setenv("EMONEY_DATABASE_URL", url)
        code, out, _ = command("clock", "set", "--late", "any", *BY, "--json")
        assert (code, json.loads(out)["error"]["code"]) == (1, "configuration_error")
        assert len(asked(command, "show")["changes"]) == 1
