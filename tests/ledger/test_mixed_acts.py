"""Transfers, holds, refunds and disputes in one batch: as one after the other, whatever they are about."""

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from books import NOON, Books, on_database, profile, rule
from hypothesis import given
from hypothesis import strategies as st
from psycopg.pq import Trace
from unfunded import unfunded

from emoney.ledger import AccountKind, Key, Operation, Outcome, Receipts, Transfer, disputes
from emoney.ledger.acts import (
    Act,
    Capture,
    Hold,
    OpenDispute,
    Refund,
    Reject,
    Uphold,
    Void,
    carry_out,
    carry_out_in,
)
from emoney.ledger.base.errors import (
    AccountClosed,
    IdempotencyConflict,
    InvalidInput,
    SplitGroup,
    UnknownTransfer,
    WrongAccount,
)
from emoney.ledger.base.ids import new_id
from emoney.ledger.disputes import DisputeEnded, DisputeState, UnknownDispute
from emoney.ledger.limits.rules import Direction, Metric, Scope, Window
from emoney.ledger.outbox import Consumer

HOUR = timedelta(hours=1)
BY: dict[str, Any] = {"actor": "agent-7", "reason": "goods never arrived"}
WRITTEN_BY_A_REFUSAL = ("refusal", "claim", "event_position", "transfer_note")
ASKS = ("Query", "Sync", "CopyDone")
"""What a client sends before it waits for an answer, in the words of libpq's trace."""


def hold_of(books: Books, payer: UUID, payee: UUID, amount: int) -> Hold:
    """A request to hold for an hour."""
    return Hold(new_id(), payer, payee, amount, "EUR", Operation.P2P, books.now + HOUR)


def dispute_of(books: Books, original: UUID, amount: int | None = None, **changed: Any) -> OpenDispute:
    """A request to dispute for an hour."""
    said: dict[str, Any] = {"reason_code": "13.1", "expires_at": books.now + HOUR, "actor": "agent-7"}
    said |= changed
    return OpenDispute(original, new_id(), amount, **said)


def uphold_of(dispute: OpenDispute, amount: int | None = None) -> Uphold:
    """A request to uphold, under a new id."""
    return Uphold(dispute.dispute_id, new_id(), amount, **BY)


def rules(outcomes: Sequence[Outcome]) -> list[str | None]:
    """The rules that refused, None for what was done."""
    return [outcome.refusal.rule if outcome.refusal else None for outcome in outcomes]


def events_of(books: Books, kind: str) -> list[tuple[str, str, dict[str, Any]]]:
    """The events of a kind: type, subject and what they say, but for ids."""
    found = [event for event in Consumer(books.database, "test").read(1_000) if event.type.startswith(kind)]
    return [
        (
            event.type,
            event.data["subject"],
            {name: each for name, each in event.data["payload"].items() if name != "dispute"},
        )
        for event in found
    ]


def test_what_a_batch_makes_can_be_given_back_and_disputed_in_it(books: Books) -> None:
    payer, shop = books.funded(100), books.account()
    paid, disputed = books.transfer(payer, shop, 40), books.transfer(payer, shop, 30)
    hold = hold_of(books, payer, shop, 20)
    captured, back = new_id(), new_id()
    first, second = dispute_of(books, disputed.id, 20), dispute_of(books, captured)
    outcomes = carry_out(
        books.ledger,
        [
            paid,
            Refund(paid.id, new_id(), 15, "returned"),
            Refund(paid.id, new_id(), 26, "returned"),
            hold,
            disputed,
            first,
            Capture(hold.id, captured, 12),
            Refund(captured, new_id(), 2, "returned"),
            second,
            dispute_of(books, captured, 1),
            Uphold(first.dispute_id, back, 5, **BY),
            Reject(second.dispute_id, **BY),
            Reject(second.dispute_id, **BY),
            Refund(captured, new_id(), None, "returned", operation=Operation.REVERSAL),
            Refund(disputed.id, new_id(), None, "returned"),
        ],
    )
    assert rules(outcomes) == [
        *(None, None, "original.amount", None, None, None, None, None, None, "original.amount"),
        *(None, None, None, None, None),
    ]
    assert [each.replayed for each in outcomes] == [*(False,) * 12, True, False, False]
    assert (books.balance(payer), books.balance(shop)) == (75, 25)
    with books.database.connection() as connection:
        assert disputes.find(connection, first.dispute_id, books.now).transfer_id == back
        assert disputes.find(connection, second.dispute_id, books.now).state is DisputeState.REJECTED
    books.check()


