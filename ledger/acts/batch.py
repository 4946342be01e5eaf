"""Acts of one transaction under its locks: decided in order, then written in statements sent without waiting.

Decided by the pure functions of `ledger.posting.decide`, on a working copy of the accounts, holds and
originals. What limits get back of a release or a refund, the database alone counts: so before it refuses by
a limit where something was given back in this batch, what was decided is written, and the accounts are read
again. So the outcomes are those of one act after the other.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from emoney.ledger.acts.hold import Hold, PlacedHold
from emoney.ledger.acts.original import Original
from emoney.ledger.base.errors import InvalidInput, UnknownHold
from emoney.ledger.base.ids import Key
from emoney.ledger.base.postgres.binary_arrays import packing
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.limits.profiles import ProfileCache
from emoney.ledger.outbox import append_to_each
from emoney.ledger.posting import expiry, locks
from emoney.ledger.posting import locked as posting
from emoney.ledger.posting import write as writing
from emoney.ledger.posting.decide import (
    LEDGER_RULE,
    Accepted,
    Decision,
    Rejected,
    count_usage,
    decide,
    decide_captured,
    why_refused,
)
from emoney.ledger.posting.locks import Locked
from emoney.ledger.transfers.transfer import Outcome, Refusal, Transfer

_queries = queries_beside(__file__)


class HoldEnded(InvalidInput):
    """A hold that has nothing left to void."""


class _Placed(NamedTuple):
    hold: Hold


class _Ended(NamedTuple):
    hold: Hold
    number: int
    kind: str
    amount: int


class _Taken(NamedTuple):
    """`released`: what of the hold is given back with it."""

    hold: UUID
    number: int
    accepted: Accepted
    released: _Ended | None


class _Given(NamedTuple):
    original_id: UUID
    accepted: Accepted
    reason: str


class _Reversed(NamedTuple):
    """What stands beside a transfer that gives back, and is written already."""

    original_id: UUID
    transfer: Transfer
    reason: str


_Write = _Placed | _Taken | _Ended | _Given | _Reversed | Rejected


class Batch:
    """What is decided at `now` on accounts that are locked, and not written until `write`.

    `requests`: the transfers that are asked for, whatever of them is then moved: as `posting.states_for`
    takes them. `holds`, `originals`: as they stand under the locks; the batch goes on from there.
    """

    def __init__(
        self,
        connection: Connection,
        profiles: ProfileCache,
        locked: Locked,
        now: datetime,
        requests: Sequence[Transfer],
        *,
        holds: dict[UUID, PlacedHold] | None = None,
        originals: dict[UUID, Original] | None = None,
    ) -> None:
        self._connection, self._profiles, self._requests, self._now = connection, profiles, requests, now
        self._states = posting.states_for(connection, requests, locked, now)
        self._holds, self._originals = holds or {}, originals or {}
        self._writes: list[_Write] = []
        self._refused: list[Rejected] = []
        self._given_back = False

    def place(self, hold: Hold) -> Outcome:
        """Reserve the amount. Raises InvalidInput for what no state could accept."""
        if hold.expires_at.tzinfo is None:
            raise InvalidInput(f"hold {hold.id}: expires_at needs a time zone")
        if hold.expires_at <= self._now:
            raise InvalidInput(f"hold {hold.id}: expires_at has passed")
        request = hold.as_transfer(hold.id if hold.key is None else Key(hold.key), hold.amount)
        decision = self._decided(request, self._place)
        if isinstance(decision, Accepted):
            self._holds[hold.id] = PlacedHold(hold, self._now, hold.amount, 0, 0, 0)
            self._writes.append(_Placed(hold))
        return self._outcome(decision)

    def capture(self, hold_id: UUID, request: Transfer, *, release_rest: bool) -> Outcome:
        """Move what is requested of a hold; what then remains is released, or stays."""
        held = self._holds[hold_id]
        refusal = _not_capturable(held, request.amount, self._now)
        if refusal is not None:
            return self._outcome(Rejected(request, self._now, refusal))
        decision = self._decided(request, self._capture)
        if isinstance(decision, Accepted):
            self._holds[hold_id] = left = replace(
                held,
                remaining=held.remaining - request.amount,
                captured=held.captured + request.amount,
                events=held.events + 1,
                last_event="captured",
            )
            released = self._end(hold_id, "released") if release_rest and left.remaining else None
            self._writes.append(_Taken(hold_id, left.events, decision, released))
        return self._outcome(decision)

    def uphold(self, hold_id: UUID, original_id: UUID, request: Transfer, reason: str) -> Outcome:
        """Capture a dispute's hold to give back what it disputes."""
        outcome = self.capture(hold_id, request, release_rest=True)
        if outcome.posted:
            self._writes.append(_Reversed(original_id, request, reason))
            self._given_back = True
        return outcome

    def void(self, hold_id: UUID) -> bool:
        """Give back what remains of a hold; whether that was still to be done. Raises HoldEnded."""
        held = self._holds.get(hold_id)
        if held is None:
            raise UnknownHold(f"there is no hold {hold_id}")
        if held.last_event == "voided":
            return False
        if held.remaining == 0:
            raise HoldEnded(f"hold {hold_id} has nothing left to void")
        if held.hold.expires_at <= self._now:
            raise HoldEnded(f"hold {hold_id} has expired: nothing of it is held any more")
        self._writes.append(self._end(hold_id, "voided"))
        return True

    def refund(self, original_id: UUID, request: Transfer, reason: str) -> Outcome:
        """Give back what is requested of a transfer."""
        original = self._originals[original_id]
        if request.amount > original.left:
            return self.refuse(request, original.beyond(original.left))
        decision = self._decided(request, self._post)
        if isinstance(decision, Accepted):
            self._writes.append(_Given(original_id, decision, reason))
            given_back = original.given_back + request.amount
            self._originals[original_id] = replace(original, given_back=given_back)
            self._given_back = True
        return self._outcome(decision)

    def refuse(self, request: Transfer, refusal: Refusal) -> Outcome:
        """Refuse what the caller has decided about."""
        return self._outcome(Rejected(request, self._now, refusal))

    def hold(self, hold_id: UUID) -> PlacedHold | None:
        """A hold as the acts so far leave it; None where its placing was refused."""
        return self._holds.get(hold_id)

    def original(self, original_id: UUID) -> Original:
        """A transfer that is given back, as the acts so far leave it."""
        return self._originals[original_id]

    def write(self) -> None:
        """Write what was decided. Raises ExpiredHolds where one may be why something was refused; errors as
        `writing.write`."""
        refused, self._refused = self._refused, []
        expiry.check(self._connection, refused, self._states, self._now)
        writes, self._writes = self._writes, []
        if not writes:
            return
        with writing.as_ledger_errors(self._now), packing(self._connection).pipeline():
            for kind, group in groupby(writes, type):
                self._WRITERS[kind](self, list(group))

    # -- deciding ---------------------------------------------------------------------------------------

    def _decided(self, request: Transfer, decided: Callable[[Transfer], Decision]) -> Decision:
        decision = decided(request)
        if isinstance(decision, Rejected) and self._given_back and decision.refusal.source != LEDGER_RULE:
            self.write()
            accounts = [state.id for state in self._states.values()]
            locked = locks.lock(self._connection, accounts, self._profiles)
            self._states = posting.states_for(self._connection, self._requests, locked, self._now)
            self._given_back = False
            decision = decided(request)
        return decision

    def _place(self, request: Transfer) -> Decision:
        payer = self._states[request.debit_account.int]
        payee = self._states[request.credit_account.int]
        if payer.sign > 0 or payee.sign > 0:
            raise InvalidInput(f"hold {request.id}: money is held between holders' accounts only")
        refusal = why_refused(request, payer, payee, self._now)
        if refusal is not None:
            return Rejected(request, self._now, refusal)
        count_usage(request, payer, payee, self._now)
        payer.pending_out += request.amount
        payer.reserved = payee.reserved = True
        return Accepted(request, self._now, payer.version, payer.balance, payee.version, payee.balance)

    def _capture(self, request: Transfer) -> Decision:
        """With what is captured given back to its payer first."""
        payer = self._states[request.debit_account.int]
        payer.pending_out -= request.amount
        decision = decide_captured(request, self._states, self._now)
        if isinstance(decision, Rejected):
            payer.pending_out += request.amount
        return decision

    def _end(self, hold_id: UUID, kind: str) -> _Ended:
        """End a hold with all that remains of it, which limits no longer count."""
        held = self._holds[hold_id]
        self._states[held.hold.debit_account.int].pending_out -= held.remaining
        self._holds[hold_id] = replace(held, remaining=0, events=held.events + 1, last_event=kind)
        self._given_back = True
        return _Ended(held.hold, held.events + 1, kind, held.remaining)

    def _post(self, request: Transfer) -> Decision:
        (decision,) = decide([request], self._states, self._now)
        return decision

    def _outcome(self, decision: Decision) -> Outcome:
        request = decision.transfer
        if isinstance(decision, Accepted):
            return Outcome(request.id, key=request.key)
        self._refused.append(decision)
        self._writes.append(decision)
        return Outcome(request.id, decision.refusal, key=request.key)

    # -- writing ----------------------------------------------------------------------------------------

    def _write_placed(self, placed: list[_Placed]) -> None:
        holds = [each.hold for each in placed]
        self._connection.execute(
            _queries.place.sql,
            {
                "ids": [hold.id for hold in holds],
                "debits": [hold.debit_account for hold in holds],
                "credits": [hold.credit_account for hold in holds],
                "amounts": [hold.amount for hold in holds],
                "currencies": [hold.currency for hold in holds],
                "operations": [hold.operation.value for hold in holds],
                "references": [hold.reference for hold in holds],
                "deadlines": [hold.expires_at for hold in holds],
                "at": self._now,
            },
        )
        self._tell(
            "placed",
            [(hold, hold.amount) for hold in holds],
            lambda hold: {"expires_at": hold.expires_at.astimezone(UTC).isoformat()},
        )
        noted = [{"id": hold.id.hex, "key": hold.key, "metadata": None} for hold in holds if hold.key]
        if noted:
            writing.note(self._connection, noted)

    def _write_taken(self, taken: list[_Taken]) -> None:
        """What is captured goes off all holds first, what is released last: too much is held meanwhile."""
        transfers = [each.accepted.transfer for each in taken]
        self._write_events(
            [
                (each.hold, each.number, "captured", transfer.amount, transfer.id)
                for each, transfer in zip(taken, transfers, strict=True)
            ]
        )
        writing.write(self._connection, [each.accepted for each in taken], self._now, captures=True)
        if released := [each.released for each in taken if each.released is not None]:
            self._write_ended(released)

    def _write_ended(self, ended: list[_Ended]) -> None:
        self._write_events([(each.hold.id, each.number, each.kind, each.amount, None) for each in ended])
        for kind, group in groupby(ended, lambda each: each.kind):
            self._tell(kind, [(each.hold, each.amount) for each in group])

    def _write_given(self, given: list[_Given]) -> None:
        writing.write(self._connection, [each.accepted for each in given], self._now)
        self._write_reversed(
            [_Reversed(each.original_id, each.accepted.transfer, each.reason) for each in given]
        )

    def _write_reversed(self, given: list[_Reversed]) -> None:
        self._connection.execute(
            _queries.give_back.sql,
            {
                "transfers": [each.transfer.id for each in given],
                "originals": [each.original_id for each in given],
                "amounts": [each.transfer.amount for each in given],
                "reasons": [each.reason for each in given],
                "at": self._now,
            },
        )

    def _write_rejected(self, rejected: list[Rejected]) -> None:
        writing.write(self._connection, rejected, self._now)

    def _write_events(self, events: list[tuple[UUID, int, str, int, UUID | None]]) -> None:
        columns = (list(column) for column in zip(*events, strict=True))
        told = dict(zip(("holds", "numbers", "kinds", "amounts", "transfers"), columns, strict=True))
        self._connection.execute(_queries.end.sql, {**told, "at": self._now})

    def _tell(
        self,
        what: str,
        holds: Iterable[tuple[Hold, int]],
        more: Callable[[Hold], dict[str, Any]] = lambda _: {},
    ) -> None:
        """Events among those of the payers; a dispute's holds are told by it, in its own words."""
        told = [
            (
                hold.debit_account,
                expiry.told(hold.id, amount, hold.currency, hold.operation.value, hold.credit_account)
                | more(hold),
            )
            for hold, amount in holds
            if not hold.disputes
        ]
        append_to_each(self._connection, f"hold.{what}", told, at=self._now)

    _WRITERS: dict[type, Callable[["Batch", list[Any]], None]] = {  # noqa: RUF012
        _Placed: _write_placed,
        _Taken: _write_taken,
        _Ended: _write_ended,
        _Given: _write_given,
        _Reversed: _write_reversed,
        Rejected: _write_rejected,
    }


def _not_capturable(held: PlacedHold, amount: int, now: datetime) -> Refusal | None:
    if held.hold.expires_at <= now:
        return Refusal("hold.expired", "deny", LEDGER_RULE)
    if amount > held.remaining:
        return Refusal("hold.remaining", "deny", LEDGER_RULE, held.hold.amount, held.captured, held.remaining)
    return None
