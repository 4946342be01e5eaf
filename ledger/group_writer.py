"""The writer's side of group commit: the queue, and the two threads that take batches from it.

One thread takes and decides, the other writes what is decided and answers. So of many callers half are
decided while the other half is written; few share one batch after the other. What is decided in vain, or
cannot be, is posted (`Ledger.post`) by the first thread when nothing is being written.
"""

import threading
import time
from collections import deque
from concurrent.futures import Future
from queue import SimpleQueue
from typing import NamedTuple
from uuid import UUID

from ledger import posting
from ledger.calls import Call, Closed, answer, fail, share, transfers_of
from ledger.errors import ConfigurationError, Unavailable
from ledger.ledger import Ledger
from ledger.optimistic import Decided, write_apart
from ledger.transfers import Outcome, Transfer

LINGER, LINGER_MAX_S = 0.25, 0.01
AHEAD_MIN = 16
"""Callers for whom it pays to decide a batch before the one in front is written."""
RETRY_S = 2.0
RETRY_PAUSE_S = 0.05
_AWAY = (Unavailable, ConfigurationError)  # the latter where a connection breaks while it is set up


class _Flight(NamedTuple):
    """A batch that is being written, or will be after the one before it."""

    calls: list[Call]
    decided: Decided
    written: "Future[None]"