def test_a_batch_of_disputes_is_what_single_calls_are(books: Books) -> None:
    """In rows, events and what is told again: one is sent act by act, its twin at once."""
    stands: list[object] = []
    for at_once in (False, True):
        payer, shop = books.funded(200), books.account()
        paid = books.transfer(payer, shop, 120)
        books.posted(paid)
        one, two, three = (dispute_of(books, paid.id, amount) for amount in (50, 40, None))
        acts: list[Act] = [
            *(one, two, three, dispute_of(books, paid.id, 1)),
            *(uphold_of(one, 20), Reject(two.dispute_id, **BY), uphold_of(three)),
            *(uphold_of(one, 1), dispute_of(books, paid.id)),
        ]
        outcomes = carry_out(books.ledger, acts) if at_once else [_single(books, act) for act in acts]
        before = books.dump()
        again = carry_out(books.ledger, acts)
        assert again == [replace(each, replayed=True) for each in outcomes]
        if at_once:
            assert [_single(books, act) for act in acts] == again
        assert books.dump() == before
        with books.database.connection() as connection:
            found = disputes.of_transfer(connection, paid.id, books.now)
        states = [
            (
                each.state,
                each.amount,
                each.held,
                each.given_back,
                each.decided_by,
                each.reason,
                each.opened_at,
            )
            for each in sorted(found, key=lambda each: each.amount)
        ]
        events = [
            (what, says) for what, subject, says in events_of(books, "dispute.") if subject == str(shop)
        ]
        events.sort(key=lambda each: each[0])  # of one kind in their order
        stands.append((rules(outcomes), books.balance(payer), books.balance(shop), states, events))
    assert stands[0] == stands[1]
    books.check()


def _single(books: Books, act: Act) -> Outcome:
    """By the function that does one."""
    if isinstance(act, OpenDispute):
        said: dict[str, Any] = {"reason_code": act.reason_code, "actor": act.actor}
        said["expires_at"] = act.expires_at
        return disputes.open_dispute(books.ledger, act.original_id, act.dispute_id, act.amount, **said)
    if isinstance(act, Uphold):
        return disputes.uphold(books.ledger, act.dispute_id, act.transfer_id, act.amount, **BY)
    assert isinstance(act, Reject)
    with books.database.connection() as connection:
        replayed = disputes.find(connection, act.dispute_id, books.now).state is not DisputeState.OPEN
    found = disputes.reject(books.ledger, act.dispute_id, **BY)
    assert found.state is DisputeState.REJECTED
    return Outcome(found.id, replayed=replayed)


def test_transfers_are_the_same_posted_or_carried_out(books: Books) -> None:
    payer, shop = books.funded(100), books.account()
    keyed = replace_id(books.transfer(payer, shop, 30, reference="one"), Key("order-1"))
    refused = books.transfer(payer, shop, 71)
    outcomes = carry_out(books.ledger, [keyed, hold_of(books, payer, shop, 1), refused, keyed])
    assert rules(outcomes) == [None, None, "funds", None]
    assert [each.key for each in outcomes] == ["order-1", None, None, "order-1"]
    assert [each.replayed for each in outcomes] == [False, False, False, True]
    before = books.dump()
    assert books.post(keyed, refused) == [
        replace(outcomes[0], replayed=True),
        replace(outcomes[2], replayed=True),
    ]
    later = books.transfer(payer, shop, 5)
    books.posted(later)
    assert [each.replayed for each in carry_out(books.ledger, [later, keyed, refused])] == [True] * 3
    with pytest.raises(IdempotencyConflict):
        carry_out(books.ledger, [replace_id(later, keyed.id)])
    assert {name: rows for name, rows in before.items() if name == "refusal"} == {
        "refusal": books.dump()["refusal"]
    }
    books.check()


def replace_id(transfer: Transfer, id_: Any) -> Transfer:
    """The same request under another id."""
    return Transfer(
        id_,
        transfer.debit_account,
        transfer.credit_account,
        transfer.amount,
        transfer.currency,
        transfer.operation,
        transfer.reference,
    )


