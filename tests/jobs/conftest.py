"""The command line as the operator's staff uses it, with persons whose details are planted."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.cli import main

Run = Callable[..., tuple[int, str, str]]
Ask = Callable[..., Any]


@pytest.fixture
def run(
    home: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a command, on standard input what is given; nothing of it is ever told."""
    monkeypatch.setenv("EMONEY_DATABASE_URL", owner_url)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str, given: Any = None) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["emoney", *arguments])
        text = "" if given is None else json.dumps(given)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        for told in ("Planted", "1990-04-05", "233201234567", "PLANTED-1"):
            assert told not in captured.out + captured.err
        return code, captured.out, captured.err

    return call


@pytest.fixture
def ask(run: Run) -> Ask:
    """What a command says with --json, having gone well."""

    def asked(*arguments: str, given: Any = None) -> Any:
        code, out, err = run(*arguments, "--json", given=given)
        assert code == 0, err
        return json.loads(out)

    return asked
