"""The command line as the operator's staff uses it, with persons whose details are planted."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from commands import Command, Ended
from reader_logins import login_in

from emoney.privacy.privileges import Reader

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


@pytest.fixture
def logins(owner_url: str) -> Iterator[dict[Reader, str]]:
    """For each reader a URL of a login of its own, which is a member of nothing else."""
    with ExitStack() as stack:
        yield {reader: stack.enter_context(login_in(owner_url, reader, [reader])) for reader in Reader}