def test_groups_stand_or_fall_together_among_other_acts(books: Books) -> None:
    payer, shop, other = books.funded(100), books.account(), books.account()
    good, bad = new_id(), new_id()
    linked = [books.transfer(payer, shop, amount, group=good) for amount in (30, 10)]
    short = [books.transfer(payer, shop, amount, group=bad) for amount in (20, 31)]
    acts: list[Act] = [linked[0], linked[0], linked[1], hold_of(books, payer, other, 10), *short]
    acts += [Refund(linked[0].id, new_id(), 30, "returned"), Refund(short[0].id, new_id(), 5, "returned")]
    outcomes = carry_out(books.ledger, acts)
    assert rules(outcomes) == [None, None, None, None, "linked", "funds", None, "original.refused"]
    assert [each.replayed for each in outcomes] == [False, True, *(False,) * 6]
    assert carry_out(books.ledger, acts) == [replace(each, replayed=True) for each in outcomes]
    assert (books.balance(payer), books.balance(shop)) == (90, 10)
    before = books.dump()
    group = new_id()
    one, two = (books.transfer(payer, shop, 1, group=group) for _ in range(2))
    added = books.transfer(payer, shop, 1, group=good)
    wrong: list[list[Act]] = [[one, hold_of(books, payer, other, 1), two], [*linked, added], [added]]
    for acts in wrong:
        with pytest.raises(SplitGroup):
            carry_out(books.ledger, acts)
    assert books.dump() == before
    books.check()


def test_what_is_about_something_refused_is_refused_too(books: Books) -> None:
    payer, shop = books.funded(10), books.account()
    paid, hold = books.transfer(payer, shop, 11), hold_of(books, payer, shop, 11)
    dispute, captured = dispute_of(books, paid.id), new_id()
    acts: list[Act] = [
        *(paid, Refund(paid.id, new_id(), None, "returned"), dispute, uphold_of(dispute), hold),
        *(Capture(hold.id, captured), Refund(captured, new_id(), 1, "returned"), dispute_of(books, captured)),
    ]
    before = books.dump(without=WRITTEN_BY_A_REFUSAL)
    outcomes = carry_out(books.ledger, acts)
    assert rules(outcomes) == [
        *("funds", "original.refused", "original.refused", "hold.refused", "funds"),
        *("hold.refused", "original.refused", "original.refused"),
    ]
    assert books.dump(without=WRITTEN_BY_A_REFUSAL) == before
    all_of_it = books.dump()
    assert carry_out(books.ledger, acts) == [replace(each, replayed=True) for each in outcomes]
    assert books.dump() == all_of_it
    later: Act = Refund(paid.id, new_id(), None, "returned")
    assert rules(carry_out(books.ledger, [paid, later])) == ["funds", "original.refused"]
    with pytest.raises(UnknownTransfer):
        carry_out(books.ledger, [Refund(paid.id, new_id(), None, "returned")])


