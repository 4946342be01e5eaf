"""A sequence of acts in one transaction: their ids claimed and accounts locked at once, decided in order.

| what                                               | round trips                         |
|----------------------------------------------------|-------------------------------------|
| the holds and originals that are named             | 1 for each of the two kinds         |
| locks and claims                                   | 1                                   |
| the same, as they stand under the locks            | 1 for each of the two kinds         |
| what limits ask of days that are over              | 0 or 1                              |
| earlier outcomes of ids sent before                | 1 for transfers, 1 for all others   |
| the watermark for a past time; receipts of issues  | 0 or 1; 0, 2 or 3                   |
| whether an expired hold is behind a refusal        | 0 or 1                              |
| all that is written                                | 1, with statements for each kind    |

However many acts there are, but for one case: before a limit, or the want of a receipt, refuses where
something was given back since the last time, all that is decided is written and the accounts are read again:
two or three more.

Bounds: BATCH_MAX acts.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import groupby
from uuid import UUID

from emoney.ledger.acts import hold as held
from emoney.ledger.acts import original as given
from emoney.ledger.acts.act import Act, Capture, OpenDispute, Refund, Reject, Uphold, Void
from emoney.ledger.acts.batch import Batch
from emoney.ledger.acts.hold import Hold
from emoney.ledger.acts.request import Request, requests
from emoney.ledger.base.errors import IdempotencyConflict, SplitGroup
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.ledger import Ledger
from emoney.ledger.posting import locked as posting
from emoney.ledger.posting import locks
from emoney.ledger.posting.decide import LEDGER_RULE
from emoney.ledger.posting.expiry import without_expired
from emoney.ledger.posting.requests import earlier_outcomes
from emoney.ledger.transfers.transfer import Outcome, Refusal, Transfer, claimed


def carry_out(ledger: Ledger, acts: Sequence[Act]) -> list[Outcome]:
    """Carry out acts in a transaction of their own, in order; one outcome each, idempotent by their ids.

    At most BATCH_MAX. A refused act changes nothing for those after it; the transfers of a group follow each
    other, and stand or fall together. Raises InvalidInput or a subclass for what no state could accept:
    UnknownHold, UnknownTransfer, UnknownDispute, HoldEnded of a void, DisputeEnded of a rejection,
    IdempotencyConflict, what `Ledger.post` raises; nothing was written then. A void's outcome has its hold's
    id, a rejection's its dispute's. What is about a hold, a dispute or a transfer that is refused in the same
    batch is refused, too, by `hold.refused` and `original.refused`; voiding or rejecting it is an error.
    """
    return ledger.run(lambda connection: carry_out_in(ledger, connection, acts), claims=True)


@without_expired
def carry_out_in(ledger: Ledger, connection: Connection, acts: Sequence[Act]) -> list[Outcome]:
    """`carry_out` in a transaction of the caller's; where it raises, nothing of it is left there."""
    asked = requests(connection, acts)
    if not asked:
        return []
    transfers = _transfers(acts)
    claims: dict[UUID, bytes | None] = dict.fromkeys(claimed(transfers))
    for each in asked:
        if each.id is not None and claims.setdefault(each.id, each.content) != each.content:
            raise IdempotencyConflict(f"{each.id} stands twice in the batch, with other content")
    sides = list(dict.fromkeys(side for each in asked for side in each.sides))
    fresh: AbstractSet[UUID] = frozenset()
    if claims:
        fresh, locked = locks.lock_and_claim(connection, sides, claims, ledger.profiles)
    else:
        locked = locks.lock(connection, sides, ledger.profiles)
    known = _earlier(connection, asked, transfers, fresh)
    todo = [each for each in asked if each.id is None or each.id not in known]
    now = locks.posting_time(ledger.clock, locked)
    # what comes of this batch, and what was refused before, does not stand yet
    absent = {id_ for id_, outcome in known.items() if not outcome.posted}.union(
        *(each.makes for each in todo)
    )
    originals = set[UUID]().union(*(each.originals for each in todo))
    checked = {each.id: each.checked for each in todo}
    batch = Batch(
        connection,
        ledger.profiles,
        locked,
        now,
        [transfer for transfer in checked.values() if transfer is not None],
        holds=held.find_all(connection, set[UUID]().union(*(each.holds for each in todo)) - absent),
        originals=given.find_all(connection, originals - absent),
        awaited=originals & absent,
        bounded=not ledger.history,
    )
    outcomes = _decided(batch, asked, known, transfers)
    batch.write()
    return outcomes


