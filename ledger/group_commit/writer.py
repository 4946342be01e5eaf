"""The writer's side of group commit: the queue, and the thread that takes batches from it.

It decides a batch, and sends it to be written. Half of the callers are then decided, or answered, while the
other half is written; unless a commit takes longer than that: then all share one batch after the other. What
is decided on stale accounts, or cannot be, is posted (`Ledger.post`) when what was sent before it is written;
so are acts that are no plain transfers (`ledger.acts`), all of a batch in one transaction.
"""

import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from uuid import UUID

from emoney.ledger.acts.sequence import carry_out
from emoney.ledger.base.errors import InvalidInput, Unavailable
from emoney.ledger.base.postgres.binary_arrays import Uuids
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.group_commit.calls import Call, Closed, answer, fail, share, transfers_of
from emoney.ledger.ledger import Ledger
from emoney.ledger.posting import locked as posting
from emoney.ledger.posting.optimistic import Decided
from emoney.ledger.posting.pipeline import Pipeline
from emoney.ledger.transfers.transfer import Outcome

LINGER, LINGER_MAX_S = 0.25, 0.01
CALL_S, ROW_S, COMMITS = 1e-4, 4e-5, 8
"""About how long a call takes in Python, and its transfer in PostgreSQL, in seconds; and of how many commits
the quickest counts."""
RETRY_S = 2.0
RETRY_PAUSE_S = 0.05

_queries = queries_beside(__file__)