def test_what_no_state_could_accept_undoes_all(books: Books) -> None:
    payer, shop, closed = books.funded(100), books.account(), books.account()
    books.close(closed)
    paid = books.transfer(payer, shop, 60)
    books.posted(paid)
    open_one, upheld = dispute_of(books, paid.id, 20), dispute_of(books, paid.id, 5)
    plain = hold_of(books, payer, shop, 5)
    assert rules(carry_out(books.ledger, [open_one, upheld, uphold_of(upheld), plain])) == [None] * 4
    fine, new = books.transfer(payer, shop, 1), dispute_of(books, paid.id, 1)
    refunded, none = new_id(), new_id()
    before = books.dump()
    wrong: list[tuple[type[Exception], list[Act]]] = [
        (UnknownTransfer, [fine, Refund(none, new_id(), 1, "returned")]),
        (UnknownTransfer, [Refund(fine.id, new_id(), 1, "returned"), fine]),
        (UnknownTransfer, [dispute_of(books, fine.id), fine]),
        (UnknownTransfer, [fine, new, dispute_of(books, new.dispute_id)]),  # type: ignore[arg-type]
        (
            InvalidInput,
            [fine, Refund(fine.id, refunded, 1, "returned"), Refund(refunded, new_id(), 1, "returned")],
        ),
        (InvalidInput, [new, Uphold(new.dispute_id, refunded, **BY), dispute_of(books, refunded)]),
        (UnknownDispute, [fine, Uphold(none, new_id(), **BY)]),
        (UnknownDispute, [fine, Reject(none, **BY)]),
        (UnknownDispute, [fine, Uphold(plain.id, new_id(), **BY)]),
        (UnknownDispute, [Reject(new.dispute_id, **BY), new]),
        (DisputeEnded, [fine, Reject(upheld.dispute_id, **BY)]),
        (DisputeEnded, [new, uphold_of(new), Reject(new.dispute_id, **BY)]),
        (InvalidInput, [new, Capture(new.dispute_id, new_id())]),
        (InvalidInput, [fine, Void(open_one.dispute_id)]),
        (InvalidInput, [fine, dispute_of(books, paid.id, 1, expires_at=books.now)]),
        (InvalidInput, [fine, dispute_of(books, paid.id, 1, expires_at="soon")]),
        (InvalidInput, [fine, dispute_of(books, paid.id, 1, reason_code="a b")]),
        (InvalidInput, [fine, dispute_of(books, paid.id, 1, actor="")]),
        (InvalidInput, [fine, dispute_of(books, paid.id, 0)]),
        (InvalidInput, [fine, Reject(open_one.dispute_id, actor="a", reason="")]),
        (WrongAccount, [new, books.transfer(payer, shop, 1, Operation.LOAD, reference="r")]),
        (AccountClosed, [new, books.transfer(payer, closed, 1)]),
        (IdempotencyConflict, [fine, replace_id(books.transfer(payer, shop, 2), fine.id)]),
        (IdempotencyConflict, [fine, Refund(paid.id, fine.id, 1, "returned")]),
        (IdempotencyConflict, [fine, replace(open_one, amount=19)]),
        (IdempotencyConflict, [fine, replace(open_one, dispute_id=paid.id)]),
        (IdempotencyConflict, [new, replace(new, reason_code="13.2")]),
    ]
    for error, acts in wrong:
        with pytest.raises(error):
            carry_out(books.ledger, acts)
        assert books.dump() == before, acts
    with books.database.connection() as connection:
        connection.execute("SELECT 1")
        with pytest.raises(DisputeEnded):
            carry_out_in(books.ledger, connection, [fine, new, Reject(upheld.dispute_id, **BY)])
    assert books.dump() == before
    assert rules(carry_out(books.ledger, [fine, new])) == [None, None]


def test_a_dispute_of_a_transfer_that_was_refunded_meanwhile_is_refused(books: Books) -> None:
    payer, shop = books.funded(100), books.funded(100)
    paid = books.transfer(payer, shop, 60)
    outcomes = carry_out(
        books.ledger,
        [
            *(paid, dispute_of(books, paid.id, 50), Refund(paid.id, new_id(), 30, "returned")),
            dispute_of(books, paid.id),
        ],
    )
    assert rules(outcomes) == [None, None, None, "original.amount"]
    assert outcomes[-1].refusal is not None
    assert outcomes[-1].refusal.headroom == 0
    books.check()


def test_an_expired_dispute_holds_nothing_of_its_transfer(books: Books) -> None:
    payer, shop = books.funded(100), books.account()
    paid = books.transfer(payer, shop, 60)
    first, second = dispute_of(books, paid.id), dispute_of(books, paid.id, expires_at=books.now + 3 * HOUR)
    assert rules(carry_out(books.ledger, [paid, first, second])) == [None, None, "original.amount"]
    books.now += HOUR
    again = dispute_of(books, paid.id)
    assert rules(carry_out(books.ledger, [uphold_of(first), again, uphold_of(again, 1)])) == [
        "hold.expired",
        None,
        None,
    ]
    with books.database.connection() as connection:
        assert disputes.find(connection, first.dispute_id, books.now).state is DisputeState.EXPIRED
    books.check()


def test_limits_get_back_what_the_batch_itself_gave_back(books: Books) -> None:
    limits = profile(
        rule(Metric.FLOW, 100, Direction.OUT, Window.DAY), rule(Metric.COUNT, 2, window=Window.DAY)
    )
    payer, shop = books.funded(1_000, profile=limits), books.account()
    one, two, three = (books.transfer(payer, shop, amount) for amount in (90, 11, 40))
    four, five = books.transfer(payer, shop, 60), books.transfer(payer, shop, 1)
    dispute = dispute_of(books, three.id)
    outcomes = carry_out(
        books.ledger,
        [
            *(one, two, Refund(one.id, new_id(), None, "returned"), three, four),
            *(five, dispute, uphold_of(dispute), five, replace_id(five, new_id())),
        ],
    )
    assert rules(outcomes) == [
        *(None, "flow-out-day", None, None, None, "flow-out-day", None, None),
        *("flow-out-day", None),
    ]
    books.check()


