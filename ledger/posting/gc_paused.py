"""A pause of Python's cyclic garbage collector while a batch is in work.

A batch makes tens of thousands of objects that live until its end. Each time some hundreds more have come,
the collector looks whether they are garbage, now and then through everything that the process has imported: a
fifth of a batch's time. Nothing here makes cycles; what a batch leaves is freed as it ends.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_paused = 0
_was_enabled = False


@contextmanager
def no_collection() -> Iterator[None]:
    """No automatic collection inside, in whatever thread; as it was, once the last such block has ended."""
    global _paused, _was_enabled  # the collector is the process's, and so is the pause
    with _lock:
        if _paused == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _paused += 1
    try:
        yield
    finally:
        with _lock:
            _paused -= 1
            if _paused == 0 and _was_enabled:
                gc.enable()