class Writer:
    """Posts the calls that are queued, in batches of at most `batch_max` transfers."""

    def __init__(self, ledger: Ledger, batch_max: int, queue_max: int) -> None:
        self._ledger, self._memory = ledger, ledger.memory()
        self._batch_max, self._queue_max = batch_max, queue_max
        self._mutex = threading.Lock()
        self._queue: deque[Call] = deque()  # these will be posted
        self._queued = 0  # transfers in it
        self._outside: deque[Call] = deque()  # these wait for room in it
        self._taken: deque[list[Call]] = deque(maxlen=2)  # the batch being written, and the one decided
        self._wake_at = 0  # calls in the queue at which a sleeping writer is woken; 0 when awake
        self._wake = threading.Lock()
        self._wake.acquire()
        self._hand: SimpleQueue[_Flight | None] = SimpleQueue()
        self._open = False
        self._database_away = False
        self._threads: list[threading.Thread] = []

    # -- for callers ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the threads. Raises RuntimeError when the process has none left to give."""
        self._open = True
        try:
            for name, target in (("hand", self._write_flights), ("writer", self._run)):
                thread = threading.Thread(target=target, name=f"emoney-group-commit-{name}", daemon=True)
                thread.start()
                self._threads.append(thread)
        except RuntimeError:
            self._open = False
            self._hand.put(None)
            raise

    def close(self, wait_s: float) -> None:
        """Refuse new calls, post those that wait, and stop; after `wait_s` the others get Unavailable."""
        with self._mutex:
            self._open = False
            self._wake_up()
        self._threads[-1].join(wait_s)
        self._answer_all("The writer was closed before the database answered.")

    @property
    def waiting(self) -> int:
        """How many transfers wait for a batch or for room in the queue."""
        with self._mutex:
            return self._queued + sum(len(call.transfers) for call in self._outside)

    def enqueue(self, call: Call) -> None:
        """Queue a call, or let it wait for room. Raises Closed."""
        with self._mutex:
            if not self._open:
                raise Closed("No writer takes calls: not opened yet, closed, or ended by an error. Not sent")
            if not self._outside and self._queued + len(call.transfers) <= self._queue_max:
                self._admit(call)
                if 0 < self._wake_at <= len(self._queue):
                    self._wake_up()
            else:
                self._outside.append(call)

    def leave(self, call: Call) -> bool:
        """Whether the call was still outside the queue, where it is now no more."""
        with self._mutex:
            if call.admitted or call not in self._outside:
                return False
            self._outside.remove(call)
            return True

    def _admit(self, call: Call) -> None:
        self._queue.append(call)
        self._queued += len(call.transfers)
        call.admitted = True

    def _wake_up(self) -> None:
        if self._wake_at:
            self._wake_at = 0
            self._wake.release()

    # -- the thread that decides ------------------------------------------------------------------------

    def _run(self) -> None:
        """Batch after batch until closed and drained. However it ends, no caller is left waiting."""
        try:
            linger_s, answered = 0.0, 0
            flight: _Flight | None = None
            while self._wait_for_calls(flight, answered, linger_s) or flight is not None:
                calls = self._take(flight)
                began = time.monotonic()
                decided = self._decide(calls)
                before, flight = flight, None
                if decided is not None:
                    flight = self._send(calls, decided)
                if before is not None:
                    self._land(before)
                if decided is None and calls:
                    self._post(calls)
                linger_s = min(LINGER * (time.monotonic() - began), LINGER_MAX_S)
                answered = len(calls)
        finally:
            self._hand.put(None)
            self._answer_all("The writer has ended.")

    def _wait_for_calls(self, flight: _Flight | None, answered: int, linger_s: float) -> bool:
        """Wait for the next calls: while a batch is written, for many or for its end; else for one, a little
        also for those just answered. False when there are none."""
        if flight is not None:
            self._sleep(max(AHEAD_MIN, len(flight.calls) // 2), None, flight)
        else:
            if answered > 1:
                self._sleep(min(answered + len(self._queue), self._batch_max), linger_s)
            while not self._queue and self._open:
                self._sleep(1, None)
        return bool(self._queue)

    def _sleep(self, calls: int, seconds: float | None, flight: _Flight | None = None) -> None:
        with self._mutex:
            if len(self._queue) >= calls or not self._open or (flight and flight.written.done()):
                return
            self._wake_at = calls
        if not self._wake.acquire(timeout=-1 if seconds is None else seconds):
            with self._mutex:
                if self._wake_at == 0:  # woken between the end of the wait and here
                    self._wake.acquire()
                self._wake_at = 0

    def _take(self, flight: _Flight | None) -> list[Call]:
        """The next batch, in order of arrival, of many callers half; and let in who waits for room."""
        calls: list[Call] = []
        groups = set[UUID]()
        with self._mutex:
            everyone = self._queued + (len(transfers_of(flight.calls)) if flight else 0)
            half = -(-everyone // 2)
            room = self._batch_max if half < AHEAD_MIN else min(half, self._batch_max)
            while self._queue:
                call = self._queue[0]
                size = len(call.transfers)
                if not call.given_up:
                    if calls and (size > room or call.group in groups):
                        break
                    if call.group is not None:
                        groups.add(call.group)
                    room -= size
                    calls.append(call)
                self._queue.popleft()
                self._queued -= size
            while self._outside and self._queued + len(self._outside[0].transfers) <= self._queue_max:
                self._admit(self._outside.popleft())
            self._taken.append(calls)
        return calls

    def _decide(self, calls: list[Call]) -> Decided | None:
        """The batch, decided; None where it had better be posted, or is empty."""
        if not calls:
            return None
        try:
            return self._memory.decide(transfers_of(calls), self._ledger.database.autocommit)
        except Exception:  # posting meets it again, and finds whose it is
            self._memory.forget()
            return None

    def _send(self, calls: list[Call], decided: Decided) -> _Flight:
        flight = _Flight(calls, decided, Future())
        flight.written.add_done_callback(self._landed)
        self._hand.put(flight)
        return flight

    def _landed(self, _: object) -> None:
        with self._mutex:
            self._wake_up()

    def _land(self, flight: _Flight) -> None:
        """Wait until a batch is written; what was decided in vain, or whose writing failed, is posted."""
        if flight.written.exception() is None:
            self._memory.held()
        else:
            self._memory.forget()
            self._post(flight.calls)

    def _post(self, calls: list[Call]) -> None:
        """Post and answer, by halves where one of several calls has an error of its own."""
        try:
            outcomes = self._post_again(transfers_of(calls))
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
            share(calls, outcomes)

    def _post_again(self, transfers: list[Transfer]) -> list[Outcome]:
        """Post, and again for RETRY_S where the database gives way, once where it has been away before."""
        until, pause_s = time.monotonic() + RETRY_S, RETRY_PAUSE_S
        while True:
            try:
                outcomes = self._ledger.post(transfers, self._ledger.memory())  # on what is there now
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
            left = [*(call for calls in self._taken for call in calls), *self._queue, *self._outside]
            self._taken.clear()
            self._queue.clear()
            self._outside.clear()
            self._queued = 0
        fail((call for call in left if not call.answered), why)

    # -- the thread that writes -------------------------------------------------------------------------

    def _write_flights(self) -> None:
        """Write and answer, batch after batch, in the order in which they were decided."""
        while (flight := self._hand.get()) is not None:
            try:
                write_apart(self._ledger.database, flight.decided)
                share(flight.calls, posting.in_order(transfers_of(flight.calls), flight.decided.outcomes()))
            except BaseException as error:  # its batch is then posted by the other thread
                flight.written.set_exception(error)
            else:
                flight.written.set_result(None)