def test_a_receipt_pays_again_for_what_the_batch_itself_reversed(books: Books) -> None:
    unfunded(books.owner_url)
    bank, wallet = books.account(AccountKind.SAFEGUARDING, ref="bank-1"), books.account()
    Receipts(books.owner_url, clock=lambda: books.now).record(
        bank, "slip 1", 100, actor="treasury-1", reason="credited"
    )
    loads = [books.transfer(bank, wallet, 70, Operation.LOAD, reference="slip 1") for _ in range(3)]
    outcomes = carry_out(
        books.ledger,
        [*loads[:2], Refund(loads[0].id, new_id(), None, "wrong", operation=Operation.REVERSAL), loads[2]],
    )
    assert rules(outcomes) == [None, "receipt.amount", None, None]
    assert books.balance(wallet) == 70


def test_wallets_of_one_person_are_written_in_one_order(books: Books) -> None:
    """What one of them pays makes room for what the other gets, whatever else is written at once."""
    full = profile(rule(Metric.BALANCE, 100, None, scope=Scope.PERSON))
    holder = new_id()
    first, second = books.funded(90, profile=full, holder=holder), books.account(profile=full, holder=holder)
    payer, shop, other = books.funded(100), books.account(), books.account()
    hold = hold_of(books, first, shop, 50)
    acts: list[Act] = [books.transfer(payer, other, 1), hold, Capture(hold.id, new_id())]
    paid = books.transfer(payer, second, 60)
    assert rules(carry_out(books.ledger, [*acts, paid, books.transfer(payer, second, 1)])) == [
        *(None, None, None, None, "balance"),
    ]
    books.check()


def test_each_account_is_told_what_it_does_in_its_order(books: Books) -> None:
    """However the acts of one customer lie among those of others."""
    pairs = [(books.funded(100), books.account()) for _ in range(3)]
    pair_of = {str(account): number for number, pair in enumerate(pairs) for account in pair}
    asked: list[list[Act]] = []
    for payer, shop in pairs:
        pay, hold = books.transfer(payer, shop, 10), hold_of(books, payer, shop, 5)
        asked.append([pay, hold, books.transfer(payer, shop, 200), Capture(hold.id, new_id(), 2)])
        asked[-1] += [Refund(pay.id, new_id(), 1, "returned"), dispute_of(books, pay.id, 4)]
    expected = [
        *("transfer.posted", "hold.placed", "transfer.refused", "transfer.posted", "hold.released"),
        *("transfer.posted", "dispute.opened"),
    ]
    one, two, three = asked
    consumer = Consumer(books.database, "test")
    while events := consumer.read(100):
        consumer.acknowledge(events[-1])
    carry_out(books.ledger, [one[0], *two[:4], one[1], three[0], *one[2:], two[4], *three[1:], two[5]])
    told: dict[int, list[str]] = {0: [], 1: [], 2: []}
    for event in consumer.read(1_000):
        subject = event.data["subject"] if "subject" in event.data else event.data["debit"]["account"]
        told[pair_of[subject]].append(event.type)
    assert told == {0: expected, 1: expected, 2: expected}
    books.check()


# -- whatever comes -----------------------------------------------------------------------------------

Step = tuple[str, int, int, int]

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("pay", "pay", "linked", "hold", "capture", "keep", "void", "refund", "refund"),
                *("dispute", "dispute", "uphold", "uphold", "reject", "later"),
            ]
        ),
        st.integers(1, 70),
        st.integers(0, 5),
        st.integers(0, 11),
    ),
    min_size=4,
    max_size=16,
)


def of(account: str, name: str = "w") -> str:
    """A join to the number `n` of the wallet that an account is."""
    return f"JOIN unnest(%(wallets)s) WITH ORDINALITY AS {name} (id, n) ON {name}.id = {account}"


