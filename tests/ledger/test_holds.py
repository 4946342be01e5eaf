"""Holds: reserved, captured in full or in part, voided, expired; never more than was held, never too late."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from books import NOON, Books, on_database, profile, rule
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import AccountKind, Operation, holds, reversals
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import IdempotencyConflict, InvalidInput, UnknownAccount
from emoney.ledger.base.ids import new_id
from emoney.ledger.holds import Hold, HoldEnded, UnknownHold
from emoney.ledger.limits.rules import Direction, Metric, Window
from emoney.ledger.outbox import Consumer

HOUR = timedelta(hours=1)


def hold_of(books: Books, payer: UUID, payee: UUID, amount: int, *, hours: int = 1) -> Hold:
    """A request that expires in some hours."""
    return Hold(new_id(), payer, payee, amount, "EUR", Operation.P2P, books.now + hours * HOUR)


def placed(books: Books, payer: UUID, payee: UUID, amount: int, *, hours: int = 1) -> UUID:
    """A hold that was accepted."""
    hold = hold_of(books, payer, payee, amount, hours=hours)
    assert holds.place(books.ledger, hold).posted
    return hold.id


def available(books: Books, account: UUID) -> int:
    """What an account may spend, minor units."""
    with books.database.connection() as connection:
        return accounts.get(connection, account, books.now).available


def state(books: Books, hold_id: UUID) -> tuple[int, int]:
    """What remains of a hold, and what was captured."""
    with books.database.connection() as connection:
        found = holds.find(connection, hold_id)
    return found.remaining, found.captured


def test_a_hold_lowers_what_the_payer_has_available_and_raises_nobodys(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    placed(books, payer, payee, 60)
    assert (books.balance(payer), available(books, payer)) == (100, 40)
    assert (books.balance(payee), available(books, payee)) == (0, 0)
    assert books.post(books.transfer(payer, payee, 41))[0].refusal is not None
    assert books.post(books.transfer(payee, payer, 1))[0].refusal is not None
    books.posted(books.transfer(payer, payee, 40))
    books.check()


def test_a_hold_beyond_what_is_available_is_refused_and_recorded(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    placed(books, payer, payee, 60)
    before = books.dump(without=("refusal", "claim"))
    refused = hold_of(books, payer, payee, 41)
    outcome = holds.place(books.ledger, refused)
    assert outcome.refusal is not None
    assert (outcome.refusal.rule, outcome.refusal.headroom) == ("funds", 40)
    assert books.dump(without=("refusal", "claim")) == before
    assert holds.place(books.ledger, refused).replayed
    books.check()


def test_a_full_capture_moves_the_money_once(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    hold, transfer = placed(books, payer, payee, 60), new_id()
    assert holds.capture(books.ledger, hold, transfer).posted
    again = holds.capture(books.ledger, hold, transfer)
    assert (again.posted, again.replayed) == (True, True)
    assert (books.balance(payer), available(books, payer), books.balance(payee)) == (40, 40, 60)
    assert state(books, hold) == (0, 60)
    books.check()


@pytest.mark.parametrize(("release", "left"), [(True, 0), (False, 35)])
def test_a_partial_capture_gives_back_the_rest_or_keeps_it(books: Books, release: bool, left: int) -> None:
    payer, payee = books.funded(100), books.account()
    hold = placed(books, payer, payee, 60)
    assert holds.capture(books.ledger, hold, new_id(), 25, release_rest=release).posted
    assert state(books, hold) == (left, 25)
    assert available(books, payer) == 75 - left
    books.check()


def test_captures_never_pass_the_hold(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    hold = placed(books, payer, payee, 60)
    assert holds.capture(books.ledger, hold, new_id(), 40, release_rest=False).posted
    over = holds.capture(books.ledger, hold, new_id(), 21, release_rest=False)
    assert over.refusal is not None
    assert (over.refusal.rule, over.refusal.headroom) == ("hold.remaining", 20)
    assert state(books, hold) == (20, 40)
    books.check()


def test_a_void_gives_everything_back_and_may_be_repeated(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    hold = placed(books, payer, payee, 60)
    holds.void(books.ledger, hold)
    before = books.dump()
    holds.void(books.ledger, hold)
    assert books.dump() == before
    assert available(books, payer) == 100
    late = holds.capture(books.ledger, hold, new_id(), 1)
    assert late.refusal is not None
    assert late.refusal.rule == "hold.remaining"
    books.check()


def test_a_captured_hold_cannot_be_voided(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    hold = placed(books, payer, payee, 60)
    holds.capture(books.ledger, hold, new_id())
    with pytest.raises(HoldEnded):
        holds.void(books.ledger, hold)


def test_after_the_deadline_nothing_is_captured_even_if_no_job_ran(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    hold = placed(books, payer, payee, 60)
    books.now += HOUR
    late = holds.capture(books.ledger, hold, new_id())
    assert late.refusal is not None
    assert late.refusal.rule == "hold.expired"
    assert books.balance(payee) == 0


def test_the_expiry_job_gives_back_what_is_due_and_only_that(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    due, later = placed(books, payer, payee, 30), placed(books, payer, payee, 20, hours=2)
    books.now += HOUR
    assert holds.expire_due(books.ledger) == 1
    assert holds.expire_due(books.ledger) == 0
    assert (state(books, due)[0], state(books, later)[0]) == (0, 20)
    assert available(books, payer) == 80
    books.check()


def test_a_capture_that_a_limit_refuses_leaves_the_hold(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    hold = placed(books, payer, payee, 60)
    books.set_profile(payee, profile(rule(Metric.BALANCE, 50, None)))
    refused = holds.capture(books.ledger, hold, new_id())
    assert refused.refusal is not None
    assert refused.refusal.limit == 50
    assert state(books, hold) == (60, 0)
    assert available(books, payer) == 40
    assert holds.capture(books.ledger, hold, new_id(), 50).posted
    assert holds.place(books.ledger, hold_of(books, payer, payee, 1)).refusal is not None
    books.check()


@pytest.mark.parametrize("direction", Direction)
def test_a_hold_is_counted_when_it_is_placed_and_not_again(books: Books, direction: Direction) -> None:
    limited = profile(
        rule(Metric.FLOW, 100, direction, Window.DAY), rule(Metric.COUNT, 2, direction, Window.DAY)
    )
    payer, payee = books.funded(1000), books.account()
    books.set_profile(payer if direction is Direction.OUT else payee, limited)
    hold = placed(books, payer, payee, 60)
    over = books.post(books.transfer(payer, payee, 41))[0].refusal
    assert over is not None
    assert (over.used, over.headroom) == (60, 40)
    assert holds.capture(books.ledger, hold, new_id()).posted
    over = books.post(books.transfer(payer, payee, 41))[0].refusal
    assert over is not None
    assert (over.used, over.headroom) == (60, 40)
    books.posted(books.transfer(payer, payee, 40))
    books.check()


@pytest.mark.parametrize("end", ["void", "expire", "capture in part"])
def test_what_a_hold_gives_back_limits_give_back_to_its_day(books: Books, end: str) -> None:
    limited = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.CALENDAR_MONTH))
    payer, payee = books.funded(1000, profile=limited), books.account()
    hold = placed(books, payer, payee, 60)
    books.now += timedelta(days=8)  # in the same month, past the deadline
    if end == "expire":
        assert holds.expire_due(books.ledger) == 1
    else:
        books.now -= timedelta(days=8)
        if end == "void":
            holds.void(books.ledger, hold)
        else:
            assert holds.capture(books.ledger, hold, new_id(), 25).posted
    left = 75 if end == "capture in part" else 100
    over = books.post(books.transfer(payer, payee, left + 1))[0].refusal
    assert over is not None
    assert over.headroom == left
    books.posted(books.transfer(payer, payee, left))
    books.check()


def test_a_refund_of_a_capture_is_given_back_to_the_day_of_its_hold(books: Books) -> None:
    limited = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.DAY))
    payer, payee = books.funded(1000, profile=limited), books.account()
    hold, captured = placed(books, payer, payee, 60, hours=20), new_id()
    first_day = books.now
    books.now += timedelta(hours=13)
    assert holds.capture(books.ledger, hold, captured).posted
    assert reversals.refund(books.ledger, captured, new_id(), reason="returned").posted
    books.posted(books.transfer(payer, payee, 100, at=first_day))
    books.posted(books.transfer(payer, payee, 100))
    books.check()


def test_bad_requests_are_typed_errors_that_leave_nothing(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    funds = books.account(AccountKind.SAFEGUARDING)
    hold = placed(books, payer, payee, 10)
    before = books.dump()
    wrong: list[tuple[type[Exception], Callable[[], object]]] = [
        (InvalidInput, lambda: holds.place(books.ledger, hold_of(books, payer, payee, 0))),
        (InvalidInput, lambda: holds.place(books.ledger, hold_of(books, payer, payer, 5))),
        (InvalidInput, lambda: holds.place(books.ledger, hold_of(books, payer, payee, 5, hours=0))),
        (InvalidInput, lambda: holds.place(books.ledger, hold_of(books, funds, payee, 5))),
        (UnknownAccount, lambda: holds.place(books.ledger, hold_of(books, payer, new_id(), 5))),
        (UnknownHold, lambda: holds.capture(books.ledger, new_id(), new_id())),
        (UnknownHold, lambda: holds.void(books.ledger, new_id())),
        (InvalidInput, lambda: holds.capture(books.ledger, hold, new_id(), 0)),
    ]
    for error, call in wrong:
        with pytest.raises(error):
            call()
    assert books.dump() == before


def test_an_id_used_with_other_content_is_a_conflict(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    first = hold_of(books, payer, payee, 10)
    assert holds.place(books.ledger, first).posted
    other = Hold(first.id, payer, payee, 11, "EUR", Operation.P2P, first.expires_at)
    with pytest.raises(IdempotencyConflict):
        holds.place(books.ledger, other)
    transfer = new_id()
    holds.capture(books.ledger, first.id, transfer, 5, release_rest=False)
    with pytest.raises(IdempotencyConflict):
        holds.capture(books.ledger, first.id, transfer, 4, release_rest=False)
    for taken in (first.id, transfer):  # even as what the capture posted
        with pytest.raises(IdempotencyConflict):
            books.post(replace(books.transfer(payer, payee, 5), id=taken))


def test_many_at_once_never_capture_more_than_was_held(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    hold = placed(books, payer, payee, 50)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(
            pool.map(
                lambda _: holds.capture(books.ledger, hold, new_id(), 7, release_rest=False).posted, range(16)
            )
        )
    assert sum(outcomes) == 7
    assert state(books, hold) == (1, 49)
    books.check()


def test_the_database_itself_holds_deadline_and_amount(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    hold = placed(books, payer, payee, 50)
    event = (
        "INSERT INTO ledger.hold_event (hold_id, number, kind, amount, transfer_id, at)"
        " VALUES (%s, 1, %s, %s, %s, %s)"
    )
    before = books.dump()
    for kind, amount, transfer, at in (
        ("captured", 51, new_id(), NOON),
        ("captured", 50, new_id(), NOON + HOUR),
        ("expired", 50, None, NOON),
        ("voided", 49, None, NOON),
    ):
        with (
            pytest.raises(psycopg.errors.IntegrityConstraintViolation),
            books.database.connection() as connection,
        ):
            connection.execute(event, (hold, kind, amount, transfer, at))
    for statement in (
        "UPDATE ledger.hold SET amount = 1",
        "DELETE FROM ledger.hold_event",
        "UPDATE ledger.open_hold SET remaining = 1",
        "UPDATE ledger.account SET debits_pending = 0",
    ):
        with pytest.raises(psycopg.Error), books.database.connection() as connection:
            connection.execute(statement)
    assert books.dump() == before


Step = tuple[str, int, int]


@on_database(15)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["place", "capture", "void", "pay", "wait"]),
            st.integers(1, 60),
            st.integers(0, 4),
        ),
        max_size=14,
    )
)
def test_whatever_happens_available_is_balance_less_what_is_held(
    shared_books: Books, steps: list[Step]
) -> None:
    books = shared_books
    payer, payee = books.funded(100), books.account()
    open_: list[UUID] = []
    for what, amount, which in steps:
        chosen = open_[which % len(open_)] if open_ else None
        if what == "place":
            hold = hold_of(books, payer, payee, amount)
            if holds.place(books.ledger, hold).posted:
                open_.append(hold.id)
        elif what == "capture" and chosen:
            holds.capture(books.ledger, chosen, new_id(), amount, release_rest=which % 2 == 0)
        elif what == "void" and chosen and state(books, chosen)[0]:
            holds.void(books.ledger, chosen)
        elif what == "pay":
            books.post(books.transfer(payer, payee, amount))
        elif what == "wait":
            books.now += timedelta(minutes=20)
            holds.expire_due(books.ledger)
        held = sum(state(books, each)[0] for each in open_)
        assert available(books, payer) == books.balance(payer) - held >= 0
        assert books.balance(payer) + books.balance(payee) == 100


def test_what_becomes_of_a_hold_is_told_in_order_with_the_payers_transfers(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    consumer = Consumer(books.database, "test")
    while events := consumer.read(100):
        consumer.acknowledge(events[-1])
    released, voided, expired = (placed(books, payer, payee, amount) for amount in (30, 20, 10))
    assert holds.place(books.ledger, hold_of(books, payer, payee, 41)).refusal
    assert holds.capture(books.ledger, released, new_id(), 25).posted
    holds.void(books.ledger, voided)
    holds.void(books.ledger, voided)  # changes nothing
    books.now += 2 * HOUR
    assert holds.expire_due(books.ledger) == 1

    told = consumer.read(100)
    assert [(event.type, event.data.get("payload", {}).get("minor")) for event in told] == [
        ("hold.placed", 30),
        ("hold.placed", 20),
        ("hold.placed", 10),
        ("transfer.refused", None),
        ("transfer.posted", None),
        ("hold.released", 5),
        ("hold.voided", 20),
        ("hold.expired", 10),
    ]
    placed_event, expired_event = told[2], told[-1]
    assert placed_event.data == {
        "subject": str(payer),
        "payload": {
            "hold": str(expired),
            "minor": 10,
            "currency": "EUR",
            "operation": "p2p",
            "credit_account": str(payee),
            "expires_at": (NOON + HOUR).isoformat(),
        },
    }
    assert (expired_event.at, expired_event.data["payload"]["hold"]) == (NOON + 2 * HOUR, str(expired))
    books.check()
