"""The ledger: the face that the other floors and an operator's backend post through."""

import logging
import random
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import nullcontext
from typing import TypeVar
from uuid import UUID

from emoney.ledger.accounts import account as accounts
from emoney.ledger.accounts.account import IMPORT_ROLE, NewAccount
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import ConnectionLost, InvalidInput, Unavailable
from emoney.ledger.base.postgres.database import ENDED_BY_CLOCK, TRANSIENT, Connection, Database
from emoney.ledger.limits import profiles
from emoney.ledger.limits.profiles import ProfileCache
from emoney.ledger.limits.rules import LimitProfile
from emoney.ledger.posting import batches_in_a_row as ahead
from emoney.ledger.posting import locked as posting
from emoney.ledger.posting import optimistic, partitions
from emoney.ledger.posting.account_cache import AccountCache
from emoney.ledger.posting.expiry import without_expired
from emoney.ledger.posting.single import SinglePosts
from emoney.ledger.reading.reader import Reading
from emoney.ledger.transfers.chart import AccountKind
from emoney.ledger.transfers.transfer import Outcome, Transfer

Result = TypeVar("Result")

_log = logging.getLogger(__name__)

ATTEMPTS_MAX, LOST_MAX = 8, 2
BACKOFF_S = 0.01
"""How often a call is repeated that others were in the way of, and one that lost its connection; the first
pause, in seconds, about doubled each time."""
OPTIMISTIC_TRANSFERS_MAX = 16
"""Up to so many transfers, round trips cost more than a stale decision of a batch would."""


_chance = random.SystemRandom()
"""Not the generator that the application may have seeded."""


