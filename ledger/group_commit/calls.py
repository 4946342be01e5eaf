"""A call that waits in group commit for its outcomes, and how it is answered: a thread or a loop's task.

Cost: one lock released per thread; one call into each event loop, however many of its tasks wait.
"""

import asyncio
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from uuid import UUID

from emoney.ledger.acts.act import Act
from emoney.ledger.base.errors import Unavailable
from emoney.ledger.transfers.transfer import Outcome, Transfer


class Overloaded(Unavailable):
    """The queue stayed full for as long as a caller may wait. Not sent; a retry with the same ids is safe."""


class Closed(Unavailable):
    """No writer takes calls: not opened yet, or closed. Not sent; a retry with the same ids is safe."""


class Call:
    """One caller's transfers, or one act, and then the outcomes or the caller's error.

    A thread waits on `lock`, a task on `future`. `admitted`: it is in the queue and will be posted, unless
    its caller has `given_up` before that.
    """

    __slots__ = (
        "act",
        "admitted",
        "error",
        "future",
        "given_up",
        "group",
        "lock",
        "outcomes",
        "size",
        "transfers",
    )

    def __init__(
        self,
        asked: Sequence[Transfer] | Act,
        future: "asyncio.Future[list[Outcome]] | None" = None,
    ) -> None:
        self.act: Act | None = None
        self.transfers: Sequence[Transfer] = ()
        self.group: UUID | None = None
        self.size = 1
        if isinstance(asked, Act):
            self.act = asked
        else:
            self.transfers, self.group, self.size = asked, asked[0].group, len(asked)
        self.future = future
        self.lock = threading.Lock()
        self.lock.acquire()
        self.outcomes: list[Outcome] | None = None
        self.error: Exception | None = None
        self.admitted = False
        self.given_up = False

    @property
    def answered(self) -> bool:
        """Whether the caller has something to return or to raise."""
        return self.outcomes is not None or self.error is not None


def transfers_of(calls: Iterable[Call]) -> list[Transfer]:
    """The transfers of calls, in their order."""
    return [transfer for call in calls for transfer in call.transfers]


def share(calls: Sequence[Call], outcomes: list[Outcome]) -> None:
    """Answer each call with the outcomes of what it asks, which are in the calls' order."""
    start = 0
    for call in calls:
        end = start + call.size
        call.outcomes = outcomes[start:end]
        start = end
    answer(calls)


def unanswered(why: str) -> Unavailable:
    """The error of a caller that will not learn its outcome now."""
    return Unavailable(f"{why} Whether it was posted is unknown; a retry with the same ids is safe.")


def fail(calls: Iterable[Call], why: str, cause: Exception | None = None) -> None:
    """Answer with an error, each caller with one of its own: what is raised carries its raiser's trace."""
    calls = list(calls)
    for call in calls:
        call.error = unanswered(why)
        call.error.__cause__ = cause
    answer(calls)


def answer(calls: Iterable[Call]) -> None:
    """Wake the callers, whose outcomes or errors are set. To answer twice does no harm."""
    loops: dict[asyncio.AbstractEventLoop, list[Call]] = {}
    for call in calls:
        if call.future is None:
            with suppress(RuntimeError):  # woken before
                call.lock.release()
        else:
            loops.setdefault(call.future.get_loop(), []).append(call)
    for loop, theirs in loops.items():
        with suppress(RuntimeError):  # the loop is closed: none of its tasks waits any more
            loop.call_soon_threadsafe(_answer_tasks, theirs)


def _answer_tasks(calls: Iterable[Call]) -> None:
    for call in calls:
        future = call.future
        if future is None or future.done():
            continue
        if call.outcomes is not None:
            future.set_result(call.outcomes)
        elif call.error is not None:
            future.set_exception(call.error)
