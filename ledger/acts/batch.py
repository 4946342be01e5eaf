"""Acts of one transaction under its locks: decided in order, then written in statements sent without waiting.

Decided by the pure functions of `ledger.posting.decide`, on one working copy of the accounts, holds and
originals. What limits and receipts get back of a release or of what gives back, the database alone counts: so
before it refuses by one of these where something was given back in this batch, what was decided is written,
and the accounts are read again. So the outcomes are those of one act after the other.
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from emoney.ledger.acts import change
from emoney.ledger.acts.change import Change, Dismissed, Ended, Given, Opened, Placed, Taken, Upheld
from emoney.ledger.acts.dispute import DisputeEnded, DisputeState, UnknownDispute
from emoney.ledger.acts.hold import Hold, PlacedHold
from emoney.ledger.acts.original import Original
from emoney.ledger.base.errors import InvalidInput, UnknownHold
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.limits.profiles import ProfileCache
from emoney.ledger.posting import expiry, locks
from emoney.ledger.posting import locked as posting
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
from emoney.ledger.receipts.funding import RECEIPT_AMOUNT
from emoney.ledger.transfers.transfer import Outcome, Refusal, Transfer


class HoldEnded(InvalidInput):
    """A hold that has nothing left to void."""


class Batch:
    """What is decided at `now` on accounts that are locked, and not written until `write`.

    `requests`: the transfers that are asked for, whatever of them is then moved: as `posting.states_for`
    takes them. `holds`, `originals`: as they stand under the locks; the batch goes on from there. `awaited`:
    the transfers of this batch that later ones give back or dispute. `bounded`: as `decide`.
    """

    def __init__(
        self,
        connection: Connection,
        profiles: ProfileCache,
        locked: Locked,
        now: datetime,
        requests: Sequence[Transfer],
        *,
        holds: dict[UUID, PlacedHold],
        originals: dict[UUID, Original],
        awaited: AbstractSet[UUID],
        bounded: bool,
    ) -> None:
        self._connection, self._profiles, self._requests, self._now = connection, profiles, requests, now
        self._states = posting.states_for(connection, requests, locked, now)
        self._holds, self._originals, self._awaited, self._bounded = holds, originals, awaited, bounded
        self._changes: list[Change] = []
        self._refused: list[Rejected] = []
        self._given_back = False

    def hold(self, hold_id: UUID) -> PlacedHold | None:
        """A hold as the acts so far leave it; None where its placing was refused."""
        return self._holds.get(hold_id)

    def original(self, original_id: UUID) -> Original | None:
        """A transfer that is given back, as the acts so far leave it; None where it was refused."""
        return self._originals.get(original_id)

    def post(self, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Move what one transfer, or the transfers of a group, ask for."""
        decisions = self._decided(
            lambda: list(decide(transfers, self._states, self._now, bounded=self._bounded))
        )
        for decision in decisions:
            if isinstance(decision, Accepted):
                self._posted(decision.transfer)
                self._changes.append(decision)
        return [self._outcome(decision) for decision in decisions]

    def place(self, hold: Hold) -> Outcome:
        """Reserve the amount. Raises InvalidInput for what no state could accept."""
        self._check_deadline(hold)
        return self._outcome(self._placed(hold, Placed(hold)))

    def capture(self, hold_id: UUID, request: Transfer, *, release_rest: bool) -> Outcome:
        """Move what is requested of a hold; what then remains is released, or stays."""
        decision, taken = self._taken(hold_id, request, release_rest=release_rest)
        if taken is not None:
            self._changes.append(taken)
        return self._outcome(decision)

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
        self._changes.append(self._ended(held, "voided"))
        return True

    def refund(self, original_id: UUID, request: Transfer, reason: str) -> Outcome:
        """Give back what is requested of a transfer."""
        original = self._originals[original_id]
        if request.amount > original.left:
            return self.refuse(request, original.beyond(original.left))
        (decision,) = self._decided(lambda: list(decide([request], self._states, self._now)))
        if isinstance(decision, Accepted):
            self._changes.append(Given(original_id, decision, reason))
            self._give_back(original_id, request.amount)
        return self._outcome(decision)

    # -- disputes ---------------------------------------------------------------------------------------

    def dispute(self, original_id: UUID, hold: Hold, reason_code: str, actor: str) -> Outcome:
        """Reserve the amount on the receiver of a transfer. Raises InvalidInput as `place`."""
        self._check_deadline(hold)
        original = self._originals[original_id]
        if original.disputed_until is not None and original.disputed_until <= self._now:
            raise self._expired()
        if hold.amount > original.undisputed:
            return self.refuse(hold.as_request(), original.beyond(original.undisputed))
        decision = self._placed(hold, Opened(hold, original_id, reason_code, actor), original_id)
        if isinstance(decision, Accepted):
            self._originals[original_id] = replace(original, disputed=original.disputed + hold.amount)
        return self._outcome(decision)

    def left_to_uphold(self, dispute_id: UUID) -> int:
        """What a dispute holds, as far as it was not given back otherwise."""
        held = self._holds[dispute_id]
        return min(held.remaining, self._disputed(held)[1].left)

    def uphold(self, dispute_id: UUID, request: Transfer, actor: str, reason: str) -> Outcome:
        """Capture a dispute's hold to give back what it disputes; the rest is released."""
        held = self._holds[dispute_id]
        original_id, original = self._disputed(held)
        if request.amount > original.left and held.remaining:
            return self.refuse(request, original.beyond(original.left))
        decision, taken = self._taken(dispute_id, request, release_rest=True)
        if taken is not None:
            self._changes.append(Upheld(taken, original_id, actor, reason))
            self._give_back(original_id, request.amount, settled=held.remaining)
        return self._outcome(decision)

    def reject(self, dispute_id: UUID, actor: str, reason: str) -> bool:
        """Give back what a dispute holds; whether that was still to be done. Raises DisputeEnded."""
        held = self._holds.get(dispute_id)
        if held is None or held.original_id is None:
            raise UnknownDispute(f"there is no dispute {dispute_id}")
        if held.last_event == "voided":
            return False
        if held.remaining == 0 or held.hold.expires_at <= self._now:
            state = DisputeState.UPHELD if held.captured else DisputeState.EXPIRED
            raise DisputeEnded(f"dispute {dispute_id} is {state}; only an open one can be rejected")
        self._changes.append(Dismissed(self._ended(held, "voided"), actor, reason))
        if held.original_id in self._originals:
            self._give_back(held.original_id, 0, settled=held.remaining)
        return True

    def _disputed(self, held: PlacedHold) -> tuple[UUID, Original]:
        assert held.original_id is not None
        return held.original_id, self._originals[held.original_id]

    # -- the outcome ------------------------------------------------------------------------------------

    def refuse(self, request: Transfer, refusal: Refusal) -> Outcome:
        """Refuse what the caller has decided about."""
        return self._outcome(Rejected(request, self._now, refusal))

    def write(self) -> None:
        """Write what was decided. Raises ExpiredHolds where one may be why something was refused; errors as
        `writing.write`."""
        refused, self._refused = self._refused, []
        expiry.check(self._connection, refused, self._states, self._now)
        changes, self._changes = self._changes, []
        if changes:
            change.write(self._connection, changes, self._states, self._now)

    def _outcome(self, decision: Decision) -> Outcome:
        request = decision.transfer
        if isinstance(decision, Accepted):
            return Outcome(request.id, key=request.key)
        self._refused.append(decision)
        self._changes.append(decision)
        return Outcome(request.id, decision.refusal, key=request.key)

    # -- deciding ---------------------------------------------------------------------------------------

    def _decided(self, decided: Callable[[], list[Decision]]) -> list[Decision]:
        decisions = decided()
        if self._given_back and any(map(_may_be_given_back, decisions)):
            self.write()
            accounts = [state.id for state in self._states.values()]
            locked = locks.lock(self._connection, accounts, self._profiles)
            self._states = posting.states_for(self._connection, self._requests, locked, self._now)
            self._given_back = False
            decisions = decided()
        return decisions

    def _check_deadline(self, hold: Hold) -> None:
        if hold.expires_at.tzinfo is None:
            raise InvalidInput(f"hold {hold.id}: expires_at needs a time zone")
        if hold.expires_at <= self._now:
            raise InvalidInput(f"hold {hold.id}: expires_at has passed")

    def _placed(self, hold: Hold, placed: Change, original_id: UUID | None = None) -> Decision:
        request = hold.as_request()
        (decision,) = self._decided(lambda: [self._decide_placed(request)])
        if isinstance(decision, Accepted):
            self._holds[hold.id] = PlacedHold(hold, self._now, hold.amount, 0, 0, 0, None, original_id)
            self._changes.append(placed)
        return decision

    def _decide_placed(self, request: Transfer) -> Decision:
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

    def _taken(
        self, hold_id: UUID, request: Transfer, *, release_rest: bool
    ) -> tuple[Decision, Taken | None]:
        held = self._holds[hold_id]
        refusal = _not_capturable(held, request.amount, self._now)
        if refusal is not None:
            return Rejected(request, self._now, refusal), None
        (decision,) = self._decided(lambda: [self._decide_taken(request)])
        if isinstance(decision, Rejected):
            return decision, None
        left = self._holds[hold_id] = replace(
            held,
            remaining=held.remaining - request.amount,
            captured=held.captured + request.amount,
            events=held.events + 1,
            last_event="captured",
        )
        self._posted(request)
        released = self._ended(left, "released") if release_rest and left.remaining else None
        return decision, Taken(held.hold, left.events, decision, released)

    def _decide_taken(self, request: Transfer) -> Decision:
        """With what is captured given back to its payer first."""
        payer = self._states[request.debit_account.int]
        payer.pending_out -= request.amount
        decision = decide_captured(request, self._states, self._now)
        if isinstance(decision, Rejected):
            payer.pending_out += request.amount
        return decision

    def _ended(self, held: PlacedHold, kind: str) -> Ended:
        """End a hold with all that remains of it, which limits no longer count."""
        hold = held.hold
        self._states[hold.debit_account.int].pending_out -= held.remaining
        self._holds[hold.id] = replace(held, remaining=0, events=held.events + 1, last_event=kind)
        self._given_back = True
        return Ended(hold, held.events + 1, kind, held.remaining)

    def _posted(self, transfer: Transfer) -> None:
        if transfer.id in self._awaited:
            sides = transfer.debit_account, transfer.credit_account
            self._originals[transfer.id] = Original(
                *sides, transfer.amount, transfer.currency, transfer.operation
            )

    def _give_back(self, original_id: UUID, amount: int, *, settled: int = 0) -> None:
        """Count what is given back of a transfer. `settled`: what a dispute that ends had held of it."""
        original = self._originals[original_id]
        self._originals[original_id] = replace(
            original, given_back=original.given_back + amount, disputed=original.disputed - settled
        )
        self._given_back = True

    def _expired(self) -> expiry.ExpiredHolds:
        return expiry.ExpiredHolds([state.id for state in self._states.values()], self._now)


def _may_be_given_back(decision: Decision) -> bool:
    """Whether a decision was refused by what the database counts of what was given back."""
    if isinstance(decision, Accepted):
        return False
    return decision.refusal.source != LEDGER_RULE or decision.refusal.rule == RECEIPT_AMOUNT


def _not_capturable(held: PlacedHold, amount: int, now: datetime) -> Refusal | None:
    if held.hold.expires_at <= now:
        return Refusal("hold.expired", "deny", LEDGER_RULE)
    if amount > held.remaining:
        return Refusal("hold.remaining", "deny", LEDGER_RULE, held.hold.amount, held.captured, held.remaining)
    return None