def _decided(
    batch: Batch, asked: Sequence[Request], known: dict[UUID, Outcome], transfers: Sequence[Transfer]
) -> list[Outcome]:
    """The outcomes, in order; of what is `known` before, that."""
    groups: dict[UUID | None, list[Transfer]] = {}
    for transfer in transfers:
        groups.setdefault(transfer.group, []).append(transfer)
    together: dict[UUID, Outcome] = {}  # of groups, which are decided at their first
    outcomes: list[Outcome] = []
    for each in asked:
        outcome = None
        if each.id is not None:
            outcome = known.get(each.id) or together.get(each.id)
        if outcome is None and isinstance(each.act, Transfer):
            linked = groups[each.act.group] if each.act.group else [each.act]
            together |= {made.transfer_id: made for made in batch.post(linked)}
            outcome = together[each.act.id]
        elif outcome is None:
            outcome = _carried_out(batch, each)
        if each.id is not None:
            known[each.id] = replace(outcome, replayed=True)  # where it stands in the batch again
        outcomes.append(outcome)
    return outcomes


def _transfers(acts: Sequence[Act]) -> list[Transfer]:
    """The plain transfers among acts, without repetitions, checked as a batch of them is."""
    transfers: list[Transfer] = []
    groups = set[UUID | None]()
    for plain, run in groupby(acts, lambda act: isinstance(act, Transfer)):
        if not plain:
            continue
        found = [act for act in run if isinstance(act, Transfer)]
        its = {transfer.group for transfer in found} - {None}
        if again := groups & its:
            raise SplitGroup(f"group {again.pop()} is interrupted; its transfers must follow each other")
        groups |= its
        transfers += found
    return posting.check(transfers)


def _earlier(
    connection: Connection,
    asked: Sequence[Request],
    transfers: Sequence[Transfer],
    fresh: AbstractSet[UUID],
) -> dict[UUID, Outcome]:
    """The outcomes of what was sent before. Raises IdempotencyConflict, SplitGroup."""
    sent = {
        each.id: (each.content, each.key)
        for each in asked
        if each.id is not None and each.content is not None and each.id not in fresh
    }
    found = posting.earlier_outcomes(connection, transfers, fresh)
    posting.check_groups(transfers, fresh)
    return found | earlier_outcomes(connection, sent)


def _carried_out(batch: Batch, asked: Request) -> Outcome:
    """An act that is no plain transfer."""
    act, about = asked.act, asked.about
    match act:
        case Hold():
            return batch.place(act)
        case Void():
            return Outcome(about, replayed=not batch.void(about))
        case Reject():
            return Outcome(about, replayed=not batch.reject(about, act.actor, act.reason))
        case Refund() | OpenDispute():
            original = batch.original(about)
            if original is None:
                return batch.refuse(asked.moved(), Refusal("original.refused", "deny", LEDGER_RULE))
            if isinstance(act, Refund):
                return batch.refund(about, asked.moved(original.left), act.reason)
            return batch.dispute(about, asked.held(original.undisputed), act.reason_code, act.actor)
        case Capture() | Uphold():
            placed = batch.hold(about)
            if placed is None:
                return batch.refuse(asked.moved(), Refusal("hold.refused", "deny", LEDGER_RULE))
            if isinstance(act, Capture):
                return batch.capture(about, asked.moved(placed.remaining), release_rest=act.release_rest)
            return batch.uphold(about, asked.moved(batch.left_to_uphold(about)), act.actor, act.reason)
    raise AssertionError
