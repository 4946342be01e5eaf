"""The ledger: the face that the other floors and an operator's backend post through."""

import random
import time
from collections.abc import Sequence

import psycopg

from ledger import posting
from ledger.clock import Clock, system_clock
from ledger.database import Connection, Database
from ledger.errors import Unavailable
from ledger.profiles import ProfileCache
from ledger.transfers import Outcome, Transfer

ATTEMPTS_MAX = 8
BACKOFF_S = 0.01
_RETRIED = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


class Ledger:
    """Posts transfers to `database`. `clock` gives posting times. Safe to share between threads."""

    def __init__(self, database: Database, clock: Clock = system_clock) -> None:
        self.database = database
        self.clock = clock
        self._profiles = ProfileCache()

    def post(self, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Post a batch in a transaction of its own: all outcomes are durable when this returns.

        At most `posting.BATCH_MAX` transfers; one outcome each, in their order. Raises InvalidInput (nothing
        was written), Unavailable (unknown whether it was; sending the same ids again is safe).
        """
        attempt = 0
        while True:
            try:
                with self.database.connection() as connection:
                    return posting.post(connection, transfers, self.clock, self._profiles)
            except Unavailable as error:
                if not isinstance(error.__cause__, _RETRIED) or attempt >= ATTEMPTS_MAX:
                    raise
                attempt += 1
                # another transaction was in the way: nothing was written, so go again, each at its own pace
                time.sleep(BACKOFF_S * 2**attempt * random.random())  # noqa: S311

    def post_in(self, connection: Connection, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Post a batch in a transaction of the caller's, who commits or rolls back."""
        return posting.post(connection, transfers, self.clock, self._profiles)
