"""What is remembered of accounts from one batch to the next, so that these need not be read again.

`ledger.posting.optimistic` writes a batch only where its accounts are as they were remembered, so a cache
may be stale: then the batch's decision is, too, everything is forgotten, and of the next 1, 2, 4 …
FAILURES_MAX batches none is decided on the cache.

Bounds: REMEMBERED_MAX accounts, about two kilobytes each, or those of one batch.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from emoney.ledger.base.clock import Clock
from emoney.ledger.base.errors import EmoneyError, Unavailable
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.limits.profiles import ProfileCache
from emoney.ledger.posting import expiry
from emoney.ledger.posting import locked as posting
from emoney.ledger.posting.account_state import Accounts, AccountState, WriteMark
from emoney.ledger.posting.decide import Accepted, Rejected, decide
from emoney.ledger.posting.locks import look
from emoney.ledger.posting.optimistic import Decided, decide_on
from emoney.ledger.transfers.sides import ISSUES
from emoney.ledger.transfers.transfer import EFFECTIVE_FIRST, Transfer

REMEMBERED_MAX = 20_000
FAILURES_MAX = 64

Connect = Callable[[], AbstractContextManager[Connection]]
"""Gives a connection of which each statement is a transaction of its own."""


@dataclass(frozen=True, slots=True)
class DecidedAlone:
    """One transfer that is accepted and not written, and by which transactions its accounts were written.

    `open_ended`: the credited account takes whatever comes, so that it is not compared.
    """

    accepted: Accepted
    posted_at: datetime
    debit_written_by: int
    credit_written_by: int
    open_ended: bool


class AccountCache:
    """Accounts as the batches decided so far leave them, written or not. Used by one thread."""

    def __init__(self, clock: Clock, profiles: ProfileCache) -> None:
        self._clock, self._profiles = clock, profiles
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

    def decide_alone(self, transfer: Transfer, connect: Connect) -> DecidedAlone | None:
        """A transfer of no group, decided on what is remembered and read; None where it is refused, or what
        is remembered is not enough. It is then as if it had not been decided.
        """
        sides = {side.int: side for side in (transfer.debit_account, transfer.credit_account)}
        if self._skip_next:
            self._skip_next -= 1
            self.forget_sides(transfer)
        try:
            transfer.check()
            now = self._prepare([transfer], sides, connect, alone=True)
        except Unavailable:
            raise
        except (EmoneyError, psycopg.Error, posting.Impossible):
            now = None  # posting finds it, too, and says it in its own words
        if now is None:
            self.forget_sides(transfer)
            return None
        payer, payee = self._accounts[transfer.debit_account.int], self._accounts[transfer.credit_account.int]
        debit_mark, credit_mark = payer.last_written_by, payee.last_written_by
        assert debit_mark is not None
        assert debit_mark.transaction is not None
        open_ended = _takes_all(payee)
        (decision,) = decide([transfer], self._accounts, now)
        if isinstance(decision, Rejected):
            self.forget_sides(transfer)
            return None
        seen = 0 if credit_mark is None or credit_mark.transaction is None else credit_mark.transaction
        return DecidedAlone(decision, now, debit_mark.transaction, seen, open_ended)

    def written_alone(self, decided: DecidedAlone, mark: WriteMark) -> None:
        """What was decided has been written."""
        t = decided.accepted.transfer
        self._accounts[t.debit_account.int].last_written_by = mark
        self._accounts[t.credit_account.int].last_written_by = None if decided.open_ended else mark
        if not self._skip_next:
            self._failures = 0

    def stale_alone(self, transfer: Transfer) -> None:
        """Its accounts were no longer as they were: they, and those of the next ones, are read anew."""
        self.forget_sides(transfer)
        self._skip_next = self._failures = min(max(1, 2 * self._failures), FAILURES_MAX)

    def forget_sides(self, transfer: Transfer) -> None:
        """Remember nothing of a transfer's accounts."""
        for side in (transfer.debit_account, transfer.credit_account):
            self._accounts.pop(side.int, None)

    def _clear(self) -> None:
        self._accounts, self._last = {}, WriteMark(0)

    def _decide(self, transfers: Sequence[Transfer], connect: Connect) -> Decided | None:
        sides = {side.int: side for t in transfers for side in (t.debit_account, t.credit_account)}
        now = self._prepare(transfers, sides, connect)
        if now is None:
            return None
        decided = decide_on(self._accounts, transfers, now, self._last)
        if self._would_be_free(decided, connect):
            return None  # posting ends what has expired, under the locks of both sides
        self._last = decided.by
        return decided

    def _prepare(
        self, transfers: Sequence[Transfer], sides: dict[int, UUID], connect: Connect, *, alone: bool = False
    ) -> datetime | None:
        """When to decide the transfers, whose accounts are then remembered; None where that is not enough."""
        if any(t.operation in ISSUES for t in transfers):
            return None  # receipts are not remembered
        if alone:
            credited = self._accounts.get(transfers[0].credit_account.int)
            if credited is not None and credited.last_written_by is None and not _takes_all(credited):
                del self._accounts[transfers[0].credit_account.int]
            debited = self._accounts.get(transfers[0].debit_account.int)
            if debited is not None and debited.last_written_by is None:
                del self._accounts[transfers[0].debit_account.int]
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
            if usage.layout.payee_slots or usage.asks_for_days(profile.local_day(at)):
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


def _takes_all(account: AccountState) -> bool:
    """Whether what the account holds and moves stops no credit to it."""
    return account.profile is None and account.sign < 0 and account.ceiling is None