STANDS = {
    "accounts": "SELECT debits_posted, credits_posted, debits_pending, credits_pending, version, counted_on,"
    f" counters FROM ledger.account AS a {of('a.id')} ORDER BY n",
    "counted": "SELECT w.n, o.n, day, moved FROM ledger.usage_day AS d"
    f" {of('d.account_id')} LEFT {of('d.other_id', 'o')} ORDER BY 1, 2, 3",
    "holds": "SELECT n, h.amount, h.operation, o.remaining FROM ledger.hold AS h"
    f" LEFT JOIN ledger.open_hold AS o USING (id) {of('h.debit_account')} ORDER BY 1, 2, 3, 4",
    "events": "SELECT e.kind, n, e.amount, e.number, e.at FROM ledger.hold_event AS e"
    f" JOIN ledger.hold AS h ON h.id = e.hold_id {of('h.debit_account')} ORDER BY 1, 2, 3, 4, 5",
    "transfers": "SELECT n, debit_version, credit_version, amount, operation, posted_at"
    f" FROM ledger.transfer AS t {of('t.debit_account')} ORDER BY 1, 2",
    "reversals": "SELECT n, r.amount, t.amount FROM ledger.reversal AS r"
    f" JOIN ledger.transfer AS t ON t.id = r.original_id {of('t.debit_account')} ORDER BY 1, 2, 3",
    "disputes": "SELECT n, h.amount, o.kind, o.amount, o.at"
    " FROM ledger.dispute AS d JOIN ledger.hold AS h USING (id)"
    " LEFT JOIN ledger.dispute_outcome AS o ON o.dispute_id = d.id"
    f" {of('h.debit_account')} ORDER BY 1, 2, 3, 4, 5",
}
"""What the wallets hold and have reserved and counted, and what was made between them, but for ids."""


