"""A forked process: what its child does, and how it ends. It has loaded already what its parent has."""

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

SECONDS_MAX = 120


def in_child(work: Callable[[], object]) -> None:
    """Do this in a forked process, which must end well."""
    assert _ended(_forked(work, 60)) == 0


def output_of(work: Callable[[], object]) -> tuple[int, str, str]:
    """Do this in a forked process; how it ended, as `os.waitstatus_to_exitcode` says, and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")

        def printing() -> None:
            sys.stdout, sys.stderr = out.open("w", encoding="utf-8"), err.open("w", encoding="utf-8")
            try:
                work()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()

        code = _ended(_forked(printing, SECONDS_MAX))
        return code, *(path.read_text(encoding="utf-8") if path.exists() else "" for path in (out, err))


class Told:
    """A forked process that works, and tells lines meanwhile by the function that it is given."""

    def __init__(self, work: Callable[[Callable[..., None]], object]) -> None:
        reading, writing = os.pipe()

        def telling() -> None:
            os.close(reading)
            with os.fdopen(writing, "w", encoding="utf-8") as pipe:
                work(lambda *step: print(*step, file=pipe, flush=True))

        self._child = _forked(telling, SECONDS_MAX)
        os.close(writing)
        self._lines = os.fdopen(reading, encoding="utf-8")

    def line(self) -> str:
        """The next line; empty once it has ended."""
        return self._lines.readline()

    def kill(self) -> int:
        """Kill it, if it still runs; how it ended, as `output_of`."""
        os.kill(self._child, signal.SIGKILL)
        self._lines.close()
        return _ended(self._child)


def _forked(work: Callable[[], object], seconds: int) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(seconds)
            work()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code)
    return child


def _ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
