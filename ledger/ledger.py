"""The ledger: the face that the other floors and an operator's backend post through."""

import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

import psycopg

from ledger import accounts, partitions, posting
from ledger.accounts import NewAccount
from ledger.chart import AccountKind
from ledger.clock import Clock, system_clock
from ledger.database import Connection, Database
from ledger.errors import InvalidInput, Unavailable
from ledger.ids import content_id
from ledger.profiles import ProfileCache
from ledger.transfers import Outcome, Transfer

Result = TypeVar("Result")

ATTEMPTS_MAX = 8
BACKOFF_S = 0.01
_RETRIED = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


class Ledger:
    """Posts transfers to `database`. `clock` gives posting times. Safe to share between threads."""

    def __init__(self, database: Database, clock: Clock = system_clock) -> None:
        self.database = database
        self.clock = clock
        self.profiles = ProfileCache()

    def open_account(self, kind: AccountKind, currency: str, external_ref: str) -> UUID:
        """The id of the account with this reference, opened now if it is not there yet.

        For the accounts of the chart and of businesses; customers' wallets are opened by `kyc`, at a tier.
        Raises InvalidInput when the reference belongs to an account of another kind or currency.
        """
        new = NewAccount(
            content_id(f"account|{external_ref}".encode()), kind, currency, self.clock(), external_ref
        )
        with self.database.connection() as connection:
            found = accounts.find(connection, [external_ref]).get(external_ref)
            if found is None:
                accounts.open_accounts(connection, [new])
                return new.id
        if (found.kind, found.currency) != (kind, currency):
            raise InvalidInput(
                f"{external_ref!r} is an account of kind {found.kind} in {found.currency} already"
            )
        return found.id

    def post(self, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Post a batch in a transaction of its own: all outcomes are durable when this returns.

        At most `posting.BATCH_MAX` transfers; one outcome each, in their order. Raises InvalidInput (nothing
        was written), Unavailable (unknown whether it was; sending the same ids again is safe).
        """
        return self.run(lambda connection: self.post_in(connection, transfers))

    def post_in(self, connection: Connection, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Post a batch in a transaction of the caller's, who commits or rolls back."""
        return posting.post(connection, transfers, self.clock, self.profiles)

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """Do `work` in a transaction of its own, again when another transaction was in the way.

        `work` may run several times, so it changes nothing but the database. Errors as `post`.
        """
        attempt = 0
        while True:
            try:
                with self.database.connection() as connection:
                    return work(connection)
            except partitions.PartitionMissing as missing:
                if attempt >= ATTEMPTS_MAX:
                    raise
                attempt += 1
                with self.database.connection() as connection:
                    partitions.make(connection, missing.at)
            except Unavailable as error:
                if not isinstance(error.__cause__, _RETRIED) or attempt >= ATTEMPTS_MAX:
                    raise
                attempt += 1
                # nothing was written: go again, each at its own pace
                time.sleep(BACKOFF_S * 2**attempt * random.random())  # noqa: S311