class Writer:
    """Posts the calls that are queued, in batches of at most `batch_max` transfers and acts."""

    def __init__(self, ledger: Ledger, batch_max: int, queue_max: int) -> None:
        self._ledger, self._cache = ledger, ledger.account_cache()
        self._batch_max, self._queue_max = batch_max, queue_max
        self._mutex = threading.Lock()
        self._queue: deque[Call] = deque()  # these will be posted
        self._queued = 0  # transfers in it
        self._waiting_for_room: deque[Call] = deque()  # these wait for room in it
        self._taken: deque[list[Call]] = deque(maxlen=2)  # the batch being written, and the one decided
        self._in_flight: deque[list[Call]] = deque()  # those of them that were sent
        self._took_at = 0.0  # when
        self._returning = 0  # callers who were answered last and have not sent another call yet
        self._commits_s: deque[float] = deque([0.0], maxlen=COMMITS)
        self._wake_at = 0  # calls in the queue at which a sleeping writer is woken; 0 when awake
        self._bell: socket.socket
        self._ear: socket.socket
        self._open = False
        self._database_away = False
        self._thread = threading.Thread(target=self._run, name="emoney-group-commit", daemon=True)

    # -- for callers ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread. Raises RuntimeError when the process has none left to give."""
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._open = True
        try:
            self._thread.start()
        except RuntimeError:
            self._open = False
            self._end_bell()
            raise

    def close(self, wait_s: float) -> None:
        """Refuse new calls, post those that wait, and stop; after `wait_s` the others get Unavailable."""
        with self._mutex:
            self._open = False
            self._wake_up()
        self._thread.join(wait_s)
        self._answer_all("The writer was closed before the database answered.")

    @property
    def waiting(self) -> int:
        """How many transfers wait for a batch or for room in the queue."""
        with self._mutex:
            return self._queued + sum(call.size for call in self._waiting_for_room)

    def enqueue(self, call: Call) -> None:
        """Queue a call, or let it wait for room. Raises Closed."""
        with self._mutex:
            if not self._open:
                raise Closed("No writer takes calls: not opened yet, closed, or ended by an error. Not sent")
            if not self._waiting_for_room and self._queued + call.size <= self._queue_max:
                self._admit(call)
                if 0 < self._wake_at <= len(self._queue):
                    self._wake_up()
            else:
                self._waiting_for_room.append(call)

    def leave(self, call: Call) -> bool:
        """Whether the call was still outside the queue, where it is now no more."""
        with self._mutex:
            if call.admitted or call not in self._waiting_for_room:
                return False
            self._waiting_for_room.remove(call)
            return True

    def _admit(self, call: Call) -> None:
        self._queue.append(call)
        self._queued += call.size
        call.admitted = True
        self._returning = max(0, self._returning - 1)

    def _end_bell(self) -> None:
        with self._mutex:
            self._wake_at = 0
            self._bell.close()
            self._ear.close()

    def _wake_up(self) -> None:
        if self._wake_at:
            with suppress(BlockingIOError):  # it rings
                self._bell.send(b"\0")
            self._wake_at = 0  # afterwards: an interrupted caller rather rings twice than not at all

    # -- the thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        """Batch after batch until closed and drained. However it ends, no caller is left waiting."""
        try:
            with Pipeline(self._ledger.database, self._ear) as pipeline:
                try:
                    self._write_batches(pipeline)
                finally:
                    while self._in_flight:
                        self._settle(pipeline)
        finally:
            self._answer_all("The writer has ended.")
            self._end_bell()

    def _write_batches(self, pipeline: Pipeline) -> None:
        while self._wait_for_calls(pipeline) or self._in_flight:
            self._took_at = time.monotonic()
            taken = self._take()
            acts = [call for call in taken if call.act is not None]
            calls, decided = self._decide([call for call in taken if call.act is None] if acts else taken)
            sent_before = bool(self._in_flight)
            if decided is not None:
                self._in_flight.append(calls)
                pipeline.send(decided)
            if sent_before:
                self._settle(pipeline)
            if decided is None and calls:
                self._returning = len(calls)
                self._post(calls)
            if acts:
                self._carry_out(acts, pipeline)

    def _carry_out(self, calls: list[Call], pipeline: Pipeline) -> None:
        """Carry out acts when what was sent is written; what is remembered of accounts is then no more so."""
        while self._in_flight:
            self._settle(pipeline)
        self._returning = len(calls)
        self._post(calls)
        self._cache.forget()

    def _wait_for_calls(self, pipeline: Pipeline) -> bool:
        """Wait for the next calls: while a batch is written, for half of them all or for its end; else for
        one, and a little for those of callers just answered. False when there are none."""
        if self._in_flight and self._half_of_all() == 0:
            self._settle(pipeline)
        if self._in_flight:
            self._sleep(pipeline, self._half_of_all(), None)
        else:
            if self._returning:
                callers = min(self._callers(), self._batch_max)
                linger_s = min(LINGER * (time.monotonic() - self._took_at), LINGER_MAX_S)
                self._sleep(pipeline, callers, linger_s)
            while not self._queue and self._open:
                self._sleep(pipeline, 1, None)
        return bool(self._queue)

    def _half_of_all(self) -> int:
        """How many calls are to be decided while others are written; 0 where that does not pay.

        It takes another commit, to which the time of all callers in Python is held.
        """
        callers = self._callers()
        return callers // 2 if callers * CALL_S > min(self._commits_s) else 0

    def _callers(self) -> int:
        """How many wait or are about to."""
        return len(self._queue) + sum(map(len, self._in_flight)) + self._returning

    def _sleep(self, pipeline: Pipeline, calls: int, seconds: float | None) -> None:
        """Until so many calls wait, what is under way is written, or the time is over."""
        with self._mutex:
            if len(self._queue) >= calls or not self._open:
                return
            self._wake_at = calls
        pipeline.wait(seconds)
        with self._mutex:
            self._wake_at = 0
            with suppress(BlockingIOError):  # it was not rung
                self._ear.recv(64)

    def _take(self) -> list[Call]:
        """The next batch, in order of arrival, and let in who waits for room."""
        calls: list[Call] = []
        groups = set[UUID]()
        with self._mutex:
            most, room = self._half_of_all() or len(self._queue), self._batch_max
            while self._queue:
                call = self._queue[0]
                size = call.size
                if not call.given_up:
                    if calls and (len(calls) == most or size > room or call.group in groups):
                        break
                    if call.group is not None:
                        groups.add(call.group)
                    room -= size
                    calls.append(call)
                self._queue.popleft()
                self._queued -= size
            while self._waiting_for_room and self._queued + self._waiting_for_room[0].size <= self._queue_max:
                self._admit(self._waiting_for_room.popleft())
            self._taken.append(calls)
        return calls

    def _decide(self, calls: list[Call]) -> tuple[list[Call], Decided | None]:
        """The calls that can be made, and their batch, decided; None where it had better be posted, or is
        empty."""
        connect, decide = self._ledger.database.autocommit, self._cache.decide_possible
        try:
            try:
                return calls, decide(transfers_of(calls), connect)
            except posting.Impossible as impossible:
                calls = self._without(calls, impossible.errors)
                return calls, decide(transfers_of(calls), connect)
        except Exception:  # posting meets it again, and finds whose it is
            self._cache.invalidate()
            return calls, None

    def _without(self, calls: list[Call], errors: Mapping[UUID, InvalidInput]) -> list[Call]:
        """The calls of which no transfer is in `errors`; the others are answered.

        What is wrong with these no later state mends: an account that is closed, or of another kind. Only one
        that was sent before is posted: it is told what came of it then.
        """
        wrong = [call for call in calls if any(each.id in errors for each in call.transfers)]
        ids = Uuids.of([each.id for each in transfers_of(wrong)])
        with self._ledger.database.autocommit() as connection:
            sent_before = {row[0] for row in connection.execute(_queries.sent_before.sql, {"ids": ids})}
        again: list[Call] = []
        for call in wrong:
            if any(each.id in sent_before for each in call.transfers):
                again.append(call)
            else:
                its = {each.id: errors[each.id] for each in call.transfers if each.id in errors}
                call.error = posting.first_of(its)
        answer(call for call in wrong if call.answered)
        if again:
            self._post(again)
        answered = set(wrong)
        return [call for call in calls if call not in answered]

    def _settle(self, pipeline: Pipeline) -> None:
        """Answer the oldest batch under way when it is written; if its decision was stale, or its writing
        failed, when it is posted."""
        calls = self._in_flight.popleft()
        self._returning = len(calls)
        try:
            decided = pipeline.receive()
            self._commits_s.append(pipeline.took_s - ROW_S * len(decided.decisions))
            outcomes = posting.in_order(transfers_of(calls), decided.outcomes())
        except Exception:
            self._cache.invalidate()
            self._post(calls)
        else:
            self._cache.confirmed()
            share(calls, outcomes)

    def _post(self, calls: list[Call]) -> None:
        """Post and answer, by halves where one of several calls has an error of its own."""
        try:
            outcomes = self._post_again(calls)
        except Unavailable as error:
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

    def _post_again(self, calls: list[Call]) -> list[Outcome]:
        """Post, and again for RETRY_S where the database gives way, once where it has been away before."""
        until, pause_s = time.monotonic() + RETRY_S, RETRY_PAUSE_S
        while True:
            try:
                outcomes = self._posted(calls)
            except Unavailable:
                if self._database_away or time.monotonic() + pause_s > until:
                    self._database_away = True
                    raise
                time.sleep(pause_s)
                pause_s *= 2
            else:
                self._database_away = False
                return outcomes

    def _posted(self, calls: list[Call]) -> list[Outcome]:
        """On what is there now. Of calls with transfers all, or of acts all."""
        acts = [call.act for call in calls if call.act is not None]
        if acts:
            return carry_out(self._ledger, acts)
        return self._ledger.post(transfers_of(calls), self._ledger.account_cache())

    def _answer_all(self, why: str) -> None:
        """Nobody waits any longer, whatever became of the writer."""
        with self._mutex:
            self._open = False
            left = [*(call for calls in self._taken for call in calls), *self._queue, *self._waiting_for_room]
            self._taken.clear()
            self._queue.clear()
            self._waiting_for_room.clear()
            self._queued = 0
        fail((call for call in left if not call.answered), why)
