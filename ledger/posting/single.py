"""One transfer in one round trip: decided on accounts as they are remembered, written if they still are so.

Where they are not, because another process or thread moved them, they are read and it is decided again; at
last `posting` locks them. The database checks the limits itself either way, in the call that writes.

An account that takes whatever comes, such as a merchant's, is not compared: the decision is the same whatever
it holds. Its version and balance are the database's to say, and many may pay it at once.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

import psycopg

from emoney.ledger.base.clock import Clock
from emoney.ledger.base.errors import EmoneyError, Unavailable
from emoney.ledger.base.postgres import cursors as kept
from emoney.ledger.base.postgres.binary_arrays import Binary, encode_time
from emoney.ledger.base.postgres.binary_rows import LENGTH
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.limits.profiles import ProfileCache
from emoney.ledger.posting import locked as posting
from emoney.ledger.posting.account_cache import AccountCache
from emoney.ledger.posting.account_state import AccountState, WriteMark
from emoney.ledger.posting.decide import Accepted, decide
from emoney.ledger.posting.optimistic import StaleDecision, as_jsonb, as_stale
from emoney.ledger.posting.write import notes, row
from emoney.ledger.transfers.transfer import Outcome, Transfer

CACHES_MAX = 4
"""Callers at once whose accounts are remembered; the others' are read each time."""
ATTEMPTS = 2

_WRITE: str = queries_beside(__file__).write_one.sql


class SinglePosts:
    """Posts single transfers to `database`. For many threads: each call has a cache of its own meanwhile."""

    def __init__(self, database: Database, clock: Clock, profiles: ProfileCache) -> None:
        self._database, self._clock, self._profiles = database, clock, profiles
        self._caches: list[_Remembered] = []

    def post(self, transfer: Transfer) -> Outcome | None:
        """The outcome of a transfer that is posted; None, and nothing is written, where it had better be
        posted in another way. Raises as `optimistic.write`, but for StaleDecision.
        """
        if type(transfer) is not Transfer or transfer.group is not None:
            return None
        try:
            cache = self._caches.pop()
        except IndexError:
            cache = _Remembered(self._clock, self._profiles)
        try:
            with self._database.autocommit() as connection:
                return _post(connection, cache, transfer)
        except BaseException:
            cache.invalidate()
            raise
        finally:
            if len(self._caches) < CACHES_MAX:
                self._caches.append(cache)


@dataclass(frozen=True, slots=True)
class _Decided:
    """A transfer that is accepted and not written, and by which transactions its accounts were written.

    `credit_written_by`: None for an account that takes whatever comes.
    """

    accepted: Accepted
    posted_at: datetime
    debit_written_by: int
    credit_written_by: int | None


class _Remembered(AccountCache):
    """Accounts as this cache's own posts have left them; used by one call at a time.

    Those that took whatever came are remembered without their mark: what they hold is not known.
    """

    def decide_one(self, transfer: Transfer, connection: Connection) -> _Decided | None:
        """Decided on what is remembered and read; None where it is refused, or that is not enough. Its
        accounts are then forgotten.
        """
        if self._skip_next:
            self._skip_next -= 1
            self.forget_sides(transfer)
        decided = self._decide_one(transfer, connection)
        if decided is None:
            self.forget_sides(transfer)
        return decided

    def _decide_one(self, transfer: Transfer, connection: Connection) -> _Decided | None:
        sides = {side.int: side for side in (transfer.debit_account, transfer.credit_account)}
        for number in sides:  # what holds an unknown sum is read, but to take whatever comes
            state = self._accounts.get(number)
            takes = number == transfer.credit_account.int and state is not None and _takes_all(state)
            if state is not None and state.last_written_by is None and not takes:
                del self._accounts[number]
        try:
            transfer.check()
            now = self._ready([transfer], sides, lambda: nullcontext(connection))
        except Unavailable:
            raise
        except (EmoneyError, psycopg.Error, posting.Impossible):
            return None  # posting finds it, too, and says it in its own words
        if now is None:
            return None
        payer, payee = (self._accounts[number] for number in sides)
        debit_mark, credit_mark = payer.last_written_by, payee.last_written_by
        assert debit_mark is not None
        assert debit_mark.transaction is not None
        decisions = list(decide([transfer], self._accounts, now))
        if len(decisions) != 1 or not isinstance(decision := decisions[0], Accepted):
            return None
        compared = None if _takes_all(payee) or credit_mark is None else credit_mark.transaction
        return _Decided(decision, now, debit_mark.transaction, compared)

    def written_one(self, decided: _Decided, mark: WriteMark) -> None:
        """What was decided has been written."""
        t = decided.accepted.transfer
        self._accounts[t.debit_account.int].last_written_by = mark
        known = decided.credit_written_by is not None
        self._accounts[t.credit_account.int].last_written_by = mark if known else None
        if not self._skip_next:
            self._failures = 0

    def stale_one(self) -> None:
        """Some account was no longer as it was, so others write, too: nothing remembered is trusted any more.

        To read two accounts anew costs a fifth of what it does to find out at last that they are stale.
        """
        self.invalidate()

    def forget_sides(self, transfer: Transfer) -> None:
        """Remember nothing of a transfer's accounts."""
        for side in (transfer.debit_account, transfer.credit_account):
            self._accounts.pop(side.int, None)


def _takes_all(account: AccountState) -> bool:
    """Whether what the account holds and moves stops no credit to it."""
    return account.profile is None and account.sign < 0 and account.ceiling is None


def _post(connection: Connection, cache: _Remembered, transfer: Transfer) -> Outcome | None:
    for _ in range(ATTEMPTS):
        decided = cache.decide_one(transfer, connection)
        if decided is None:
            return None
        try:
            with as_stale(decided.posted_at):
                written = _write(connection, decided)
        except StaleDecision:  # the id was sent before, or the database was busy
            cache.forget_sides(transfer)
            return None
        if written is not None:
            cache.written_one(decided, WriteMark(written))
            return Outcome(transfer.id, key=transfer.key)
        cache.stale_one()
    return None


def _write(connection: Connection, decided: _Decided) -> int | None:
    """Write and commit; the number of the transaction, None where an account is no longer as it was."""
    t, seen = decided.accepted.transfer, decided.credit_written_by
    ((transaction,),) = kept.rows(
        connection,
        _WRITE,
        {
            "debit_written_by": Binary(decided.debit_written_by.to_bytes(4)),
            "credit_written_by": None if seen is None else Binary(seen.to_bytes(4)),
            "posted_at": Binary(encode_time(decided.posted_at)[LENGTH:]),
            "decided": Binary(row(decided.accepted, credit_known=seen is not None)[LENGTH:]),
            "noted": None if t.key is None and t.metadata is None else as_jsonb(notes([t])),
        },
    )
    return None if transaction is None else int.from_bytes(transaction)
