"""Group commit: callers with one transfer, or one linked group, each share batches and their one commit.

One writer thread posts; what arrives while its batch commits is the next batch. From threads and asyncio.

| per batch | what happens                                                              | cost              |
|-----------|---------------------------------------------------------------------------|-------------------|
| check     | in the caller's own thread, before it queues: bad input costs no one else | some microseconds |
| queue     | one deque under one mutex, never held over input or output                | about 1 us a call |
| linger    | only after a batch of several, at most LINGER of the time that it took:   | one wake-up       |
|           | callers just answered come back, and go together instead of one by one    |                   |
| post      | `Ledger.post`, remembering accounts: one round trip where all are known   | ledger.memory     |
| answer    | one lock released per thread; one call into each event loop               | about 1 us a call |

Order: first come, first posted, over all callers; what one caller sends in turn is posted in that order. A
group is never split over batches, and two callers' groups of one name never meet in one batch.

Isolation: an error that only the database can find (UnknownAccount, CurrencyMismatch, IdempotencyConflict,
IntegrityViolation) undoes the batch, which is then posted again by halves: whoever caused it gets it, the
others their outcomes, for about 2 log2(callers) more transactions.

The database goes away: the batch is tried again for RETRY_S (an id that was posted meanwhile has the outcome
`replayed`), then its callers get Unavailable. Whether their transfers were posted is then unknown, and a
retry with the same ids is safe. While it stays away each batch is tried once; the writer needs no restart.

Bounds: `queue_max` transfers wait; a caller that finds the queue full waits `wait_s` for room, in turn, and
then gets Overloaded, not sent; a thread in the queue waits `answer_s`. The writer uses one connection.

Locks: the mutex is taken alone and nothing is called under it. The writer alone talks to the database.
"""

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from uuid import UUID

from ledger import posting
from ledger.calls import Call, answer, fail, unanswered
from ledger.errors import BatchTooLarge, ConfigurationError, InvalidInput, Unavailable
from ledger.ledger import Ledger
from ledger.transfers import Outcome, Transfer

BATCH_MAX = 1_000
QUEUE_MAX = 10_000
WAIT_S, ANSWER_S = 5.0, 60.0
LINGER, LINGER_MAX_S = 0.25, 0.01
RETRY_S = 2.0
RETRY_PAUSE_S = 0.05
DRAIN_S = 30.0
_AWAY = (Unavailable, ConfigurationError)  # the latter where a connection breaks while it is set up


class Overloaded(Unavailable):
    """The queue stayed full for as long as a caller may wait. Not sent; a retry with the same ids is safe."""


class Closed(Unavailable):
    """No writer takes calls: not opened yet, or closed. Not sent; a retry with the same ids is safe."""


