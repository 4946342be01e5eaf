"""What was decided, as it is written: in sets of what is alike, by statements that are sent without waiting.

What is done on an account stays in its order, so do its events. Between other accounts a change goes into an
earlier set of its kind, so a batch of many customers is written by about as many statements as one of them
asks for. Wallets that share limits are kept in one order, too.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from emoney.ledger.acts.hold import Hold
from emoney.ledger.base.postgres.binary_arrays import packing
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.outbox import append_to_each
from emoney.ledger.posting import expiry
from emoney.ledger.posting import write as writing
from emoney.ledger.posting.account_state import Accounts
from emoney.ledger.posting.decide import Accepted, Decision, Rejected
from emoney.ledger.transfers.transfer import Transfer

_queries = queries_beside(__file__)


class Placed(NamedTuple):
    """A hold that reserves."""

    hold: Hold


class Ended(NamedTuple):
    """The last event of a hold, by which all that remains is given back."""

    hold: Hold
    number: int
    kind: str
    amount: int


class Taken(NamedTuple):
    """A transfer that captures a hold. `released`: what of it is given back with that."""

    hold: Hold
    number: int
    accepted: Accepted
    released: Ended | None


class Given(NamedTuple):
    """A transfer that gives back another one."""

    original_id: UUID
    accepted: Accepted
    reason: str


class Opened(NamedTuple):
    """A dispute, with its hold."""

    hold: Hold
    original_id: UUID
    reason_code: str
    actor: str


class Upheld(NamedTuple):
    """A dispute whose hold was captured to give back what it disputes."""

    taken: Taken
    original_id: UUID
    actor: str
    reason: str


class Dismissed(NamedTuple):
    """A dispute that was rejected, so that its hold is void."""

    ended: Ended
    actor: str
    reason: str


Change = Decision | Placed | Ended | Taken | Given | Opened | Upheld | Dismissed
"""A plain transfer or a refusal is written as it was decided."""


def write(connection: Connection, changes: Iterable[Change], accounts: Accounts, now: datetime) -> None:
    """Write what was decided at `now` on these accounts, in one round trip. Errors as `writing.write`."""
    writer = _Writer(connection, now)
    with writing.as_ledger_errors(now), packing(connection).pipeline():
        for kind, alike in _sets(changes, accounts):
            writer.write(kind, alike)


def _sets(changes: Iterable[Change], accounts: Accounts) -> list[tuple[type, list[Change]]]:
    """The changes by their kind, each in the first set that stands behind those before it on its accounts."""
    sets: list[tuple[type, list[Change]]] = []
    places: dict[type, list[int]] = {}  # of the sets of each kind
    last: dict[int, int] = {}  # the place of what came last on each account
    for change in changes:
        kind, between = _kind_and_sides(change)
        touched = set[int]()
        for side in between:
            touched.add(side.int)
            touched.update(sibling.id.int for sibling in accounts[side.int].siblings)
        own = places.setdefault(kind, [])
        number = bisect_left(own, max(last.get(each, 0) for each in touched))
        if number == len(own):
            own.append(len(sets))
            sets.append((kind, []))
        sets[own[number]][1].append(change)
        last.update(dict.fromkeys(touched, own[number]))
    return sets


def _kind_and_sides(change: Change) -> tuple[type, tuple[UUID, UUID]]:
    """Refusals are written with the transfers that are posted beside them."""
    between: Hold | Transfer
    match change:
        case Accepted(transfer=between) | Rejected(transfer=between):
            return Accepted, (between.debit_account, between.credit_account)
        case Given(accepted=accepted):
            between = accepted.transfer
        case Placed(hold=between) | Ended(hold=between) | Taken(hold=between) | Opened(hold=between):
            pass
        case Upheld(taken=settled) | Dismissed(ended=settled):
            between = settled.hold
    return type(change), (between.debit_account, between.credit_account)


class _Writer:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection, self._now = connection, now
        self._writers: Mapping[type, Callable[[Any], None]] = {
            Accepted: self._decided,
            Placed: self._placed,
            Ended: self._ended,
            Taken: self._taken,
            Given: self._given,
            Opened: self._opened,
            Upheld: self._upheld,
            Dismissed: self._dismissed,
        }

    def write(self, kind: type, alike: Sequence[Change]) -> None:
        """Write changes of one kind."""
        self._writers[kind](alike)

    def _decided(self, decisions: Sequence[Decision]) -> None:
        writing.write(self._connection, decisions, self._now)

    # -- holds ------------------------------------------------------------------------------------------

    def _placed(self, placed: Sequence[Placed]) -> None:
        holds = [each.hold for each in placed]
        self._place(holds)
        self._tell_holds(
            "placed",
            [(hold, hold.amount) for hold in holds],
            lambda hold: {"expires_at": hold.expires_at.astimezone(UTC).isoformat()},
        )

    def _place(self, holds: Sequence[Hold]) -> None:
        self._execute(
            _queries.place,
            ids=[hold.id for hold in holds],
            debits=[hold.debit_account for hold in holds],
            credits=[hold.credit_account for hold in holds],
            amounts=[hold.amount for hold in holds],
            currencies=[hold.currency for hold in holds],
            operations=[hold.operation.value for hold in holds],
            references=[hold.reference for hold in holds],
            deadlines=[hold.expires_at for hold in holds],
        )
        noted = [{"id": hold.id.hex, "key": hold.key, "metadata": None} for hold in holds if hold.key]
        if noted:
            writing.note(self._connection, noted)

    def _taken(self, taken: Sequence[Taken]) -> None:
        """What is captured goes off all holds first, what is released last: too much is held meanwhile."""
        transfers = [each.accepted.transfer for each in taken]
        self._events(
            [
                (each.hold.id, each.number, "captured", transfer.amount, transfer.id)
                for each, transfer in zip(taken, transfers, strict=True)
            ]
        )
        writing.write(self._connection, [each.accepted for each in taken], self._now, captures=True)
        if released := [each.released for each in taken if each.released is not None]:
            self._ended(released)

    def _ended(self, ended: Sequence[Ended]) -> None:
        self._events([(each.hold.id, each.number, each.kind, each.amount, None) for each in ended])
        for kind, alike in groupby(ended, lambda each: each.kind):
            self._tell_holds(kind, [(each.hold, each.amount) for each in alike])

    def _events(self, events: Sequence[tuple[UUID, int, str, int, UUID | None]]) -> None:
        columns = (list(column) for column in zip(*events, strict=True))
        named = zip(("holds", "numbers", "kinds", "amounts", "transfers"), columns, strict=True)
        self._execute(_queries.end, **dict(named))

    # -- what gives back ----------------------------------------------------------------------------------

    def _given(self, given: Sequence[Given]) -> None:
        writing.write(self._connection, [each.accepted for each in given], self._now)
        self._give_back([(each.accepted.transfer, each.original_id, each.reason) for each in given])

    def _give_back(self, given: Sequence[tuple[Transfer, UUID, str]]) -> None:
        self._execute(
            _queries.give_back,
            transfers=[transfer.id for transfer, _, _ in given],
            originals=[original_id for _, original_id, _ in given],
            amounts=[transfer.amount for transfer, _, _ in given],
            reasons=[reason for _, _, reason in given],
        )

    # -- disputes -----------------------------------------------------------------------------------------

    def _opened(self, opened: Sequence[Opened]) -> None:
        self._place([each.hold for each in opened])
        self._execute(
            _queries.open,
            ids=[each.hold.id for each in opened],
            originals=[each.original_id for each in opened],
            reason_codes=[each.reason_code for each in opened],
            actors=[each.actor for each in opened],
        )
        self._tell_disputes(
            "opened", [(each.hold, each.hold.amount, {"reason_code": each.reason_code}) for each in opened]
        )

    def _upheld(self, upheld: Sequence[Upheld]) -> None:
        self._taken([each.taken for each in upheld])
        moved = [each.taken.accepted.transfer for each in upheld]
        self._give_back(
            [(transfer, each.original_id, each.reason) for each, transfer in zip(upheld, moved, strict=True)]
        )
        self._decide(
            "upheld",
            [
                (each.taken.hold, transfer.amount, transfer.id, each.actor, each.reason)
                for each, transfer in zip(upheld, moved, strict=True)
            ],
        )

    def _dismissed(self, dismissed: Sequence[Dismissed]) -> None:
        self._ended([each.ended for each in dismissed])
        self._decide("rejected", [(each.ended.hold, 0, None, each.actor, each.reason) for each in dismissed])

    def _decide(self, what: str, outcomes: Sequence[tuple[Hold, int, UUID | None, str, str]]) -> None:
        self._execute(
            _queries.decide,
            kind=what,
            ids=[hold.id for hold, *_ in outcomes],
            amounts=[amount for _, amount, *_ in outcomes],
            transfers=[transfer for _, _, transfer, *_ in outcomes],
            actors=[actor for *_, actor, _ in outcomes],
            reasons=[reason for *_, reason in outcomes],
        )
        self._tell_disputes(
            what, [(hold, amount, {"reason": reason}) for hold, amount, *_, reason in outcomes]
        )

    # -- rows and events ----------------------------------------------------------------------------------

    def _execute(self, query: Any, **columns: Any) -> None:
        self._connection.execute(query.sql, {**columns, "at": self._now})

    def _tell_holds(
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

    def _tell_disputes(self, what: str, disputes: Iterable[tuple[Hold, int, dict[str, Any]]]) -> None:
        """Events among those of the receivers, who are the payers of the holds."""
        told = [
            (
                hold.debit_account,
                {"dispute": str(hold.id), "minor": amount, "currency": hold.currency, **more},
            )
            for hold, amount, more in disputes
        ]
        append_to_each(self._connection, f"dispute.{what}", told, at=self._now)
