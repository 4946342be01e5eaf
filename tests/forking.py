"""A forked process: what its child does, and that it ends well."""

import os
import signal
from collections.abc import Callable


def in_child(work: Callable[[], object]) -> None:
    """Do this in a forked process, which must end well."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(60)
            work()
            code = 0
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
