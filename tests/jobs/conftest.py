"""The command line as the operator's staff uses it, with persons whose details are planted."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from commands import Command, Ended

Ask = Callable[..., Any]


@pytest.fixture
def run(command: Command) -> Command:
    """Runs a command, on standard input what is given; nothing of it is ever told."""

    def call(*arguments: str, given: Any = None) -> Ended:
        ended = command(*arguments, given="" if given is None else json.dumps(given))
        for told in ("Planted", "1990-04-05", "233201234567", "PLANTED-1"):
            assert told not in ended.out + ended.err
        return ended

    return call


@pytest.fixture
def ask(run: Command) -> Ask:
    """What a command says with --json, having gone well."""

    def asked(*arguments: str, given: Any = None) -> Any:
        code, out, err = run(*arguments, "--json", given=given)
        assert code == 0, err
        return json.loads(out)

    return asked
