"""Group commit: callers with one transfer, linked group or act each share batches and their one commit.

One thread decides and sends; what arrives while PostgreSQL writes a batch is the next one, and on its way
before the answer to the first. From threads and asyncio.

| per batch | what happens                                                              | cost              |
|-----------|---------------------------------------------------------------------------|-------------------|
| check     | in the caller's own thread, before it queues: bad input costs no one else | some microseconds |
| queue     | one deque under one mutex, never held over what may wait                  | about 1 us a call |
| linger    | only where nothing is under way, about a quarter of the batch's time:     | one wake-up       |
|           | callers just answered come back, and go together instead of one by one    |                   |
| decide    | on remembered accounts (`account_cache`), while the batch before is       | reading new ones  |
|           | written: of many callers, half wait for the one and half for the other    |                   |
| write     | sent behind the batch before (`pipeline`); what was decided on            | one round trip,   |
|           | stale accounts is posted by `Ledger.post`                                 | not waited for    |
| answer    | one lock released per thread; one call into each event loop               | about 1 us a call |

Acts (`ledger.acts`: holds, captures, voids, refunds, disputes) of one batch share a transaction of their own,
under locks, behind that of its transfers.

Order: first come, first posted, over all callers; what one caller sends in turn is posted in that order. A
group is never split over batches, and two callers' groups of one name never meet in one batch.

Isolation: a call that no state of its accounts allows (UnknownAccount, AccountClosed, CurrencyMismatch,
WrongAccount) is answered apart. Another error that only the database can find (IdempotencyConflict,
IntegrityViolation) undoes the batch, which is then posted again by halves: whoever caused it gets it, the
others their outcomes, for about 2 log2(callers) more transactions.

The database goes away: the batch is tried again for two seconds (an id that was posted meanwhile has the
outcome `replayed`), then its callers get Unavailable. Whether their transfers were posted is then unknown,
and a retry with the same ids is safe. While it stays away each batch is tried once; nothing needs a restart.

Bounds: `queue_max` transfers wait; a caller that finds the queue full waits `wait_s` for room, in turn, and
then gets Overloaded, not sent; a thread in the queue waits `answer_s`. Two connections are used.

Locks: the mutex is taken alone, and under it at most the sleeping writer's bell is rung. The one thread talks
to the database.
"""

import asyncio
import os
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from emoney.ledger.acts.act import Act
from emoney.ledger.acts.request import check_act
from emoney.ledger.base.errors import BatchTooLarge, ConfigurationError, InvalidInput
from emoney.ledger.group_commit.calls import Call, Closed, Overloaded, unanswered
from emoney.ledger.group_commit.writer import Writer
from emoney.ledger.ledger import Ledger
from emoney.ledger.posting import locked as posting
from emoney.ledger.transfers.transfer import Outcome, Transfer, no_transfer

SHARED_BATCH_MAX = 1_000
QUEUE_MAX = 10_000
WAIT_S, ANSWER_S = 5.0, 60.0
DRAIN_S = 30.0

__all__ = ["Closed", "GroupCommit", "Overloaded"]