@dataclass
class Town:
    """Wallets under limits, and acts on them: made alike for each twin. `minute`: since noon, of each act."""

    books: Books
    wallets: list[UUID]
    posted: list[UUID]
    holds: list[Hold] = field(default_factory=list)
    disputes: list[OpenDispute] = field(default_factory=list)
    minute: int = 0

    @classmethod
    def new(cls, books: Books) -> "Town":
        limits = profile(
            rule(Metric.FLOW, 150, Direction.OUT, Window.DAY),
            rule(Metric.FLOW, 110, Direction.OUT, Window.DAY, scope=Scope.PAYEE, name="payee"),
            rule(Metric.COUNT, 5, Direction.OUT, Window.DAY),
            rule(Metric.FLOW, 400, Direction.OUT, Window.CALENDAR_MONTH),
            name="twins",
        )
        full = profile(rule(Metric.BALANCE, 120, None), name="full")
        of_a_person = profile(
            rule(Metric.FLOW, 130, Direction.OUT, Window.DAY, scope=Scope.PERSON),
            rule(Metric.BALANCE, 150, None, scope=Scope.PERSON),
            name="person",
        )
        books.now, holder = NOON, new_id()
        wallets = [
            books.funded(150, profile=limits),
            books.account(),
            *(books.funded(40, holder=holder) for _ in range(2)),
        ]
        for wallet, its in zip(wallets[1:], (full, of_a_person, of_a_person), strict=True):
            books.set_profile(wallet, its)
        paid = books.transfer(wallets[0], wallets[1], 30)
        books.posted(paid)
        return cls(books, wallets, [paid.id])

    def acts(self, step: Step) -> list[Act]:
        """What one step asks for; nothing where it is about what no step before it made."""
        what, amount, which, pair = step
        part = amount if which else None
        payer, payee = self.wallets[pair % 4], self.wallets[(pair % 4 + 1 + pair // 4) % 4]
        expires_at = NOON + timedelta(minutes=self.minute + 60)
        if what == "later":
            self.minute += 35 if amount < 50 else 24 * 60
        elif what in ("pay", "linked"):
            group = new_id() if what == "linked" else None
            made = [self.books.transfer(payer, payee, amount, group=group)]
            if group:
                made.append(self.books.transfer(payee, self.wallets[which % 4], 1 + amount // 2, group=group))
            if made[-1].debit_account == made[-1].credit_account:
                return []
            self.posted += [each.id for each in made]
            return [*made]
        elif what == "hold":
            self.holds.append(Hold(new_id(), payer, payee, amount, "EUR", Operation.P2P, expires_at))
            return [self.holds[-1]]
        elif what == "refund":
            return [Refund(self.posted[which % len(self.posted)], new_id(), part, "returned")]
        elif what == "dispute":
            original = self.posted[which % len(self.posted)]
            said: dict[str, Any] = {"reason_code": "1", "expires_at": expires_at, "actor": "a"}
            self.disputes.append(OpenDispute(original, new_id(), part if pair % 3 else None, **said))
            return [self.disputes[-1]]
        elif what in ("uphold", "reject") and self.disputes:
            dispute = self.disputes[which % len(self.disputes)]
            return [uphold_of(dispute, part) if what == "uphold" else Reject(dispute.dispute_id, **BY)]
        elif what in ("capture", "keep", "void") and self.holds:
            hold = self.holds[which % len(self.holds)]
            if what == "void":
                return [Void(hold.id)]
            self.posted.append(new_id())
            return [Capture(hold.id, self.posted[-1], part, what == "capture")]
        return []

    def stand(self) -> dict[str, list[Any]]:
        """What the wallets hold and have reserved and counted, and what was made, but for ids and times."""
        with self.books.database.connection() as connection:
            asked = {"wallets": self.wallets}
            return {name: connection.execute(query, asked).fetchall() for name, query in STANDS.items()}

    def alone(self, acts: list[Act]) -> list[Outcome] | None:
        """What one step comes to by itself; None where it ends in an error, which changes nothing."""
        before = self.stand()
        try:
            outcomes = carry_out(self.books.ledger, acts)
        except InvalidInput:
            outcomes = None
        if outcomes is None:
            assert self.stand() == before
        elif not any(outcome.posted for outcome in outcomes):
            after = self.stand()
            expired = [row for row in after["events"] if row[0] == "expired" and row not in before["events"]]
            assert expired or after == before  # what has expired binds nothing, and may be ended by a refusal
        return outcomes


@on_database(20)
@given(STEPS, st.integers(1, 3))
def test_a_mixed_batch_comes_to_what_its_acts_come_to_one_by_one(
    shared_books: Books, steps: list[Step], parts: int
) -> None:
    books = shared_books
    one, other = Town.new(books), Town.new(books)
    refused: list[list[object]] = [[], []]
    batches: dict[int, list[Act]] = {}
    for step in steps:
        acts, twins = one.acts(step), other.acts(step)
        books.now = NOON + timedelta(minutes=one.minute)
        outcomes = one.alone(acts) if acts else []
        if outcomes is not None:
            refused[0] += [outcome.refusal for outcome in outcomes]
            batches.setdefault(other.minute, []).extend(twins)
    for minute, acts in batches.items():
        books.now = NOON + timedelta(minutes=minute)
        for batch in _split(acts, parts):
            outcomes = carry_out(books.ledger, batch)
            refused[1] += [outcome.refusal for outcome in outcomes]
            again = carry_out(books.ledger, batch)
            assert again == [replace(outcome, replayed=True) for outcome in outcomes]
    books.now = NOON + timedelta(minutes=one.minute)
    assert refused[0] == refused[1]
    assert one.stand() == other.stand()
    for town in (one, other):
        assert sum(books.balance(wallet) for wallet in town.wallets) == 230
    books.check()


def _split(acts: list[Act], parts: int) -> list[list[Act]]:
    """About equal parts, none of which divides a group."""
    size = -(-len(acts) // parts)
    batches: list[list[Act]] = [[]]
    for number, act in enumerate(acts):
        before = acts[number - 1]
        linked = isinstance(act, Transfer) and act.group and act.group == getattr(before, "group", None)
        if len(batches[-1]) >= size and not linked:
            batches.append([])
        batches[-1].append(act)
    return [batch for batch in batches if batch]


def test_many_writers_of_mixed_batches_neither_deadlock_nor_pass_what_there_is(
    books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="emoney")
    wallets = [books.funded(200) for _ in range(4)]
    pairs = [(one, two) for one in wallets for two in wallets if one != two]
    shared = [hold_of(books, payer, payee, 20) for payer, payee in pairs[:6]]
    paid = [books.transfer(payer, payee, 10) for payer, payee in pairs]
    assert set(rules(carry_out(books.ledger, [*shared, *paid]))) == {None}

    def one_batch(number: int) -> list[Outcome]:
        turned = number % len(pairs)
        acts: list[Act] = []
        for payer, payee in pairs[turned:] + pairs[:turned]:
            own = books.transfer(payer, payee, 3)
            acts += [own, Refund(own.id, new_id(), 1, "returned")]
        for original in paid[turned:] + paid[:turned]:
            dispute = dispute_of(books, original.id, 4)
            ending: Act = uphold_of(dispute) if number % 2 else Reject(dispute.dispute_id, **BY)
            acts += [Refund(original.id, new_id(), 1, "returned"), dispute]
            acts += [ending] if number % 3 else []
        acts += [Capture(hold.id, new_id(), 7, release_rest=False) for hold in shared]
        while True:
            try:
                return carry_out(books.ledger, acts)
            except UnknownDispute:  # refused here, so there is nothing to reject
                acts = [act for act in acts if not isinstance(act, Reject)]

    with ThreadPoolExecutor(6) as pool:
        outcomes = [outcome for some in pool.map(one_batch, range(18)) for outcome in some]
    assert {"original.amount", "hold.remaining"} <= set(rules(outcomes))
    assert [record for record in caplog.records if "Deadlock" in record.getMessage()] == []
    with psycopg.connect(books.owner_url) as connection:
        captured = connection.execute(
            "SELECT sum(amount) FROM ledger.hold_event WHERE kind = 'captured' AND hold_id = ANY(%s)"
            " GROUP BY hold_id",
            ([hold.id for hold in shared],),
        ).fetchall()
        beyond = connection.execute(
            "SELECT original_id FROM ledger.reversal AS r JOIN ledger.transfer AS t ON t.id = r.original_id"
            " GROUP BY original_id, t.amount HAVING sum(r.amount) > t.amount"
        ).fetchall()
    assert [row[0] for row in captured] == [14] * 6
    assert beyond == []
    assert sum(books.balance(wallet) for wallet in wallets) == 800
    books.check()


# -- what it costs ------------------------------------------------------------------------------------


ROUND_TRIPS_MAX = 8
"""The transaction's begin and commit included."""


@pytest.mark.skipif(sys.platform != "linux", reason="libpq's trace needs Linux")
def test_a_batch_of_any_size_costs_the_same_few_round_trips_and_statements(books: Books) -> None:
    limits = profile(rule(Metric.FLOW, 10**9, Direction.OUT, Window.DAY))
    pairs = [(books.funded(1_000, profile=limits), books.account()) for _ in range(30)]
    one, some, many = (messages(books, pairs[:size]) for size in (1, 10, 30))
    asks = [sum(sent[kind] for kind in ASKS) for sent in (one, some, many)]
    assert asks == [asks[0]] * 3
    assert asks[0] <= ROUND_TRIPS_MAX
    assert one["Execute"] <= some["Execute"] == many["Execute"] <= one["Execute"] + 3


def messages(books: Books, pairs: list[tuple[UUID, UUID]]) -> Counter[str]:
    """What one batch sends to the server, by kind of message: for each payer and shop the same acts."""
    paid = [books.transfer(*pair, 9) for pair in pairs]
    held = [hold_of(books, *pair, 9) for pair in pairs]
    open_ones = [dispute_of(books, each.id, 3) for each in paid]
    carry_out(books.ledger, [*paid, *held, *open_ones])
    acts: list[Act] = []
    for number, pair in enumerate(pairs):
        pay, hold, captured = books.transfer(*pair, 5), hold_of(books, *pair, 5), new_id()
        dispute, another = dispute_of(books, pay.id, 2), dispute_of(books, captured, 2)
        acts += [pay, Refund(pay.id, new_id(), 1, "returned"), hold, Capture(hold.id, captured, 4), dispute]
        acts += [another, uphold_of(dispute), Reject(another.dispute_id, **BY)]
        acts += [Capture(held[number].id, new_id(), 2), Refund(paid[number].id, new_id(), 1, "returned")]
        acts += [uphold_of(open_ones[number], 1), dispute_of(books, paid[number].id, 8)]
    with tempfile.TemporaryFile("w+") as traced, psycopg.connect(books.owner_url) as connection:
        for _ in range(8):  # statements are prepared, and profiles read, once a connection
            carry_out_in(books.ledger, connection, [books.transfer(*pairs[0], 1)])
            connection.commit()
        connection.pgconn.trace(traced.fileno())
        connection.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        outcomes = carry_out_in(books.ledger, connection, acts)
        connection.commit()
        connection.pgconn.untrace()
        traced.seek(0)
        sent = Counter(re.findall(r"^F\t\d+\t(\w+)", traced.read(), re.MULTILINE))
    assert set(rules(outcomes)) == {None, "original.amount"}
    return sent
