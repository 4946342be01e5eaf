"""The next batches are made ready by a thread while the present one is at work in the database."""

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_AHEAD_MAX = 2
_LOOK_UP_S = 0.2


def prefetched(items: Iterator[Item]) -> Generator[Item, None, None]:
    """`items`, drawn by a thread at most _AHEAD_MAX ahead. An error while drawing is raised where it is
    missed.

    Whoever stops early closes this generator, which ends the thread before it returns.
    """
    ready: queue.Queue[Item] = queue.Queue(_AHEAD_MAX)
    ended = threading.Event()
    stopped = threading.Event()
    failure: list[BaseException] = []

    def draw() -> None:
        try:
            for item in items:
                while not stopped.is_set():
                    try:
                        ready.put(item, timeout=_LOOK_UP_S)
                        break
                    except queue.Full:
                        continue
                if stopped.is_set():
                    return
        except BaseException as error:  # handed over to the thread that waits
            failure.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=draw, name="import-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            finished = ended.is_set()
            try:
                yield ready.get(timeout=0 if finished else _LOOK_UP_S / 10)
            except queue.Empty:
                if finished:
                    break
        if failure:
            raise failure[0]
    finally:
        stopped.set()
        thread.join()
