"""Holds, captures, voids and refunds in one transaction: as one after the other, once each, all or none."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from books import Books, on_database, profile, rule
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import Key, Operation, Outcome
from emoney.ledger.accounts import account as accounts
from emoney.ledger.acts import Act, Capture, Hold, Refund, Void, carry_out, carry_out_in
from emoney.ledger.base.errors import (
    BatchTooLarge,
    IdempotencyConflict,
    InvalidInput,
    UnknownHold,
    UnknownTransfer,
)
from emoney.ledger.base.ids import new_id
from emoney.ledger.holds import HoldEnded
from emoney.ledger.limits.rules import Direction, Metric, Window
from emoney.ledger.outbox import Consumer
from emoney.ledger.posting.locked import BATCH_MAX

HOUR = timedelta(hours=1)


def hold_of(books: Books, payer: UUID, payee: UUID, amount: int, *, until: datetime | None = None) -> Hold:
    """A request to hold for an hour."""
    return Hold(new_id(), payer, payee, amount, "EUR", Operation.P2P, until or books.now + HOUR)


def rules(outcomes: Sequence[Outcome]) -> list[str | None]:
    """The rules that refused, None for what was done."""
    return [outcome.refusal and outcome.refusal.rule for outcome in outcomes]


def test_acts_of_all_kinds_in_one_transaction_are_told_in_their_order(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    paid = books.transfer(payer, payee, 40)
    books.posted(paid)
    consumer = Consumer(books.database, "test")
    while events := consumer.read(100):
        consumer.acknowledge(events[-1])
    one, two, three = (hold_of(books, payer, payee, amount) for amount in (30, 20, 31))
    outcomes = carry_out(
        books.ledger,
        [
            one,
            two,
            three,  # more than is available
            Refund(paid.id, new_id(), 21, "returned"),
            replace_id(three),  # what came back is there
            Capture(one.id, new_id(), 25),
            Void(two.id),
            Capture(three.id, new_id()),
            Void(two.id),
            Capture(two.id, new_id(), 1),
        ],
    )
    assert rules(outcomes) == [
        None,
        None,
        "funds",
        None,
        None,
        None,
        None,
        "hold.refused",
        None,
        "hold.remaining",
    ]
    assert [each.replayed for each in outcomes] == [False] * 8 + [True, False]
    assert (books.balance(payer), books.balance(payee)) == (56, 44)
    assert [(event.type, event.data.get("payload", {}).get("minor")) for event in consumer.read(100)] == [
        ("hold.placed", 30),
        ("hold.placed", 20),
        ("transfer.refused", None),
        ("transfer.posted", None),
        ("hold.placed", 31),
        ("transfer.posted", None),
        ("hold.released", 5),
        ("hold.voided", 20),
        ("transfer.refused", None),
        ("transfer.refused", None),
    ]
    books.check()


def replace_id(hold: Hold) -> Hold:
    """The same request under another id."""
    return Hold(
        new_id(),
        hold.debit_account,
        hold.credit_account,
        hold.amount,
        hold.currency,
        hold.operation,
        hold.expires_at,
    )


def test_what_was_sent_before_has_its_outcome(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    key = Key("hold-7")
    hold = Hold(key, payer, payee, 60, "EUR", Operation.P2P, books.now + HOUR)
    acts: list[Act] = [hold, hold, hold_of(books, payer, payee, 41), Capture(key, Key("capture-7"), 10)]
    first = carry_out(books.ledger, acts)
    assert rules(first) == [None, None, "funds", None]
    assert [each.replayed for each in first] == [False, True, False, False]
    before = books.dump()
    assert carry_out(books.ledger, acts) == [replace(each, replayed=True) for each in first]
    assert [each.key for each in first] == ["hold-7", "hold-7", None, "capture-7"]
    assert books.dump() == before
    books.check()


def test_one_that_no_state_could_accept_undoes_all(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    paid, placed = books.transfer(payer, payee, 10), hold_of(books, payer, payee, 10)
    books.posted(paid)
    assert carry_out(books.ledger, [placed, Capture(placed.id, new_id())])[1].posted
    fine = hold_of(books, payer, payee, 5)
    other = Hold(fine.id, payer, payee, 6, "EUR", Operation.P2P, fine.expires_at)
    before = books.dump()
    wrong: list[tuple[type[Exception], list[object]]] = [
        (UnknownHold, [fine, Capture(new_id(), new_id())]),
        (UnknownHold, [Capture(fine.id, new_id()), fine]),
        (UnknownTransfer, [fine, Refund(new_id(), new_id(), 1, "returned")]),
        (HoldEnded, [fine, Void(placed.id)]),
        (InvalidInput, [fine, hold_of(books, payer, payee, 5, until=books.now)]),
        (InvalidInput, [fine, Refund(paid.id, new_id(), 1, "")]),
        (InvalidInput, [fine, Refund(paid.id, new_id(), 1, "no", operation=Operation.P2P)]),
        (InvalidInput, [fine, "paid"]),
        (IdempotencyConflict, [fine, other]),
        (BatchTooLarge, [Void(fine.id)] * (BATCH_MAX + 1)),
    ]
    for error, acts in wrong:
        with pytest.raises(error):
            carry_out(books.ledger, acts)  # type: ignore[arg-type]
    with books.database.connection() as connection:
        connection.execute("SELECT 1")
        with pytest.raises(UnknownHold):
            carry_out_in(books.ledger, connection, [fine, Capture(new_id(), new_id())])
    assert books.dump() == before
    assert carry_out(books.ledger, []) == []


def test_limits_get_back_in_a_batch_what_was_released_in_it(books: Books) -> None:
    limits = profile(
        rule(Metric.FLOW, 100, Direction.OUT, Window.DAY), rule(Metric.COUNT, 2, window=Window.DAY)
    )
    payer, payee = books.funded(1000, profile=limits), books.account()
    one, two, three, four = (hold_of(books, payer, payee, amount) for amount in (90, 11, 50, 35))
    outcomes = carry_out(
        books.ledger, [one, two, Capture(one.id, new_id(), 15), three, four, Void(three.id), replace_id(four)]
    )
    assert rules(outcomes) == [None, "flow-out-day", None, None, "count-out-day", None, None]
    books.check()


def test_expired_holds_are_ended_for_a_batch_as_for_one(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    assert carry_out(books.ledger, [hold_of(books, payer, payee, 30) for _ in range(3)])[2].posted
    books.now += HOUR
    assert rules(carry_out(books.ledger, [hold_of(books, payer, payee, 50) for _ in range(3)])) == [
        None,
        None,
        "funds",
    ]
    books.check()


def test_batches_of_many_threads_neither_wait_in_a_ring_nor_pass_what_was_held(books: Books) -> None:
    wallets = [books.funded(60) for _ in range(3)]
    pairs = [(one, two) for one in wallets for two in wallets if one != two]
    shared = [hold_of(books, payer, payee, 20) for payer, payee in pairs]
    carry_out(books.ledger, shared)

    def one_batch(number: int) -> None:
        turned = pairs[number % 6 :] + pairs[: number % 6]
        acts: list[Act] = [hold_of(books, payer, payee, 3) for payer, payee in turned]
        acts += [Capture(hold.id, new_id(), 7, release_rest=False) for hold in shared]
        carry_out(books.ledger, acts)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one_batch, range(12)))
    with books.database.connection() as connection:
        rows = connection.execute(
            "SELECT sum(amount) FROM ledger.hold_event WHERE kind = 'captured' GROUP BY hold_id"
        ).fetchall()
    assert [row[0] for row in rows] == [14] * 6
    assert sum(books.balance(each) for each in wallets) == 180
    books.check()


Step = tuple[str, int, int]


@on_database(25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["place", "place", "capture", "keep", "void", "refund"]),
            st.integers(1, 70),
            st.integers(0, 5),
        ),
        min_size=2,
        max_size=12,
    ),
    st.integers(1, 4),
)
def test_a_batch_comes_to_what_its_acts_come_to_one_by_one(
    shared_books: Books, steps: list[Step], parts: int
) -> None:
    """Twins under the same limits: one is sent act by act, the other in a few batches."""
    books = shared_books
    limits = profile(
        rule(Metric.FLOW, 150, Direction.OUT, Window.DAY),
        rule(Metric.COUNT, 4, Direction.OUT, Window.DAY),
        rule(Metric.FLOW, 400, Direction.OUT, Window.CALENDAR_MONTH),
        name="twins",
    )
    full = profile(rule(Metric.BALANCE, 120, None), name="full")
    told: list[list[Outcome | None]] = []
    stands: list[object] = []
    for size in (1, -(-len(steps) // parts)):
        payer, payee = books.funded(150, profile=limits), books.account()
        books.set_profile(payee, full)
        paid = books.transfer(payer, payee, 30)
        books.posted(paid)
        acts = _acts(books, payer, payee, paid.id, steps)
        if not told:
            told.append([_alone(books, act) for act in acts])
        else:  # without those that ended in an error, which would undo a batch
            possible = [act for act, outcome in zip(acts, told[0], strict=True) if outcome is not None]
            batches = [possible[start : start + size] for start in range(0, len(possible), size)]
            told.append([outcome for batch in batches for outcome in carry_out(books.ledger, batch)])
        with books.database.connection() as connection:
            found = [accounts.get(connection, each, books.now) for each in (payer, payee)]
        stands.append([(each.balance, each.available, each.pending) for each in found])
    assert [each.refusal for each in told[0] if each] == [each.refusal for each in told[1] if each]
    assert stands[0] == stands[1]
    books.check()


def _alone(books: Books, act: Act) -> Outcome | None:
    """None of a void of what has ended, and of what was refused."""
    try:
        (outcome,) = carry_out(books.ledger, [act])
    except (HoldEnded, UnknownHold):
        return None
    return outcome


def _acts(books: Books, payer: UUID, payee: UUID, original: UUID, steps: list[Step]) -> list[Act]:
    """Captures and voids are of holds before them."""
    acts: list[Act] = []
    holds: list[Hold] = []
    for what, amount, which in steps:
        if what == "place":
            holds.append(hold_of(books, payer, payee, amount))
            acts.append(holds[-1])
        elif what == "refund":
            acts.append(Refund(original, new_id(), amount if which else None, "returned"))
        elif holds:
            hold = holds[which % len(holds)]
            acts.append(
                Void(hold.id)
                if what == "void"
                else Capture(hold.id, new_id(), amount if which else None, what == "capture")
            )
    return acts


@pytest.mark.parametrize(
    "events",
    [
        [(1, "captured", 30), (2, "captured", 30)],
        [(1, "captured", 30), (2, "released", 10)],
        [(1, "voided", 20), (2, "captured", 30)],
        [(1, "captured", 20), (2, "expired", 30)],
    ],
)
def test_the_database_holds_the_events_of_one_statement_together(
    books: Books, events: list[tuple[int, str, int]]
) -> None:
    payer, payee = books.funded(100), books.account()
    hold = hold_of(books, payer, payee, 50)
    assert carry_out(books.ledger, [hold])[0].posted
    before = books.dump()
    numbers, kinds, amounts = (list(column) for column in zip(*events, strict=True))
    transfers = [new_id() if kind == "captured" else None for kind in kinds]
    with (
        pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="cannot be captured or ended"),
        books.database.connection() as connection,
    ):
        connection.execute(
            "INSERT INTO ledger.hold_event (hold_id, number, kind, amount, transfer_id, at)"
            " SELECT %s, n, k, a, t, %s"
            " FROM unnest(%s::int[], %s::text[], %s::bigint[], %s::uuid[]) AS e (n, k, a, t)",
            (hold.id, books.now, numbers, kinds, amounts, transfers),
        )
    assert books.dump() == before


@pytest.mark.parametrize("amounts", [(60, 41), (60, 40)])
def test_the_database_holds_no_more_in_one_statement_than_is_available(
    books: Books, amounts: tuple[int, int]
) -> None:
    payer, payee = books.funded(100), books.account()
    insert = (
        "INSERT INTO ledger.hold"
        " (id, debit_account, credit_account, amount, currency, operation, placed_at, expires_at)"
        " SELECT i, %s, %s, a, 'EUR', 'p2p', %s, %s FROM unnest(%s::uuid[], %s::bigint[]) AS h (i, a)"
    )
    told = (payer, payee, books.now, books.now + HOUR, [new_id(), new_id()], list(amounts))
    if sum(amounts) > 100:
        with pytest.raises(psycopg.errors.CheckViolation), books.database.connection() as connection:
            connection.execute(insert, told)
    else:
        with books.database.connection() as connection:
            connection.execute(insert, told)
        assert books.ledger.reading.account(payer).available == 0
