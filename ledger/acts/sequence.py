"""A sequence of acts in one transaction: their ids claimed and accounts locked at once, decided in order.

| what                                               | round trips                         |
|----------------------------------------------------|-------------------------------------|
| the holds and originals that are named             | 1 for each of the two kinds         |
| locks and claims                                   | 1                                   |
| the same, as they stand under the locks            | 1 for each of the two kinds         |
| what limits ask of days that are over              | 0 or 1                              |
| all that is written                                | 1, with the statements of each act  |

Bounds: BATCH_MAX acts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from emoney.ledger.acts import hold as held
from emoney.ledger.acts import original as given
from emoney.ledger.acts.act import Act, Capture, Refund, Void
from emoney.ledger.acts.batch import Batch
from emoney.ledger.acts.hold import Hold
from emoney.ledger.acts.original import Original
from emoney.ledger.base.errors import BatchTooLarge, IdempotencyConflict, InvalidInput, InvalidReference
from emoney.ledger.base.ids import Key, as_id, key_of
from emoney.ledger.base.names import REFERENCE_MAX, Reason, is_reference
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.ledger import Ledger
from emoney.ledger.posting import locks
from emoney.ledger.posting.decide import LEDGER_RULE
from emoney.ledger.posting.expiry import without_expired
from emoney.ledger.posting.locked import BATCH_MAX
from emoney.ledger.posting.requests import content_hash, earlier_outcomes
from emoney.ledger.transfers.money import moved
from emoney.ledger.transfers.operations import GIVES_BACK
from emoney.ledger.transfers.transfer import Outcome, Refusal, Transfer


@dataclass(frozen=True, slots=True)
class _Asked:
    """An act with what is known of it before anything is locked.

    `on`: the hold or transfer that it is about, between `sides`. `id`: the one that it claims, with `key` and
    the hash of its content; None of a void, which asks for a state. `request`: the transfer that it asks for,
    where so much is left of what it is about.
    """

    act: Act
    on: UUID
    sides: tuple[UUID, UUID]
    id: UUID | None = None
    key: str | None = None
    content: bytes = b""
    request: Callable[[int], Transfer] | None = None

    def requested(self, left: int = 0) -> Transfer:
        """The transfer that it asks for."""
        assert self.request is not None
        return self.request(left)


def carry_out(ledger: Ledger, acts: Sequence[Act]) -> list[Outcome]:
    """Carry out acts in a transaction of their own, in order; one outcome each, idempotent by their ids.

    At most BATCH_MAX. A refused act changes nothing for those after it. Raises InvalidInput or a subclass
    for what no state could accept: UnknownHold, UnknownTransfer (an original is posted before the batch),
    HoldEnded of a void, IdempotencyConflict; nothing was written then. A void's outcome has its hold's id.
    The capture of a hold that is refused in the same batch is refused, too.
    """
    return ledger.run(lambda connection: carry_out_in(ledger, connection, acts), claims=True)


@without_expired
def carry_out_in(ledger: Ledger, connection: Connection, acts: Sequence[Act]) -> list[Outcome]:
    """`carry_out` in a transaction of the caller's; where it raises, nothing of it is left there."""
    asked = _asked(connection, acts)
    if not asked:
        return []
    claims: dict[UUID, bytes | None] = {}
    for each in asked:
        if each.id is not None and claims.setdefault(each.id, each.content) != each.content:
            raise IdempotencyConflict(f"{each.id} stands twice in the batch, with other content")
    sides = dict.fromkeys(side for each in asked for side in each.sides)
    if claims:
        fresh, locked = locks.lock_and_claim(connection, list(sides), claims, ledger.profiles)
    else:
        fresh, locked = frozenset(), locks.lock(connection, list(sides), ledger.profiles)
    known = earlier_outcomes(
        connection,
        {each.id: (each.content, each.key) for each in asked if each.id is not None and each.id not in fresh},
    )
    todo = [each for each in asked if each.id is None or each.id not in known]
    now = locks.posting_time(ledger.clock, locked)
    placed = {each.on for each in todo if isinstance(each.act, Hold)}
    batch = Batch(
        connection,
        ledger.profiles,
        locked,
        now,
        [each.requested() for each in todo if isinstance(each.act, Hold | Refund)],
        holds=held.find_all(
            connection, {each.on for each in todo if isinstance(each.act, Capture | Void)} - placed
        ),
        originals=given.find_all(connection, {each.on for each in todo if isinstance(each.act, Refund)}),
    )
    outcomes: list[Outcome] = []
    for each in asked:
        outcome = None if each.id is None else known.get(each.id)
        if outcome is None:
            outcome = _carried_out(batch, each)
            if each.id is not None:
                known[each.id] = replace(outcome, replayed=True)  # where it stands in the batch again
        outcomes.append(outcome)
    batch.write()
    return outcomes


