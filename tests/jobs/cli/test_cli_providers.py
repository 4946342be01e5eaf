"""`emoney kyc providers`: registered and withdrawn by the owner, and seen by all who may look."""

import json
from pathlib import Path

from commands import Command

BY = ("--actor", "owner", "--reason", "contract of May")


def test_providers_are_registered_listed_and_withdrawn(command: Command, home: Path) -> None:
    ways = ("--gives", "registry_verified", "--method", "chip read", "--assurance", "substantial")
    code, out, _ = command("kyc", "providers", "register", "national-register", *ways, *BY, "--json")
    assert code == 0
    made = json.loads(out)
    assert (made["active"], made["gives"], made["methods"]) == (True, ["registry_verified"], ["chip read"])
    assert command("kyc", "providers", "withdraw", "national-register", *BY)[0] == 0
    listed = json.loads(command("kyc", "providers", "list", "--json")[1])
    assert [each["active"] for each in listed if each["name"] == "national-register"] == [False]
    assert "national-register" in command("kyc", "providers", "list")[1]


def test_a_provider_that_cannot_be_is_refused(command: Command, home: Path) -> None:
    code, _, said = command("kyc", "providers", "withdraw", "nobody-knows", *BY)
    assert (code, "no provider nobody-knows" in " ".join(said.split())) == (1, True)
    gives = ("--gives", "captured")
    assert command("kyc", "providers", "register", "national-register", *gives, *BY)[0] == 1
