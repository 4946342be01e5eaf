"""The ledger for asyncio: everything that `Ledger` and its neighbours do, without blocking the event loop.

    async with AsyncLedger(em.ledger) as ledger:
        outcome = await ledger.post(transfer)                 # shares batches with other tasks
        placed = await ledger.place(hold)
        page = await ledger.reading.transfers(account="shop-1")

| what                 | how it runs                                      | cost beside the sync call       |
|----------------------|--------------------------------------------------|---------------------------------|
| `post`, `carry_out`  | group commit: one writer's thread for all tasks  | a wake-up of the loop           |
| all others           | the sync call in one of `threads` worker threads | two thread switches, about 0.1 ms|

At most `threads` of the others run at once, each with a connection of the ledger's pool while it does;
`calls_max` may run or wait, more raise Overloaded. A task that is cancelled, or times out, learns nothing:
its call goes on, and sending the same ids again tells. Context variables are those of the caller.

Work in a transaction of one's own is a function of one's own, run whole: `await ledger.call(work)`.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from emoney.ledger import account_changes, disputes, holds, reversals
from emoney.ledger.acts import Act, carry_out
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.group_commit.calls import Closed, Overloaded
from emoney.ledger.group_commit.commit import GroupCommit
from emoney.ledger.ledger import Ledger
from emoney.ledger.reading.reader import Reading
from emoney.ledger.transfers.transfer import Outcome, Transfer

THREADS, CALLS_MAX = 8, 1_000

Given = ParamSpec("Given")
Result = TypeVar("Result")
Waited = Coroutine[Any, Any, Result]


def _of_ledger(
    function: Callable[Concatenate[Ledger, Given], Result],
) -> Callable[Concatenate["AsyncLedger", Given], Waited[Result]]:
    @wraps(function)
    async def method(self: "AsyncLedger", /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        return await self.call(function, self.ledger, *args, **kwargs)

    return method


def _of_reading(
    function: Callable[Concatenate[Reading, Given], Result],
) -> Callable[Concatenate["AsyncReading", Given], Waited[Result]]:
    @wraps(function)
    async def method(self: "AsyncReading", /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        return await self._threads.call(function, self._threads.ledger.reading, *args, **kwargs)

    return method


class AsyncReading:
    """`Reading`, awaited."""

    def __init__(self, threads: "AsyncLedger") -> None:
        self._threads = threads

    transfer = _of_reading(Reading.transfer)
    refusal = _of_reading(Reading.refusal)
    hold = _of_reading(Reading.hold)
    account = _of_reading(Reading.account)
    account_metadata = _of_reading(Reading.account_metadata)
    transfers = _of_reading(Reading.transfers)
    refusals = _of_reading(Reading.refusals)
    holds = _of_reading(Reading.holds)
    accounts = _of_reading(Reading.accounts)
    wallets = _of_reading(Reading.wallets)
    balances = _of_reading(Reading.balances)
    balance = _of_reading(Reading.balance)
    statement = _of_reading(Reading.statement)
    statement_lines = _of_reading(Reading.statement_lines)


class AsyncLedger:
    """`ledger` for tasks of any event loop. Open it once per process, as an async context manager.

    `threads`: how many calls run at once beside posting, 1 or more. `calls_max`: how many run or wait.
    `commits`: a GroupCommit that is open already; else one of its own. Raises ConfigurationError.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        threads: int = THREADS,
        calls_max: int = CALLS_MAX,
        commits: GroupCommit | None = None,
    ) -> None:
        if not 1 <= threads <= calls_max:
            raise ConfigurationError(f"threads is {threads}; it is 1 or more, and calls_max not less")
        self.ledger = ledger
        self.reading = AsyncReading(self)
        self._own = GroupCommit(ledger) if commits is None else None
        self._commits = commits or self._own
        self._threads, self._calls_max = threads, calls_max
        self._room = threading.BoundedSemaphore(calls_max)
        self._workers: ThreadPoolExecutor | None = None

    async def __aenter__(self) -> Self:
        """Start. Opened once, like a GroupCommit."""
        if self._own is not None:
            self._own.__enter__()
        self._workers = ThreadPoolExecutor(self._threads, thread_name_prefix="emoney-async")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Refuse new calls, and wait for those that run. May be called again."""
        workers, self._workers = self._workers, None
        if workers is not None:
            await asyncio.to_thread(workers.shutdown)
        if self._own is not None:
            await asyncio.to_thread(self._own.close)

    async def call(
        self, function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        """Any function of the sync face, or of one's own, in a worker thread. Raises what it does; Closed,
        Overloaded where it was not begun."""
        workers = self._workers
        if workers is None:
            raise Closed("This AsyncLedger is not open: use `async with`. Nothing was sent")
        if not self._room.acquire(blocking=False):
            raise Overloaded(f"{self._calls_max} calls run or wait already; this one was not sent")
        try:
            running = workers.submit(contextvars.copy_context().run, partial(function, *args, **kwargs))
        except BaseException:
            self._room.release()
            raise
        running.add_done_callback(lambda _: self._room.release())
        return await asyncio.shield(asyncio.wrap_future(running))

    # -- posting --------------------------------------------------------------------------------------------

    async def post(self, transfer: Transfer) -> Outcome:
        """Post one transfer in a batch that tasks share; durable when it returns. As `GroupCommit.apost`."""
        assert self._commits is not None
        return await self._commits.apost(transfer)

    async def post_group(self, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Post a linked group. As `GroupCommit.apost_group`."""
        assert self._commits is not None
        return await self._commits.apost_group(transfers)

    async def post_batch(self, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Post a batch of one's own in a transaction of its own. As `Ledger.post`."""
        return await self.call(self.ledger.post, transfers)

    async def carry_out(self, act: Act) -> Outcome:
        """Carry out one act in a batch that tasks share. As `GroupCommit.acarry_out`."""
        assert self._commits is not None
        return await self._commits.acarry_out(act)

    async def carry_out_batch(self, acts: Sequence[Act]) -> list[Outcome]:
        """Carry out acts in a transaction of their own. As `acts.carry_out`."""
        return await self.call(carry_out, self.ledger, acts)

    # -- everything else ------------------------------------------------------------------------------------

    open_account = _of_ledger(Ledger.open_account)
    place = _of_ledger(holds.place)
    capture = _of_ledger(holds.capture)
    void = _of_ledger(holds.void)
    expire_due = _of_ledger(holds.expire_due)
    refund = _of_ledger(reversals.refund)
    reverse = _of_ledger(reversals.reverse)
    open_dispute = _of_ledger(disputes.open_dispute)
    uphold = _of_ledger(disputes.uphold)
    reject = _of_ledger(disputes.reject)
    freeze = _of_ledger(account_changes.freeze)
    unfreeze = _of_ledger(account_changes.unfreeze)
    set_bounds = _of_ledger(account_changes.set_bounds)
    move = _of_ledger(account_changes.move)
    close_account = _of_ledger(account_changes.close)