def _carried_out(batch: Batch, asked: _Asked) -> Outcome:
    act = asked.act
    if isinstance(act, Hold):
        return batch.place(act)
    if isinstance(act, Void):
        return Outcome(asked.on, replayed=not batch.void(asked.on))
    if isinstance(act, Refund):
        return batch.refund(asked.on, asked.requested(batch.original(asked.on).left), act.reason)
    placed = batch.hold(asked.on)
    if placed is None:
        return batch.refuse(asked.requested(), Refusal("hold.refused", "deny", LEDGER_RULE))
    return batch.capture(asked.on, asked.requested(placed.remaining), release_rest=act.release_rest)


# -- what is asked ----------------------------------------------------------------------------------------


def check_act(act: object) -> None:
    """Raise InvalidInput for what is no act, or has ids or amounts that none could have."""
    if isinstance(act, Hold):
        _placing(act)
    elif isinstance(act, Capture):
        as_id(act.hold_id, "hold_id")
        as_id(act.transfer_id, "transfer_id")
    elif isinstance(act, Refund):
        as_id(act.original_id, "original_id")
        as_id(act.transfer_id, "transfer_id")
        Reason(act.reason)
    elif isinstance(act, Void):
        as_id(act.hold_id, "hold_id")
    else:
        raise InvalidInput(f"an act is a Hold, Capture, Void or Refund, not a {type(act).__name__}")


def _asked(connection: Connection, acts: Sequence[Act]) -> list[_Asked]:
    """The acts, checked as far as no state is needed for it."""
    if not isinstance(acts, Sequence):
        raise InvalidInput(f"acts come as a list, not a {type(acts).__name__}")
    if len(acts) > BATCH_MAX:
        raise BatchTooLarge(f"{len(acts)} acts in one batch; {BATCH_MAX} are the most")
    here: dict[UUID, Hold] = {}
    elsewhere: set[UUID] = set()
    originals: set[UUID] = set()
    for act in acts:
        check_act(act)
        if isinstance(act, Hold):
            here[act.id] = act
        elif isinstance(act, Refund):
            originals.add(as_id(act.original_id, "original_id"))
        elif (hold_id := as_id(act.hold_id, "hold_id")) not in here:
            elsewhere.add(hold_id)
    holds = here | {id_: found.hold for id_, found in held.find_all(connection, elsewhere).items()}
    known = given.find_all(connection, originals)
    asked: list[_Asked] = []
    for act in acts:
        if isinstance(act, Hold):
            asked.append(_placing(act))
        elif isinstance(act, Refund):
            original_id = as_id(act.original_id, "original_id")
            asked.append(_refund(act, original_id, known[original_id]))
        else:
            hold_id = as_id(act.hold_id, "hold_id")
            hold = holds[hold_id]
            if hold.disputes:
                raise InvalidInput(f"hold {hold_id} is a dispute's: ledger.disputes upholds or rejects it")
            asked.append(
                _capture(act, hold) if isinstance(act, Capture) else _Asked(act, hold_id, _sides(hold))
            )
    return asked


def _sides(between: Hold | Original) -> tuple[UUID, UUID]:
    return between.debit_account, between.credit_account


def _placing(hold: Hold) -> _Asked:
    request = hold.as_transfer(hold.id if hold.key is None else Key(hold.key), hold.amount)
    request.check()
    content = content_hash("hold/1", hold.expires_at.isoformat(), request.content_hash().hex())
    return _Asked(hold, hold.id, _sides(hold), hold.id, hold.key, content, lambda _: request)


def _capture(act: Capture, hold: Hold) -> _Asked:
    named = act.transfer_id
    transfer_id = as_id(named, "transfer_id")
    amount = moved(act.amount, hold.currency, f"capture {transfer_id}")
    content = content_hash("capture/1", hold.id.hex, str(amount), str(act.release_rest))

    def request(left: int) -> Transfer:
        return hold.as_transfer(named, amount or left or hold.amount)

    return _Asked(act, hold.id, _sides(hold), transfer_id, key_of(named), content, request)


def _refund(act: Refund, original_id: UUID, original: Original) -> _Asked:
    operation, reference = act.operation, act.reference
    if operation not in GIVES_BACK:
        raise InvalidInput(f"{operation!r} gives nothing back: a refund or a reversal does")
    transfer_id, key = as_id(act.transfer_id, f"{operation}_id"), key_of(act.transfer_id)
    Reason(act.reason)
    if reference is not None and not isinstance(reference, str):
        raise InvalidReference(f"{operation} {transfer_id}: a reference is a text")
    named = str(original_id) if reference is None else f"{original_id}: {reference}"
    if reference == "" or not is_reference(named):
        raise InvalidReference(
            f"{operation} {transfer_id}: a reference has 1 to {REFERENCE_MAX - 38} characters and no NUL, "
            "behind the original's id"
        )
    amount = moved(act.amount, original.currency, f"{operation} {transfer_id}")
    own = () if reference is None else (reference,)
    content = content_hash(f"{operation.value}/1", original_id.hex, str(amount), act.reason, *own)

    def request(left: int) -> Transfer:
        return Transfer(
            transfer_id,
            original.credit_account,
            original.debit_account,
            amount or left or original.amount,
            original.currency,
            operation,
            reference=named,
            key=key,
        )

    return _Asked(act, original_id, _sides(original), transfer_id, key, content, request)
