"""The webhook sender: each event as one signed POST, in order, until the receiver takes it.

An event that fails holds back all that follow it (the whole consumer, not only its accounts): nothing is
delivered out of order, and a receiver that is down costs one event's attempts, not everyone's. Attempts and
the time of the next are kept with the consumer's place, so a sender that was killed goes on counting.
After `attempts_max` the event goes to the list of dead letters and the next one's turn comes.

Bounds of an attempt: see `exchanges`.
"""

import http.client
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from emoney.jobs.exchanges import connect, demand_url, exchange, path_of, reason
from emoney.jobs.signatures import HEADER, sign
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import ConfigurationError, InvalidInput
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.outbox import Consumer, ConsumerMoved, Event, find
from emoney.ledger.outbox.dead_letters import dead_letter, note_redelivery

CONSUMER = "webhook"
SECRET_BYTES_MIN = 32
PAGE = 100

_log = logging.getLogger(__name__)
_REFUSING = frozenset({400, 409, 413, 415, 422})
"""Answers by which a receiver says that this event, and not the moment, is the trouble."""
_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('ledger.consumer ' || %s, 0))"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where events go, and the secrets they are signed with. Raises ConfigurationError for unsafe ones."""

    url: str
    secrets: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        demand_url(self.url, "The webhook's URL", "events are confidential")
        if not 1 <= len(self.secrets) <= 2 or min(map(len, self.secrets)) < SECRET_BYTES_MIN:
            raise ConfigurationError(
                f"A webhook needs one secret of at least {SECRET_BYTES_MIN} characters, or two while one "
                "replaces the other: set webhook.secret (EMONEY_WEBHOOK_SECRET) or webhook.secret_file."
            )


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient a sender is. Times in seconds."""

    attempts_max: int = 16
    refused_attempts_max: int = 3
    """For an event that the receiver answers with 400, 409, 413, 415 or 422."""
    backoff_first_s: float = 1.0
    """Doubles with every attempt, up to `backoff_max_s`; a random half of it is taken off."""
    backoff_max_s: float = 3600.0
    wait_max_s: float = 10.0
    """A run does not wait longer than this for the next attempt: it ends, and a later run makes it."""
    timeout_s: float = 10.0
    exchange_s: float = 30.0

    def wait(self, attempts: int, chance: random.Random) -> timedelta:
        """How long to wait after so many failed attempts."""
        longest = min(self.backoff_max_s, self.backoff_first_s * 2.0 ** min(attempts - 1, 32))
        return timedelta(seconds=longest * (0.5 + 0.5 * chance.random()))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed. Never quotes the receiver."""

    reason: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """What a run did. `retry_at`: when the event that holds back the others is due, None if none does."""

    delivered: int
    dead: int
    retry_at: datetime | None


class Line:
    """A connection to the receiver, kept from one event to the next."""

    def __init__(self, webhook: Webhook, policy: Policy, clock: Clock) -> None:
        self._webhook = webhook
        self._policy = policy
        self._clock = clock
        self._connection: http.client.HTTPConnection | None = None

    def send(self, event: Event, attempt: int) -> Failure | None:
        """One attempt; None when the receiver answered 2xx, having read all of the event."""
        body = event.encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "emoney",
            "Emoney-Event-Id": str(event.id),
            "Emoney-Attempt": str(attempt),
            HEADER: sign(self._webhook.secrets, body, self._clock()),
        }
        kept = self._connection is not None
        try:
            return self._exchange(body, headers)
        except _STALE as error:
            self.close()
            if not kept:
                return Failure(f"the connection was dropped ({type(error).__name__})")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Failure(reason(error))
        try:  # a connection kept too long: that is not the receiver's failure
            return self._exchange(body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Failure(reason(error))

    def _exchange(self, body: bytes, headers: dict[str, str]) -> Failure | None:
        if self._connection is None:
            self._connection = connect(self._webhook.url, self._policy.timeout_s)
        path = path_of(self._webhook.url)
        answer = exchange(self._connection, "POST", path, body, headers, self._policy.exchange_s)
        if not answer.reusable:
            self.close()
        status = answer.status
        if 200 <= status < 300:
            return None
        if 300 <= status < 400:
            return Failure(f"answered {status}: redirects are not followed", refused=False)
        return Failure(f"answered {status}", refused=status in _REFUSING)

    def close(self) -> None:
        """Hang up; the next event opens a new connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def deliver(
    database: Database,
    webhook: Webhook,
    *,
    consumer: str = CONSUMER,
    policy: Policy | None = None,
    clock: Clock = system_clock,
    stop: Callable[[], bool] = lambda: False,
    chance: random.Random | None = None,
) -> Sent:
    """Send what the consumer has not acknowledged, until there is nothing more or the next attempt is far.

    `stop` is asked before every attempt. One run per consumer at a time: raises ConsumerMoved when another
    is under way.
    """
    policy, chance = policy or Policy(), chance or random.Random()  # noqa: S311
    line = Line(webhook, policy, clock)
    delivered = dead = 0
    try:
        with database.connection() as guard:
            if guard.execute(_LOCK, (consumer,)).fetchone() != (True,):
                raise ConsumerMoved(f"Another sender is at work for the consumer {consumer!r}.")
            place = Consumer(database, consumer, clock=clock)
            while events := place.read(PAGE):
                for event in events:
                    fate = _settle(place, line, event, policy, clock, stop, chance)
                    if fate is None:
                        return Sent(delivered, dead, place.failing.retry_at if place.failing else None)
                    delivered, dead = delivered + fate, dead + (not fate)
    finally:
        line.close()
    return Sent(delivered, dead, None)


def _settle(
    place: Consumer,
    line: Line,
    event: Event,
    policy: Policy,
    clock: Clock,
    stop: Callable[[], bool],
    chance: random.Random,
) -> bool | None:
    """Whether the event was delivered (True) or given up (False); None when this run must leave it."""
    while not stop():
        if place.failing is not None and place.failing.event_id == event.id:
            left = (place.failing.retry_at - clock()).total_seconds()
            if left > policy.wait_max_s:
                return None
            if left > 0:
                time.sleep(min(left, 0.2))  # in steps, so that `stop` is heard
                continue
        attempt = place.attempts(event) + 1
        failure = line.send(event, attempt)
        if failure is None:
            place.acknowledge(event)
            return True
        if attempt >= (policy.refused_attempts_max if failure.refused else policy.attempts_max):
            place.give_up(event, failure.reason)
            _log.warning("event %s: given up at attempt %d: %s", event.id, attempt, failure.reason)
            return False
        wait = policy.wait(attempt, chance)
        place.note_failure(event, failure.reason, wait)
        _log.info("event %s: attempt %d failed: %s; retry in %s", event.id, attempt, failure.reason, wait)
    return None


def redeliver(
    database: Database,
    webhook: Webhook,
    letter_id: UUID,
    *,
    policy: Policy | None = None,
    clock: Clock = system_clock,
) -> Failure | None:
    """One attempt to deliver a dead letter, out of order; noted when the receiver took it.

    Raises InvalidInput for an id that is no dead letter's.
    """
    with database.connection() as connection:
        letter = dead_letter(connection, letter_id)
        event = find(connection, letter.event_id)
    if event is None:
        raise InvalidInput(f"the event {letter.event_id} of dead letter {letter_id} is not in the ledger")
    line = Line(webhook, policy or Policy(), clock)
    try:
        failure = line.send(event, letter.attempts + 1)
    finally:
        line.close()
    if failure is None:
        with database.connection() as connection:
            note_redelivery(connection, letter_id, clock())
    return failure
