"""Decided batches on their way to PostgreSQL: the next is sent before the one in front is answered.

So PostgreSQL goes from one to the next without waiting for Python, which decides others, or answers callers,
meanwhile. Each batch is a transaction of its own, written only if the one that it was decided on was.

Bounds: AHEAD batches under way, of one that is written and one behind it: what an account is remembered to be
written by is known, or that one in front. One connection of the pool, meanwhile. Used by one thread.
"""

import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Self

import psycopg
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

from emoney.ledger.base.errors import EmoneyError, Unavailable
from emoney.ledger.base.postgres.database import TRANSIENT, Connection, Database
from emoney.ledger.base.postgres.queries import positional
from emoney.ledger.posting.optimistic import WRITE, Decided, as_stale, written

_WRITE, _PARAMETERS = positional(WRITE)
_BINARY = [Format.BINARY] * len(_PARAMETERS)
AHEAD = 2
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""None that the kernel keeps: a forked process would keep a socket in it that is closed here."""
_READ, _READ_OR_SEND = selectors.EVENT_READ, selectors.EVENT_READ | selectors.EVENT_WRITE


class Pipeline:
    """Writes batches in the order in which they were decided.

    `bell`: a socket that ends `wait` as soon as it can be read; it is silent otherwise. `took_s`: how long
    the server was busy with the batch that was received last, in seconds.
    """

    took_s = 0.0

    def __init__(self, database: Database, bell: socket.socket | None = None) -> None:
        self._database, self._bell = database, bell
        self._in_flight: deque[tuple[Decided, float]] = deque()  # since when
        self._received_at = 0.0
        self._lease: AbstractContextManager[Connection] | None = None
        self._connection: Connection | None = None
        self._wire: _Wire | None = None
        self._broken: EmoneyError | None = None  # what all that is under way comes to
        self._selector: selectors.BaseSelector = _Selector()
        if bell is not None:
            self._selector.register(bell, _READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is under way, whatever becomes of it, and give the connection back."""
        while self._in_flight:
            with suppress(Exception):
                self.receive()
        self._selector.close()

    def send(self, decided: Decided) -> None:
        """Send a batch. What becomes of it is told by `receive`, also where it could not be sent."""
        assert len(self._in_flight) < AHEAD
        self._in_flight.append((decided, time.monotonic()))
        if self._broken is not None:
            return
        try:
            if self._connection is None:
                self._lease = self._database.autocommit()
                self._connection = self._lease.__enter__()
            sent = decided.sent(self._connection)  # may ask the server first: not in a pipeline yet
            if self._wire is None:
                self._wire = _Wire(self._connection.pgconn, self._selector)
            self._wire.send([sent[name] for name in _PARAMETERS])
            if len(self._in_flight) == 1:  # nothing else keeps the server busy
                self._wire.flush()
        except BaseException as error:
            self._break(error)
            if not isinstance(error, Exception):
                raise

    def wait(self, seconds: float | None) -> None:
        """Wait until the oldest batch is answered, the bell rings, or the time is over."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self.answered:
            ready = self._selector.select(None if until is None else max(0.0, until - time.monotonic()))
            if not ready or any(key.fileobj is self._bell for key, _ in ready):
                return

    @property
    def answered(self) -> bool:
        """Whether something is under way and `receive` will not wait for it."""
        if self._wire is not None:
            try:
                return self._wire.answered()
            except psycopg.OperationalError as error:
                self._break(error)
        return bool(self._in_flight)

    def receive(self) -> Decided:
        """The oldest batch, when it is written and committed, and those behind it are sent.

        Raises StaleDecision where that is what it was, Unavailable where it is unknown whether it was
        written, and what `ledger.posting.write.as_ledger_errors` does.
        """
        decided, sent_at = self._in_flight[0]
        try:
            with as_stale(decided.posted_at):
                transaction = self._receive()
        finally:
            self._in_flight.popleft()
            began, self._received_at = max(sent_at, self._received_at), time.monotonic()
            self.took_s = self._received_at - began
            if not self._in_flight:
                self._rest()
        written(decided, transaction)
        return decided

    def _receive(self) -> bytes | None:
        """The oldest batch's answer; an error that is one is raised when it is read to its end."""
        if self._broken is None:
            assert self._wire is not None
            try:
                answer = self._wire.receive()
            except psycopg.OperationalError as error:
                self._break(error)
            except BaseException as error:  # in the middle of an answer, perhaps: a signal may raise anything
                self._break(error)
                raise
            else:
                if answer.status == ExecStatus.TUPLES_OK:
                    return answer.get_value(0, 0)
                told: psycopg.Error = psycopg.errors.error_from_result(answer)
                if isinstance(told, TRANSIENT) or not isinstance(told, psycopg.OperationalError):
                    raise told
                self._break(told)
        assert self._broken is not None
        raise self._broken

    def _break(self, error: BaseException) -> None:
        """Give up the connection: what is under way has no answer."""
        told = Unavailable("The connection ended before the answer. A retry with the same ids is safe.")
        told.__cause__ = error
        self._broken = error if isinstance(error, EmoneyError) else told
        if self._connection is not None:
            self._connection.close()
        self._give_back(psycopg.OperationalError("given up"))

    def _rest(self) -> None:
        """Nothing is under way: the connection goes back to the pool."""
        self._broken = None
        self._give_back(None)

    def _give_back(self, error: psycopg.OperationalError | None) -> None:
        """End the lease; of a connection that has ended the pool makes a new one, and nobody else is told."""
        wire, lease = self._wire, self._lease
        self._wire = self._lease = self._connection = None
        try:
            if wire is not None:
                wire.close()
        except psycopg.OperationalError as unexpected:
            error = unexpected
        if lease is not None:
            with suppress(Unavailable):
                lease.__exit__(None if error is None else type(error), error, None)


