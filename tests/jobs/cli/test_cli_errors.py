"""What a program learns of an error: its code, one for each class, the same from release to release."""

import importlib
import json
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Command

import emoney
from emoney.ledger.base.errors import EmoneyError

DOCUMENTED = Path(__file__).resolve().parents[3] / "docs" / "errors.md"


def classes() -> set[type[EmoneyError]]:
    for module in pkgutil.walk_packages(emoney.__path__, "emoney."):
        if ".migrations" not in module.name:
            importlib.import_module(module.name)
    return {each for each in _below(EmoneyError) if each.__module__.startswith("emoney.")}


def _below(base: type[EmoneyError]) -> Iterator[type[EmoneyError]]:
    for each in base.__subclasses__():
        yield each
        yield from _below(each)


def test_each_class_of_errors_has_a_code_of_its_own() -> None:
    codes = Counter(each.code for each in classes())
    assert [code for code, number in codes.items() if number > 1] == []
    assert all(re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", code) for code in codes)


def test_every_code_is_documented_and_none_has_changed() -> None:
    documented = re.findall(r"^\| `([a-z0-9_]+)` \|", DOCUMENTED.read_text(encoding="utf-8"), re.MULTILINE)
    assert documented == sorted(documented)
    assert {each.code for each in classes()} == set(documented)


def test_a_class_may_keep_a_former_name_as_its_code() -> None:
    class RenamedLater(EmoneyError):
        code = "named_before"

    class BelowHTTPIt(RenamedLater):
        pass

    assert (RenamedLater.code, BelowHTTPIt.code) == ("named_before", "below_httpit")


def test_a_refused_command_tells_a_program_the_code(command: Command) -> None:
    code, out, err = command("balance", "nobody", "--json")
    told = json.loads(out)["error"]
    assert (code, told["code"]) == (1, "unknown_account")
    assert err == f"error: {told['message']}\n"
    code, out, err = command("balance", "nobody")
    assert (code, out) == (1, "")
    assert "nobody" in err


def test_what_a_command_itself_refuses_has_a_code_too(command: Command) -> None:
    code, out, _ = command("kyc", "enrol", "-", "--json", given="[]")
    assert (code, json.loads(out)["error"]["code"]) == (1, "refused")


@pytest.mark.parametrize("arguments", [("balance",), ("aml", "alerts", "--scenario", "fanin"), ("no-such",)])
def test_misuse_is_told_in_words_only(command: Command, arguments: tuple[str, ...]) -> None:
    code, out, err = command(*arguments, "--json")
    assert (code, out) == (2, "")
    assert err


def test_a_file_that_cannot_be_written_has_a_code(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    statement = ("privacy", "release", "make", "wallet-holders", "--actor", "dpo-1", "--json")
    code, out, _ = command(
        *statement, "--out", str(tmp_path / "file" / "out.csv"), "--records", "missing.csv"
    )
    assert (code, json.loads(out)["error"]["code"]) == (1, "unusable_file")