class GroupCommit:
    """Posts single transfers and groups of many callers to `ledger` in shared batches.

        with GroupCommit(ledger) as commits:
            outcome = commits.post(transfer)            # a thread
            outcome = await commits.apost(transfer)     # a task, of any event loop

    `batch_max`: transfers in one batch, and so in one group. `queue_max`: transfers that wait for a batch.
    `wait_s`: how long a caller waits for room in a full queue, in seconds. `answer_s`: how long a thread in
    the queue waits for its answer, in seconds; a task bounds that itself, with `asyncio.timeout`. Open it
    once per process and share it: a process that forks opens its own, with a Database of its own.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        batch_max: int = BATCH_MAX,
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
        self._ledger, self._memory = ledger, ledger.memory()
        self._batch_max, self._queue_max = batch_max, queue_max
        self._wait_s, self._answer_s = wait_s, answer_s
        self._mutex = threading.Lock()
        self._queue: deque[Call] = deque()  # these will be posted
        self._queued = 0  # transfers in it
        self._outside: deque[Call] = deque()  # these wait for room in it
        self._taken: list[Call] = []  # the writer's batch
        self._wake_at = 0  # calls in the queue at which a sleeping writer is woken; 0 when awake
        self._wake = threading.Lock()
        self._wake.acquire()
        self._open = False
        self._process = os.getpid()
        self._writer: threading.Thread | None = None
        self._database_away = False

    def __enter__(self) -> Self:
        """Start the writer. Opened once: raises ConfigurationError the second time."""
        self._check_process()
        if self._writer is not None:
            raise ConfigurationError("This GroupCommit was opened before; make a new one")
        writer = threading.Thread(target=self._write, name="emoney-group-commit", daemon=True)
        self._open = True
        try:
            writer.start()
        except RuntimeError:  # the process has no thread left to give
            self._open = False
            raise
        self._writer = writer
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
        if self._process != os.getpid() or self._writer is None:
            return
        with self._mutex:
            self._open = False
            self._wake_writer()
        self._writer.join(DRAIN_S)
        self._answer_all("The writer was closed before the database answered.")

    @property
    def waiting(self) -> int:
        """How many transfers wait for a batch or for room in the queue."""
        self._check_process()
        with self._mutex:
            return self._queued + sum(len(call.transfers) for call in self._outside)

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
        transfer.check()
        if transfer.group is not None:
            raise InvalidInput(f"transfer {transfer.id} is of group {transfer.group}; send the group whole")
        return (transfer,)

    def _check_group(self, transfers: Sequence[Transfer]) -> Sequence[Transfer]:
        if not transfers:
            raise InvalidInput("A group has one transfer or more; this one has none")
        if len(transfers) > self._batch_max:
            raise BatchTooLarge(f"{len(transfers)} transfers in one group; {self._batch_max} are the most")
        group = transfers[0].group
        for transfer in transfers:
            transfer.check()
            if transfer.group is None or transfer.group != group:
                raise InvalidInput(f"transfer {transfer.id} is of group {transfer.group}, not of {group}")
        return tuple(transfers)

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise ConfigurationError(
                f"This GroupCommit belongs to process {self._process}. A forked process opens its own, with "
                "a Database of its own"
            )

    def _call(self, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Queue, wait, and return or raise: a thread."""
        call = Call(transfers)
        self._enqueue(call)
        try:
            if not call.admitted and not call.lock.acquire(timeout=self._wait_s) and self._leave(call):
                call.error = self._overloaded()
            if not call.answered and not call.lock.acquire(timeout=self._answer_s):
                call.given_up = True
                call.error = unanswered(f"There was no answer for {self._answer_s} s.")
        except BaseException:
            call.given_up = True
            self._leave(call)
            raise
        if call.outcomes is None:
            assert call.error is not None
            raise call.error
        return call.outcomes

    async def _acall(self, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Queue, wait, and return or raise: a task."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Outcome]] = loop.create_future()
        call = Call(transfers, future)
        self._enqueue(call)
        timer = None if call.admitted else loop.call_later(self._wait_s, self._leave_task, call)
        try:
            return await future
        except BaseException:
            call.given_up = True
            self._leave(call)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _enqueue(self, call: Call) -> None:
        self._check_process()
        with self._mutex:
            if not self._open:
                raise Closed("No writer takes calls: not opened yet, closed, or ended by an error. Not sent")
            if not self._outside and self._queued + len(call.transfers) <= self._queue_max:
                self._admit(call)
                if 0 < self._wake_at <= len(self._queue):
                    self._wake_writer()
            else:
                self._outside.append(call)

    def _admit(self, call: Call) -> None:
        self._queue.append(call)
        self._queued += len(call.transfers)
        call.admitted = True

    def _leave(self, call: Call) -> bool:
        """Whether the call was still outside the queue, where it is now no more."""
        with self._mutex:
            if call.admitted or call not in self._outside:
                return False
            self._outside.remove(call)
            return True

    def _leave_task(self, call: Call) -> None:
        if call.future is not None and not call.future.done() and self._leave(call):
            call.future.set_exception(self._overloaded())

    def _overloaded(self) -> Overloaded:
        return Overloaded(
            f"{self._queue_max} transfers wait already, for {self._wait_s} s. This one was not sent; a retry "
            "with the same id is safe"
        )

    # -- the writer's side ------------------------------------------------------------------------------

    def _write(self) -> None:
        """Post batch after batch until closed and drained. However it ends, no caller is left waiting."""
        try:
            linger_s, answered = 0.0, 0
            while self._wait_for_calls(answered, linger_s):
                calls = self._take()
                began = time.monotonic()
                if calls:
                    self._post(calls)
                linger_s = min(LINGER * (time.monotonic() - began), LINGER_MAX_S)
                answered = len(calls)
        finally:
            self._answer_all("The writer has ended.")

    def _wait_for_calls(self, answered: int, linger_s: float) -> bool:
        """Wait for the next calls, a little also for those just answered; False when there will be none."""
        if answered > 1:
            self._sleep(min(answered + len(self._queue), self._batch_max), linger_s)
        self._sleep(1, None)
        return bool(self._queue)

    def _sleep(self, calls: int, seconds: float | None) -> None:
        with self._mutex:
            if len(self._queue) >= calls or not self._open:
                return
            self._wake_at = calls
        if not self._wake.acquire(timeout=-1 if seconds is None else seconds):
            with self._mutex:
                if self._wake_at == 0:  # woken between the end of the wait and here
                    self._wake.acquire()
                self._wake_at = 0

    def _wake_writer(self) -> None:
        if self._wake_at:
            self._wake_at = 0
            self._wake.release()

    def _take(self) -> list[Call]:
        """The next batch, in order of arrival; and let in who waits for room."""
        calls: list[Call] = []
        room, groups = self._batch_max, set[UUID]()
        with self._mutex:
            while self._queue:
                call = self._queue[0]
                size = len(call.transfers)
                if not call.given_up:
                    if size > room or call.group in groups:
                        break
                    if call.group is not None:
                        groups.add(call.group)
                    room -= size
                    calls.append(call)
                self._queue.popleft()
                self._queued -= size
            while self._outside and self._queued + len(self._outside[0].transfers) <= self._queue_max:
                self._admit(self._outside.popleft())
            self._taken = calls
        return calls

    def _post(self, calls: list[Call]) -> None:
        """Post and answer, by halves where one of several calls has an error of its own."""
        try:
            outcomes = self._post_again([transfer for call in calls for transfer in call.transfers])
        except _AWAY as error:
            fail(calls, f"The batch got no answer: {error}", error)
        except Exception as error:
            if len(calls) == 1:
                calls[0].error = error
                answer(calls)
            else:
                middle = len(calls) // 2
                self._post(calls[:middle])
                self._post(calls[middle:])
        else:
            start = 0
            for call in calls:
                end = start + len(call.transfers)
                call.outcomes = outcomes[start:end]
                start = end
            answer(calls)

    def _post_again(self, transfers: list[Transfer]) -> list[Outcome]:
        """Post, and again for RETRY_S where the database gives way, once where it has been away before."""
        until, pause_s = time.monotonic() + RETRY_S, RETRY_PAUSE_S
        while True:
            try:
                outcomes = self._ledger.post(transfers, self._memory)
            except _AWAY:
                if self._database_away or time.monotonic() + pause_s > until:
                    self._database_away = True
                    raise
                time.sleep(pause_s)
                pause_s *= 2
            else:
                self._database_away = False
                return outcomes

    def _answer_all(self, why: str) -> None:
        """Nobody waits any longer, whatever became of the writer."""
        with self._mutex:
            self._open = False
            left = [*self._taken, *self._queue, *self._outside]
            self._taken = []
            self._queue.clear()
            self._outside.clear()
            self._queued = 0
        fail((call for call in left if not call.answered), why)
