"""A named consumer: reads events in order, acknowledges them, and goes on there next time.

A place is a pair of snapshots and a position. All that the snapshot `done` sees is acknowledged; the consumer
works through what `ahead` sees and `done` does not, by position, and is at `position` in it. When that is
worked off, `ahead` becomes `done` and the present moment the new `ahead`. A transaction that commits late is
seen by a later snapshot, so nothing is skipped, and nobody waits for a transaction that stays open.

Why per account nothing is out of order: docs/events.md.

Cost: a read is one query to open a stretch (by a block range index on xact) and three per page (by one on
position). Memory: `limit` events. Locks: none; posting never waits for a consumer.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import ConfigurationError, EmoneyError, InvalidInput
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.outbox.event import Event, from_posted, from_recorded, from_refused
from emoney.ledger.outbox.snapshot import BEGINNING, Snapshot

WIDER = 8
"""How many times further is looked where a page was not filled."""
READ_MAX = 10_000

_queries = queries_beside(__file__)


class ConsumerMoved(EmoneyError):
    """Another process uses the same consumer: its place is not where this one left it."""


class Start(StrEnum):
    """Where a consumer that is new begins."""

    BEGINNING = "beginning"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class _Place:
    done: Snapshot
    ahead: Snapshot | None
    first: int
    last: int
    position: int

    def stretch(self) -> dict[str, Any]:
        """The parameters that name what lies between the two snapshots."""
        assert self.ahead is not None
        return {
            "done_xmin": self.done.xmin,
            "done_xmax": self.done.xmax,
            "done_running": list(self.done.running),
            "ahead_xmax": self.ahead.xmax,
            "ahead_running": list(self.ahead.running),
        }


@dataclass(frozen=True, slots=True)
class Failing:
    """The event at which a consumer stands, how often it was tried, and when it is due again."""

    event_id: UUID
    attempts: int
    reason: str
    retry_at: datetime


class Consumer:
    """The consumer `name` of `database`, made at `start` if it is new. For one thread of one process.

    `name`: 1 to 64 small letters, digits, points, dashes and underscores. Delivery is at least once: what was
    read and not acknowledged when a process ended is read again.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        *,
        start: Start = Start.BEGINNING,
        clock: Clock = system_clock,
    ) -> None:
        if not is_name(name):
            raise InvalidInput(
                f"{name!r} names no consumer: 1 to 64 small letters, digits, points, dashes, underscores"
            )
        self.database = database
        self.name = name
        self.clock = clock
        with database.connection() as connection:
            row = _one(connection, _queries.place.sql, {"name": name})
            if row is None:
                # its own statement: the snapshot must not hold the row's own transaction as running
                now = _one(connection, _queries.now.sql, {})
                assert now is not None
                done = now[0] if start is Start.NOW else str(BEGINNING)
                connection.execute(_queries.enter.sql, {"name": name, "done": done, "at": clock()})
                row = _one(connection, _queries.place.sql, {"name": name})
        assert row is not None
        self._generation: int
        self._place: _Place
        self.failing: Failing | None
        """What a sender noted about the event at which it stands."""
        self._take(row)
        self._span = 1
        """How many positions to look for a page in: so many were between the ends of the last one."""

    def _take(self, row: Sequence[Any]) -> None:
        done, ahead, first, last, position, self._generation, failing, attempts, failure, retry_at = row
        self._place = _Place(
            Snapshot.parse(done), Snapshot.parse(ahead) if ahead else None, first, last, position
        )
        self.failing = None if failing is None else Failing(failing, attempts, failure, retry_at)

    def read(self, limit: int = 100) -> list[Event]:
        """Up to `limit` (1 to 10,000) events after the last acknowledged one, oldest first.

        Reading moves nothing: until they are acknowledged, the same events come first. Empty: there is
        nothing new. Raises InvalidInput for the limit, ConfigurationError after a restore from a dump.
        """
        if not 1 <= limit <= READ_MAX:
            raise InvalidInput(f"a read of {limit} events; 1 to {READ_MAX} can be read at once")
        with self.database.connection() as connection:
            if self._place.ahead is None or self._place.position >= self._place.last:
                self._open(connection)
            return self._page(connection, limit)

    def _open(self, connection: Connection) -> None:
        """Look ahead: from what is acknowledged to this moment. Kept with the next acknowledgement."""
        done = self._place.ahead or self._place.done
        row = _one(
            connection,
            _queries.look_ahead.sql,
            {"done_xmin": done.xmin, "done_xmax": done.xmax, "done_running": list(done.running)},
        )
        assert row is not None
        ahead, first, last = row
        now = Snapshot.parse(ahead)
        if now.xmax < done.xmax:
            raise ConfigurationError(
                f"The consumer {self.name!r} is ahead of this server's transactions ({done.xmax} against "
                f"{now.xmax}): the database was restored from a dump. Use a consumer of another name."
            )
        if last is None:
            self._place = _Place(done, now, 0, 0, 0)
        else:
            self._place = _Place(done, now, first, last, first - 1)

    def _page(self, connection: Connection, limit: int) -> list[Event]:
        place, page = self._place, list[Event]()
        low = place.position
        while len(page) < limit and low < place.last:
            wanted = limit - len(page)
            high = min(low + max(self._span, wanted), place.last)
            asked = place.stretch() | {"low": low, "high": high, "limit": wanted}
            with connection.pipeline():
                found = [
                    (connection.execute(query.sql, asked), made)
                    for query, made in (
                        (_queries.posted, from_posted),
                        (_queries.refused, from_refused),
                        (_queries.recorded, from_recorded),
                    )
                ]
            events = [_events(cursor.fetchall(), made) for cursor, made in found]
            page += list(heapq.merge(*events, key=lambda event: event.position))[:wanted]
            if len(page) == limit:
                self._span = max(1, page[-1].position - place.position)
            elif high < place.last:
                self._span = WIDER * (high - low)
            low = high
        return page

    def acknowledge(self, event: Event) -> None:
        """Everything up to and including `event`, as read, is dealt with: durable when this returns.

        Raises InvalidInput for an event that was not read here, ConsumerMoved when another process has moved
        this consumer: then stop, for that one is doing the work.
        """
        place = self._place
        if place.ahead is None or not place.position < event.position <= place.last:
            raise InvalidInput(f"event {event.id} does not stand after the place of consumer {self.name!r}")
        with self.database.connection() as connection:
            self._move(connection, replace(place, position=event.position))

    def note_failure(self, event: Event, reason: str, wait: timedelta) -> Failing:
        """Remember that `event`, the next one, could not be delivered; it is due again after `wait`."""
        attempts = self.attempts(event) + 1
        now = self.clock()
        failing = Failing(event.id, attempts, reason, now + wait)
        with self.database.connection() as connection:
            parameters = {
                "name": self.name,
                "generation": self._generation,
                "failing": event.id,
                "attempts": attempts,
                "failure": reason,
                "retry_at": failing.retry_at,
            }
            if connection.execute(_queries.fail.sql, parameters).rowcount != 1:
                raise self._moved()
        self._generation += 1
        self.failing = failing
        return failing

    def give_up(self, event: Event, reason: str) -> None:
        """Put `event` on the list of dead letters and acknowledge it, in one transaction."""
        with self.database.connection() as connection:
            connection.execute(
                _queries.bury.sql,
                {
                    "id": new_id(),
                    "consumer": self.name,
                    "event_id": event.id,
                    "event_type": event.type,
                    "attempts": self.attempts(event) + 1,
                    "reason": reason,
                    "at": self.clock(),
                },
            )
            self._move(connection, replace(self._place, position=event.position))

    def attempts(self, event: Event) -> int:
        """How often delivering `event` has failed so far."""
        return self.failing.attempts if self.failing and self.failing.event_id == event.id else 0

    def _move(self, connection: Connection, place: _Place) -> None:
        parameters = {
            "name": self.name,
            "generation": self._generation,
            "done": str(place.done),
            "ahead": None if place.ahead is None else str(place.ahead),
            "first": place.first,
            "last": place.last,
            "position": place.position,
            "at": self.clock(),
        }
        if connection.execute(_queries.move.sql, parameters).rowcount != 1:
            raise self._moved()
        connection.commit()  # before this object believes it
        self._place, self.failing = place, None
        self._generation += 1

    def _moved(self) -> ConsumerMoved:
        return ConsumerMoved(f"Another process is using the consumer {self.name!r}; one at a time may.")


def is_name(text: str) -> bool:
    """Whether `text` can name a consumer."""
    allowed = "abcdefghijklmnopqrstuvwxyz0123456789_.-"
    return 0 < len(text) <= 64 and text[0].isalnum() and all(each in allowed for each in text)


def _events(rows: Sequence[Sequence[Any]], made: Callable[[Sequence[Any]], Event]) -> list[Event]:
    return [made(row) for row in rows]


def _one(connection: Connection, statement: str, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
    return connection.execute(statement, parameters).fetchone()
