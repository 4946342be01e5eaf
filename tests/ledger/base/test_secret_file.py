"""A secret's file, whatever interrupts its making."""

import contextlib
import gc
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from emoney.ledger.base import secret_file
from emoney.ledger.base.secret_file import SecretFile


@pytest.fixture
def never_caught(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Errors that had nobody to go to: the interpreter would print them, as it would not a warning."""
    seen: list[Any] = []

    def note(met: Any) -> None:
        if not issubclass(met.exc_type, ResourceWarning):
            seen.append(met.exc_value)

    monkeypatch.setattr(sys, "unraisablehook", note)
    return seen


@pytest.mark.parametrize("method", ["write_once", "replace"])
def test_a_signal_at_any_moment_leaves_a_whole_file_or_none(
    tmp_path: Path, never_caught: list[Any], request: pytest.FixtureRequest, method: str
) -> None:
    content = b"a secret"
    gc.collect()
    gc.freeze()  # what is older is nobody's garbage here, and takes long to go through
    request.addfinalizer(gc.unfreeze)
    for lines in range(1, 200):
        folder = tmp_path / str(lines)
        folder.mkdir(mode=0o700)
        file = SecretFile(folder / "secret", 100, FileNotFoundError, PermissionError)
        before, ended = _interrupted(lambda made=file: getattr(made, method)(content), lines)
        gc.collect()
        assert never_caught == []
        assert not file.path.exists() or file.read() == content
        if ended:
            assert file.read() == content
            assert before > 10  # the interruptions were in it
            return
    pytest.fail("it never came to its end")


def _interrupted(call: Any, lines: int) -> tuple[int, bool]:
    """Raise SystemExit when `call` has come to so many lines and ends of functions in the module and in the
    context managers under it; gives how many it came to, and whether it ended by itself.
    """
    passed = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal passed
        if frame.f_code.co_filename not in (secret_file.__file__, contextlib.__file__):
            return None
        if event in ("line", "return"):
            passed += 1
            if passed == lines:
                raise SystemExit
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
        return passed, True
    except SystemExit:
        return passed, False
    finally:
        sys.settrace(before)