class Ledger:
    """Posts transfers to `database`; `reading` reads them. `clock` gives posting times. For many threads.

    `clock` is held against the database's (`ledger.clock_policy`). On a database in the role IMPORT_ROLE it
    carries a history over: transfers count on any day before, under the limits of that day alone.
    """

    def __init__(self, database: Database, clock: Clock = system_clock) -> None:
        self.database = database
        self.clock = clock
        self.history = database.role == IMPORT_ROLE
        self.profiles = ProfileCache()
        self.reading = Reading(database, clock)
        self._singles = SinglePosts(database, lambda: self.clock(), self.profiles)

    def open_account(
        self,
        kind: AccountKind,
        currency: str,
        external_ref: str,
        *,
        profile: LimitProfile | None = None,
    ) -> UUID:
        """The id of the account with this reference, opened now if it is not there yet.

        For the accounts of the chart and of businesses; customers' wallets are opened by `kyc`, at a tier, or
        here under `profile`, the limits of an account that is opened. Raises LimitsMissing for a customer's
        without limits that two persons have not approved (`ledger.profile_changes`), ProfilesDenied for a
        `profile` that is not stored where the login may not store it, and InvalidInput when the reference
        belongs to an account of another kind or currency.
        """
        kind = accounts.checked_kind(kind)
        account_id = accounts.id_of_reference(external_ref)
        with self.database.connection() as connection:
            found = accounts.find(connection, [external_ref]).get(external_ref)
            if found is None:
                limits = None if profile is None else profiles.store(connection, profile)
                new = NewAccount(account_id, kind, currency, self.clock(), external_ref, profile_id=limits)
                accounts.open_accounts(connection, [new])
                return account_id
        if (found.kind, found.currency) != (kind, currency):
            raise InvalidInput(
                f"{external_ref!r} is an account of kind {found.kind} in {found.currency} already"
            )
        return found.id

    def post(self, transfers: Sequence[Transfer], cache: AccountCache | None = None) -> list[Outcome]:
        """Post a batch in a transaction of its own: all outcomes are durable when this returns.

        At most `posting.BATCH_MAX` transfers; one outcome each, in their order; `replayed`, too, where the
        connection was lost meanwhile and another tells that they were written. `cache`: of a caller that
        posts many batches from one thread; spares reading the same accounts again. Raises InvalidInput
        (nothing was written), Unavailable (unknown whether it was; sending the same ids again is safe).
        """
        if cache is None and (count := posting.batch(transfers)) <= OPTIMISTIC_TRANSFERS_MAX:
            if count == 1 and (outcome := self._post_single(transfers[0])) is not None:
                return [outcome]
            cache = self.account_cache()
        if cache is not None and (outcomes := self._post_optimistically(transfers, cache)) is not None:
            return outcomes
        return self._post(transfers)

    def _post(self, transfers: Sequence[Transfer]) -> list[Outcome]:
        try:
            return self.run(lambda connection: self.post_in(connection, transfers), claims=True)
        except InvalidInput as error:
            _log.info("batch of %d transfers refused whole: %s", len(transfers), type(error).__name__)
            raise

    def _post_single(self, transfer: Transfer) -> Outcome | None:
        try:
            return self._singles.post(transfer)
        except (partitions.PartitionMissing, ConnectionLost) as error:
            _log.debug("a transfer is posted under locks: %s", type(error).__name__)
            return None

    def _post_optimistically(
        self, transfers: Sequence[Transfer], cache: AccountCache
    ) -> list[Outcome] | None:
        """Read, decide and write in two round trips or, where all is remembered, one; None if stale, or if
        the connection was lost: posting finds out whether it was written.
        """
        try:
            with self.database.autocommit() as connection:
                decided = cache.decide(transfers, lambda: nullcontext(connection))
                if decided is None:
                    _log.debug("%d transfers are posted under locks", len(transfers))
                    return None
                optimistic.write(connection, decided)
        except (optimistic.StaleDecision, partitions.PartitionMissing, ConnectionLost) as error:
            _log.debug("%d transfers are posted under locks: %s", len(transfers), type(error).__name__)
            cache.invalidate()
            return None
        except BaseException:
            cache.invalidate()
            raise
        cache.confirmed()
        return posting.in_order(transfers, decided.outcomes())

    def account_cache(self) -> AccountCache:
        """An empty cache of accounts of this ledger."""
        return AccountCache(self.clock, self.profiles, history=self.history)

    def post_all(self, batches: Iterable[Sequence[Transfer]]) -> Generator[list[Outcome], None, None]:
        """Post many batches in a row, each in a transaction of its own; gives the outcomes of each, in order.

        Quicker than `post` batch by batch, with the same outcomes: the next batch is taken and decided while
        the last is written (`ledger.posting.batches_in_a_row`). What has been given is durable. Errors as
        `post`, in the turn of the batch they belong to; the batches before it have been given by then. May
        use two connections.
        """
        return ahead.post_all(self.database, batches, self.account_cache(), self._post)

    @without_expired
    def post_in(self, connection: Connection, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Post a batch in a transaction of the caller's, who commits or rolls back.

        `connection`: psycopg's, to this ledger's database, by a role that may post. Where it raises, nothing
        of it is left in the transaction, which goes on: the ids are free again. Errors as `post`; deadlocks
        and serialization failures come as psycopg raises them, and PartitionMissing, an Unavailable, on the
        first posting of a month that the job `partitions` has not prepared. Costs a savepoint, two short
        round trips, where the transaction had begun; the accounts stay locked until it ends.
        """
        return posting.post(connection, transfers, self.clock, self.profiles, history=self.history)

    def run(self, work: Callable[[Connection], Result], *, claims: bool = False) -> Result:
        """Do `work` in a transaction of its own; again when another transaction was in the way, or the
        connection was lost before the commit. `claims`: its ids tell of an earlier outcome, so it is also
        done again where the connection was lost in the commit. Where there is none to be had, nothing is
        repeated: that took its time.

        `work` may run several times, so it changes nothing but the database. Errors as `post`.
        """
        attempt = lost = 0
        while True:
            worked = False
            try:
                with self.database.connection() as connection:
                    result = work(connection)
                    worked = True
            except partitions.PartitionMissing as missing:
                if attempt >= ATTEMPTS_MAX:
                    raise
                attempt += 1
                with self.database.connection() as connection:
                    partitions.make(connection, missing.at)
                continue
            except ConnectionLost as error:
                unknown = worked and not claims and not isinstance(error.__cause__, ENDED_BY_CLOCK)
                if lost >= LOST_MAX or unknown:
                    raise
                lost += 1
                _log.info("connection lost; retry %d of %d", lost, LOST_MAX)
            except Unavailable as error:
                if attempt >= ATTEMPTS_MAX or not isinstance(error.__cause__, TRANSIENT):
                    raise
                attempt += 1
                _log.info("%s; retry %d of %d", type(error.__cause__).__name__, attempt, ATTEMPTS_MAX)
            else:
                return result
            # nothing was written, or the ids tell: go again, each at its own pace
            time.sleep(BACKOFF_S * 2 ** (attempt + lost) * _chance.random())
