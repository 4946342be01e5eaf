"""What is remembered of accounts from one batch to the next, so that these need not be read again.

`ledger.posting.optimistic` writes a batch only where its accounts are as they were remembered, so a cache
may be stale: then the batch's decision is, too, everything is forgotten, and of the next 1, 2, 4 …
FAILURES_MAX batches none is decided on the cache.

Bounds: REMEMBERED_MAX accounts, about two kilobytes each, or those of one batch.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from uuid import UUID

import psycopg

from emoney.ledger.base.clock import Clock
from emoney.ledger.base.errors import EmoneyError, Unavailable
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.limits.profiles import ProfileCache
from emoney.ledger.posting import expiry
from emoney.ledger.posting import locked as posting
from emoney.ledger.posting.account_state import Accounts, WriteMark
from emoney.ledger.posting.locks import look
from emoney.ledger.posting.optimistic import Decided, decide_on
from emoney.ledger.transfers.sides import ISSUES
from emoney.ledger.transfers.transfer import EFFECTIVE_FIRST, Transfer

REMEMBERED_MAX = 20_000
FAILURES_MAX = 64

Connect = Callable[[], AbstractContextManager[Connection]]
"""Gives a connection of which each statement is a transaction of its own."""


class AccountCache:
    """Accounts as the batches decided so far leave them, written or not. Used by one thread."""

    def __init__(self, clock: Clock, profiles: ProfileCache, *, history: bool = False) -> None:
        self._clock, self._profiles, self._history = clock, profiles, history
        self._accounts: Accounts = {}
        self._latest = EFFECTIVE_FIRST
        self._last = WriteMark(0)
        self._skip_next = self._failures = 0

    def confirmed(self) -> None:
        """What was decided has been written."""
        self._failures = 0

    def invalidate(self) -> None:
        """What was decided is stale."""
        self._clear()
        self._back_off()

    def _back_off(self) -> None:
        self._skip_next = self._failures = min(max(1, 2 * self._failures), FAILURES_MAX)

    def forget(self) -> None:
        """What is remembered may have changed, for a reason that says nothing about the next batch."""
        self._clear()

    def decide(self, batch: Sequence[Transfer], connect: Connect) -> Decided | None:
        """The batch, decided on what is remembered and read; None where it had better be posted, or is empty.

        Batches are to be written in the order in which they were decided.
        """
        try:
            return self.decide_possible(batch, connect)
        except posting.Impossible:
            self._clear()
            return None  # posting finds it, too, and says it in its own words

    def decide_possible(self, batch: Sequence[Transfer], connect: Connect) -> Decided | None:
        """As `decide`. Raises Impossible, and has decided nothing, for transfers that cannot be made."""
        if not batch:
            return None
        if self._skip_next:
            self._skip_next -= 1
            self._clear()
            return None
        try:
            decided = self._decide(posting.check(batch), connect)
        except Unavailable:
            raise
        except (EmoneyError, psycopg.Error):
            decided = None  # posting finds it, too, and says it in its own words
        if decided is None:
            self._clear()
        return decided

    def _clear(self) -> None:
        self._accounts, self._last = {}, WriteMark(0)

    def _decide(self, transfers: Sequence[Transfer], connect: Connect) -> Decided | None:
        sides = {side.int: side for t in transfers for side in (t.debit_account, t.credit_account)}
        now = self._ready(transfers, sides, connect)
        if now is None:
            return None
        decided = decide_on(self._accounts, transfers, now, self._last)
        if self._would_be_free(decided, connect):
            return None  # posting ends what has expired, under the locks of both sides
        self._last = decided.by
        return decided

    def _ready(
        self, transfers: Sequence[Transfer], sides: dict[int, UUID], connect: Connect
    ) -> datetime | None:
        """When to decide the transfers, whose accounts are then remembered; None where that is not enough."""
        if any(t.operation in ISSUES for t in transfers):
            return None  # receipts are not remembered
        now = self._remember(sides, connect)
        if errors := posting.impossible(transfers, self._accounts):
            raise posting.Impossible(errors)
        if self._profiles.per_person or any(map(self._asks_for_more, transfers)):
            return None  # others' wallets, payees and days that are over are not remembered
        return now

    def _would_be_free(self, decided: Decided, connect: Connect) -> bool:
        """Whether expired holds may be why something was refused."""
        if decided.parameters["refused"] is None:
            return False
        reserved = expiry.concerned(decided.decisions, self._accounts)
        if not reserved:
            return False
        with connect() as connection:
            return expiry.overdue(connection, reserved, decided.posted_at)

    def _asks_for_more(self, transfer: Transfer) -> bool:
        """Whether limits ask for more of this transfer's accounts than what is remembered."""
        at = transfer.effective_at or self._latest
        for account in (
            self._accounts[transfer.debit_account.int],
            self._accounts[transfer.credit_account.int],
        ):
            usage, profile = account.usage, account.profile
            if usage is None or profile is None:
                continue
            day = profile.local_day(at)
            if usage.layout.payee_slots or usage.asks_for_days(day):
                return True
            stated = transfer.effective_at is not None and not self._history
            if stated and day != profile.local_day(self._latest):  # the limits of two days are asked
                return True
        return False

    def _remember(self, sides: dict[int, UUID], connect: Connect) -> datetime:
        """Read the accounts that are not remembered, with what limits have counted; gives the time."""
        self._latest = now = max(self._clock(), self._latest)
        missing = [side for number, side in sides.items() if number not in self._accounts]
        if missing:
            if len(self._accounts) + len(missing) > REMEMBERED_MAX:
                self._accounts = {each: self._accounts[each] for each in sides if each in self._accounts}
            with connect() as connection:
                found = look(connection, missing, self._profiles)
            self._accounts |= found.states
            self._latest = now = max(now, found.last_posted_at or now)
        return now