class _Wire:
    """One statement, again and again, in libpq's pipeline mode. Errors are the driver's.

    Not through the driver itself, which asks for the interpreter's lock again for each piece that it reads.
    """

    def __init__(self, pgconn: PGconn, selector: selectors.BaseSelector) -> None:
        self._pgconn, self._selector = pgconn, selector
        self._socket = pgconn.socket
        self._watched = _READ
        pgconn.enter_pipeline_mode()
        selector.register(self._socket, self._watched)

    def close(self) -> None:
        self._selector.unregister(self._socket)
        if self._pgconn.status == ConnStatus.OK:
            self._pgconn.exit_pipeline_mode()

    def send(self, values: Sequence[bytes | None]) -> None:
        """Send the statement with these parameters, as much of it as goes at once."""
        self._pgconn.send_query_params(_WRITE, values, None, _BINARY, Format.BINARY)
        self._pgconn.pipeline_sync()
        self._exchange()

    def flush(self) -> None:
        """Wait until all is sent."""
        while self._exchange():
            self._selector.select()

    def answered(self) -> bool:
        """Whether the oldest statement's answer is here, or an end of the connection in its place."""
        if self._pgconn.is_busy():  # else it was read before, whatever has become of the connection since
            self._exchange()
        return not self._pgconn.is_busy()

    def receive(self) -> PGresult:
        """The oldest statement's answer, an error too, when its transaction has ended and those behind it are
        sent."""
        answer: PGresult | None = None
        while True:
            while not self.answered():
                self._selector.select()
            result = self._pgconn.get_result()
            if result is not None and result.status == ExecStatus.PIPELINE_SYNC:
                break
            if self._pgconn.status != ConnStatus.OK:
                raise psycopg.OperationalError("the server closed the connection")
            answer = result or answer  # None is the end of a statement's answer
        with suppress(psycopg.OperationalError):  # of those behind it, which are told so
            self.flush()
        assert answer is not None
        return answer

    def _exchange(self) -> bool:
        """Send and read what goes without waiting; gives whether something is left to send."""
        left = self._pgconn.flush() == 1
        self._pgconn.consume_input()
        if (watched := _READ_OR_SEND if left else _READ) != self._watched:
            self._selector.modify(self._socket, watched)
            self._watched = watched
        return left