class GroupCommit:
    """Posts single transfers and groups of many callers to `ledger` in shared batches.

        with GroupCommit(ledger) as commits:
            outcome = commits.post(transfer)            # a thread
            outcome = await commits.apost(transfer)     # a task, of any event loop

    `batch_max`: transfers in one batch, and so in one group. `queue_max`: transfers that wait for a batch.
    `wait_s`: how long a caller waits for room in a full queue, in seconds. `answer_s`: how long a thread in
    the queue waits for its answer, in seconds; a task bounds that itself, with `asyncio.timeout`. Open it
    once per process and share it: a forked process opens its own, on the same Ledger.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        batch_max: int = SHARED_BATCH_MAX,
        queue_max: int = QUEUE_MAX,
        wait_s: float = WAIT_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        if not 1 <= batch_max <= posting.BATCH_MAX:
            raise ConfigurationError(f"batch_max is {batch_max}; 1 to {posting.BATCH_MAX} is possible")
        if queue_max < batch_max:
            raise ConfigurationError(f"queue_max is {queue_max}; it must hold a batch of {batch_max}")
        for name, seconds in (("wait_s", wait_s), ("answer_s", answer_s)):
            if not 0 <= seconds <= threading.TIMEOUT_MAX:
                raise ConfigurationError(f"{name} is {seconds}; it must be a number of seconds")
        self._batch_max, self._queue_max = batch_max, queue_max
        self._wait_s, self._answer_s = wait_s, answer_s
        self._process = os.getpid()
        self._writer = Writer(ledger, batch_max, queue_max)
        self._opened = False

    def __enter__(self) -> Self:
        """Start the writer. Opened once: raises ConfigurationError the second time."""
        self._check_process()
        if self._opened:
            raise ConfigurationError("This GroupCommit was opened before; make a new one")
        self._writer.start()
        self._opened = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Refuse new calls, post those that wait, and stop the writer. May be called again.

        Waits at most DRAIN_S; whoever has no answer then gets Unavailable.
        """
        if self._process == os.getpid() and self._opened:
            self._writer.close(DRAIN_S)

    @property
    def waiting(self) -> int:
        """How many transfers wait for a batch or for room in the queue."""
        self._check_process()
        return self._writer.waiting

    def post(self, transfer: Transfer) -> Outcome:
        """Post one transfer and wait: its outcome is durable when this returns.

        Raises InvalidInput (not sent, or not written), Overloaded or Closed (not sent), Unavailable (unknown
        whether it was posted; sending the same id again is safe), IntegrityViolation. Blocks the thread: in
        an event loop use `apost`.
        """
        return self._call(self._check_single(transfer))[0]

    def post_group(self, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Post the transfers of a group, which stand or fall together; one outcome each. Errors as `post`."""
        return self._call(self._check_group(transfers))

    def carry_out(self, act: Act) -> Outcome:
        """Carry out one act and wait, as `post`, which a plain transfer goes to: durable when this returns.

        Raises what `acts.carry_out` does of this act, and what `post` does.
        """
        return self._call(self._check_act(act))[0]

    async def acarry_out(self, act: Act) -> Outcome:
        """`carry_out` without blocking the event loop; cancelled as `apost`."""
        return (await self._acall(self._check_act(act)))[0]

    async def apost(self, transfer: Transfer) -> Outcome:
        """`post` without blocking the event loop, of which there may be several.

        A cancelled task learns nothing: its transfer is left out where the writer has not taken it yet, and
        may otherwise still be posted. Sending the same id again tells.
        """
        return (await self._acall(self._check_single(transfer)))[0]

    async def apost_group(self, transfers: Sequence[Transfer]) -> list[Outcome]:
        """`post_group` without blocking the event loop; cancelled as `apost`."""
        return await self._acall(self._check_group(transfers))

    # -- the caller's side ------------------------------------------------------------------------------

    def _check_single(self, transfer: Transfer) -> tuple[Transfer]:
        if type(transfer) is not Transfer:
            raise no_transfer(transfer)
        transfer.check()
        if transfer.group is not None:
            raise InvalidInput(f"transfer {transfer.id} is of group {transfer.group}; send the group whole")
        return (transfer,)

    def _check_act(self, act: Act) -> Sequence[Transfer] | Act:
        if isinstance(act, Transfer):
            return self._check_single(act)
        check_act(act)
        return act

    def _check_group(self, transfers: Sequence[Transfer]) -> Sequence[Transfer]:
        if not posting.batch(transfers):
            raise InvalidInput("A group has one transfer or more; this one has none")
        if len(transfers) > self._batch_max:
            raise BatchTooLarge(f"{len(transfers)} transfers in one group; {self._batch_max} are the most")
        group = getattr(transfers[0], "group", None)
        for transfer in transfers:
            if type(transfer) is not Transfer:
                raise no_transfer(transfer)
            transfer.check()
            if transfer.group is None or transfer.group != group:
                raise InvalidInput(f"transfer {transfer.id} is of group {transfer.group}, not of {group}")
        return tuple(transfers)

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise ConfigurationError(
                f"This GroupCommit belongs to process {self._process}. A forked process opens its own, on "
                "the same Ledger"
            )

    def _call(self, asked: Sequence[Transfer] | Act) -> list[Outcome]:
        """Queue, wait, and return or raise: a thread."""
        call = Call(asked)
        self._enqueue(call)
        try:
            if not call.admitted and not call.lock.acquire(timeout=self._wait_s) and self._writer.leave(call):
                call.error = self._overloaded()
            if not call.answered and not call.lock.acquire(timeout=self._answer_s):
                call.given_up = True
                call.error = unanswered(f"There was no answer for {self._answer_s} s.")
        except BaseException:
            call.given_up = True
            self._writer.leave(call)
            raise
        if call.outcomes is None:
            assert call.error is not None
            raise call.error
        return call.outcomes

    async def _acall(self, asked: Sequence[Transfer] | Act) -> list[Outcome]:
        """Queue, wait, and return or raise: a task."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Outcome]] = loop.create_future()
        call = Call(asked, future)
        self._enqueue(call)
        timer = None if call.admitted else loop.call_later(self._wait_s, self._leave_task, call)
        try:
            return await future
        except BaseException:
            call.given_up = True
            self._writer.leave(call)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _enqueue(self, call: Call) -> None:
        self._check_process()
        self._writer.enqueue(call)

    def _leave_task(self, call: Call) -> None:
        if call.future is not None and not call.future.done() and self._writer.leave(call):
            call.future.set_exception(self._overloaded())

    def _overloaded(self) -> Overloaded:
        return Overloaded(
            f"{self._queue_max} transfers wait already, for {self._wait_s} s. This one was not sent; a retry "
            "with the same id is safe"
        )
