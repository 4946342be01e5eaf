"""One transfer in one round trip: decided on accounts as they are remembered, written if they still are so.

Where they are not, because another process or thread moved them, they are read and it is decided again; at
last `posting` locks them. The database checks the limits itself either way, in the call that writes.

An account that takes whatever comes, such as a merchant's, is not compared: the decision is the same whatever
it holds. Its version and balance are the database's to say, and many may pay it at once.
"""

from contextlib import nullcontext

from emoney.ledger.base.clock import Clock
from emoney.ledger.base.postgres import cursors as kept
from emoney.ledger.base.postgres.binary_arrays import Binary, encode_time
from emoney.ledger.base.postgres.binary_rows import LENGTH, decided_row, open_row, text
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.limits.profiles import ProfileCache
from emoney.ledger.posting.account_cache import AccountCache, DecidedAlone
from emoney.ledger.posting.account_state import WriteMark
from emoney.ledger.posting.optimistic import StaleDecision, as_stale
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Outcome, Transfer

CACHES_MAX = 4
"""Callers at once whose accounts are remembered; the others' are read each time."""
ATTEMPTS = 2

_WRITE: str = queries_beside(__file__).write_one.sql

_words: dict[tuple[str, Operation], bytes] = {}


class SinglePosts:
    """Posts single transfers to `database`. For many threads: each call has a cache of its own meanwhile."""

    def __init__(self, database: Database, clock: Clock, profiles: ProfileCache) -> None:
        self._database, self._clock, self._profiles = database, clock, profiles
        self._caches: list[AccountCache] = []

    def post(self, transfer: Transfer) -> Outcome | None:
        """The outcome of a transfer that is posted; None, and nothing is written, where it had better be
        posted in another way. Raises as `optimistic.write`, but for StaleDecision.
        """
        if type(transfer) is not Transfer or transfer.group or transfer.key or transfer.metadata:
            return None
        try:
            cache = self._caches.pop()
        except IndexError:
            cache = AccountCache(self._clock, self._profiles)
        try:
            with self._database.autocommit() as connection:
                return self._post(connection, cache, transfer)
        except BaseException:
            cache.invalidate()
            raise
        finally:
            if len(self._caches) < CACHES_MAX:
                self._caches.append(cache)

    def _post(self, connection: Connection, cache: AccountCache, transfer: Transfer) -> Outcome | None:
        for _ in range(ATTEMPTS):
            decided = cache.decide_alone(transfer, lambda: nullcontext(connection))
            if decided is None:
                return None
            try:
                with as_stale(decided.posted_at):
                    written = _write(connection, decided)
            except StaleDecision:  # the id was sent before, or the database was busy
                cache.forget_sides(transfer)
                return None
            if written is not None:
                cache.written_alone(decided, WriteMark(written))
                return Outcome(transfer.id)
            cache.stale_alone(transfer)
        return None


def _write(connection: Connection, decided: DecidedAlone) -> int | None:
    """Write and commit; the number of the transaction, None where an account is no longer as it was."""
    t, _, debit_version, debit_balance, credit_version, credit_balance = decided.accepted
    words = _words.get((t.currency, t.operation))
    if words is None:
        words = _words[t.currency, t.operation] = text(t.currency) + text(t.operation._value_)
    words += text(t.reference)
    sides = (t.id, t.debit_account, t.credit_account, t.amount, debit_version, debit_balance)
    row = (
        open_row(*sides, words, t.effective_at)
        if decided.open_ended
        else Binary(decided_row(*sides, credit_version, credit_balance, words, None, t.effective_at)[LENGTH:])
    )
    ((transaction,),) = kept.rows(
        connection,
        _WRITE,
        {
            "debit_written_by": Binary(decided.debit_written_by.to_bytes(4)),
            "credit_written_by": None
            if decided.open_ended
            else Binary(decided.credit_written_by.to_bytes(4)),
            "posted_at": Binary(encode_time(decided.posted_at)[4:]),
            "decided": row,
        },
    )
    return None if transaction is None else int.from_bytes(transaction)
