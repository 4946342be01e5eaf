"""Disputes: held, upheld in full or in part, rejected, expired; with refunds never more than the original."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from books import NOON, Books, on_database, profile, rule
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import AccountKind, Operation, disputes, holds, reversals
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import IdempotencyConflict, InvalidInput, UnknownTransfer
from emoney.ledger.base.ids import new_id
from emoney.ledger.disputes import Dispute, DisputeEnded, DisputeState, UnknownDispute
from emoney.ledger.limits.rules import Direction, Metric, Window
from emoney.ledger.outbox import Consumer
from emoney.ledger.transfers.transfer import Outcome

DAY = timedelta(days=1)
BY = {"actor": "agent-7", "reason": "goods never arrived"}
HOLD = (
    "INSERT INTO ledger.hold (id, debit_account, credit_account, amount, currency, operation, placed_at,"
    " expires_at) VALUES (%s, %s, %s, 1, 'EUR', 'reversal', %s, %s)"
)
DISPUTE = (
    "INSERT INTO ledger.dispute (id, original_id, reason_code, actor, opened_at)"
    " VALUES (%s, %s, 'x', 'a', %s)"
)


def paid(books: Books, payer: UUID, payee: UUID, amount: int) -> UUID:
    """A payment that was posted."""
    transfer = books.transfer(payer, payee, amount, Operation.P2P)
    books.posted(transfer)
    return transfer.id


def dispute(
    books: Books, original: UUID, amount: int | None = None, *, dispute_id: UUID | None = None, **changed: Any
) -> Outcome:
    """Open a dispute for a day."""
    said = {"reason_code": "13.1", "expires_at": NOON + DAY, "actor": "agent-7"} | changed
    return disputes.open_dispute(books.ledger, original, dispute_id or new_id(), amount, **said)


def opened(books: Books, original: UUID, amount: int | None = None) -> UUID:
    """A dispute that was accepted."""
    outcome = dispute(books, original, amount)
    assert outcome.posted
    return outcome.transfer_id


def uphold(books: Books, dispute_id: UUID, amount: int | None = None) -> Outcome:
    """Uphold under a new id."""
    return disputes.uphold(books.ledger, dispute_id, new_id(), amount, **BY)


def refund(books: Books, original: UUID, amount: int | None = None) -> Outcome:
    """A refund under a new id."""
    return reversals.refund(books.ledger, original, new_id(), amount, reason="returned")


def found(books: Books, dispute_id: UUID) -> Dispute:
    """The dispute as it stands."""
    with books.database.connection() as connection:
        return disputes.find(connection, dispute_id, books.now)


def available(books: Books, account: UUID) -> int:
    """What an account may spend, minor units."""
    with books.database.connection() as connection:
        return accounts.get(connection, account, books.now).available


def test_a_dispute_holds_the_money_and_an_upheld_one_gives_it_back(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    original, dispute_id, back = paid(books, payer, payee, 60), new_id(), new_id()
    for replayed in (False, True):
        outcome = dispute(books, original, dispute_id=dispute_id)
        assert (outcome.posted, outcome.replayed) == (True, replayed)
    assert (books.balance(payee), available(books, payee), available(books, payer)) == (60, 0, 40)
    state = found(books, dispute_id)
    assert (state.state, state.original_id, state.amount, state.held, state.reason_code) == (
        DisputeState.OPEN,
        original,
        60,
        60,
        "13.1",
    )
    for replayed in (False, True):
        outcome = disputes.uphold(books.ledger, dispute_id, back, **BY)
        assert (outcome.posted, outcome.replayed) == (True, replayed)
    assert (books.balance(payer), books.balance(payee)) == (100, 0)
    state = found(books, dispute_id)
    assert (state.state, state.held, state.given_back, state.transfer_id, state.decided_by, state.reason) == (
        DisputeState.UPHELD,
        0,
        60,
        back,
        "agent-7",
        "goods never arrived",
    )
    left = refund(books, original).refusal
    assert left is not None
    assert (left.rule, left.headroom) == ("original.amount", 0)
    books.check()


def test_a_dispute_upheld_in_part_releases_the_rest(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    original = paid(books, payer, payee, 60)
    first = opened(books, original, 50)
    assert uphold(books, first, 20).posted
    assert (books.balance(payer), available(books, payee)) == (60, 40)
    assert found(books, first).given_back == 20
    over = uphold(books, first, 1).refusal
    assert over is not None
    assert over.rule == "hold.remaining"
    too_much = dispute(books, original, 41).refusal
    assert too_much is not None
    assert (too_much.rule, too_much.limit, too_much.used, too_much.headroom) == (
        "original.amount",
        60,
        20,
        40,
    )
    assert uphold(books, opened(books, original)).posted
    assert books.balance(payer) == 100
    books.check()


def test_open_disputes_together_hold_no_more_than_what_is_left(books: Books) -> None:
    payer, payee = books.funded(200), books.account()
    original = paid(books, payer, payee, 60)
    paid(books, payer, payee, 100)
    assert refund(books, original, 10).posted
    opened(books, original, 30)
    over = dispute(books, original, 21).refusal
    assert over is not None
    assert (over.rule, over.headroom) == ("original.amount", 20)
    second = opened(books, original)
    with books.database.connection() as connection:
        assert [each.amount for each in disputes.of_transfer(connection, original, books.now)] == [30, 20]
    disputes.reject(books.ledger, second, **BY)
    opened(books, original, 20)
    books.check()


def test_a_refund_while_disputed_leaves_less_to_uphold(books: Books) -> None:
    payer, payee = books.funded(200), books.account()
    original = paid(books, payer, payee, 60)
    paid(books, payer, payee, 100)
    open_one = opened(books, original)
    assert refund(books, original, 45).posted
    over = uphold(books, open_one, 16).refusal
    assert over is not None
    assert (over.rule, over.headroom) == ("original.amount", 15)
    assert uphold(books, open_one).posted
    assert found(books, open_one).given_back == 15
    assert (books.balance(payer), available(books, payee)) == (100, 100)
    books.check()


def test_a_dispute_that_was_refunded_in_full_can_only_be_rejected(books: Books) -> None:
    payer, payee = books.funded(200), books.funded(100)
    original = paid(books, payer, payee, 60)
    open_one = opened(books, original)
    assert refund(books, original).posted
    refused = uphold(books, open_one).refusal
    assert refused is not None
    assert (refused.rule, refused.headroom) == ("original.amount", 0)
    assert disputes.reject(books.ledger, open_one, **BY).state is DisputeState.REJECTED
    assert available(books, payee) == 100
    books.check()


def test_a_rejected_dispute_gives_the_money_free_and_stays_rejected(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    original = paid(books, payer, payee, 60)
    open_one = opened(books, original)
    rejected = disputes.reject(books.ledger, open_one, **BY)
    assert (rejected.state, rejected.held, rejected.given_back) == (DisputeState.REJECTED, 0, 0)
    before = books.dump()
    assert disputes.reject(books.ledger, open_one, actor="other", reason="again") == rejected
    assert books.dump() == before
    assert available(books, payee) == 60
    refused = uphold(books, open_one).refusal
    assert refused is not None
    assert refused.rule == "hold.remaining"
    books.check()


def test_a_dispute_expires_with_and_without_the_job(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    open_one = opened(books, paid(books, payer, payee, 60))
    books.now += DAY
    late = uphold(books, open_one).refusal
    assert late is not None
    assert late.rule == "hold.expired"
    assert holds.expire_due(books.ledger) == 1
    assert found(books, open_one).state is DisputeState.EXPIRED
    with pytest.raises(DisputeEnded, match="expired"):
        disputes.reject(books.ledger, open_one, **BY)
    assert available(books, payee) == 60
    books.check()


def test_limits_get_back_what_they_counted_once_it_is_upheld(books: Books) -> None:
    a_day = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.DAY))
    payer, payee = books.funded(1000, profile=a_day), books.account()
    books.set_profile(payee, profile(rule(Metric.SINGLE, 1)))  # its own limits stop no dispute
    open_one = opened(books, paid(books, payer, payee, 100))
    assert books.post(books.transfer(payer, payee, 1))[0].refusal is not None
    assert uphold(books, open_one, 30).posted
    over = books.post(books.transfer(payer, payee, 31))[0].refusal
    assert over is not None
    assert over.headroom == 30
    books.check()


def test_what_is_spent_cannot_be_held(books: Books) -> None:
    payer, payee, other = books.funded(100), books.account(), books.account()
    original = paid(books, payer, payee, 60)
    books.posted(books.transfer(payee, other, 50))
    refused = dispute(books, original).refusal
    assert refused is not None
    assert (refused.rule, refused.headroom) == ("funds", 10)
    assert uphold(books, opened(books, original, 10)).posted
    books.check()


def test_a_disputes_hold_is_not_captured_or_voided_past_its_record(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    open_one = opened(books, paid(books, payer, payee, 60))
    before = books.dump()
    with pytest.raises(InvalidInput, match="dispute"):
        holds.capture(books.ledger, open_one, new_id())
    with pytest.raises(InvalidInput, match="dispute"):
        holds.void(books.ledger, open_one)
    event = (
        "INSERT INTO ledger.hold_event (hold_id, number, kind, amount, transfer_id, at)"
        " VALUES (%s, 1, %s, 60, %s, %s)"
    )
    for kind, transfer in (("voided", None), ("captured", new_id())):
        with pytest.raises(psycopg.errors.IntegrityError), books.database.connection() as connection:
            connection.execute(event, (open_one, kind, transfer, NOON))
    with pytest.raises(psycopg.errors.IntegrityError), books.database.connection() as connection:
        connection.execute(HOLD, (new_id(), payer, payee, NOON, NOON + DAY))
    assert books.dump() == before


def test_the_database_itself_checks_disputes_and_outcomes(books: Books) -> None:
    payer, payee = books.funded(200), books.account()
    original, other = paid(books, payer, payee, 60), paid(books, payer, payee, 30)
    open_one, rejected = opened(books, original), opened(books, other)
    disputes.reject(books.ledger, rejected, **BY)
    plain = holds.Hold(new_id(), payee, payer, 5, "EUR", Operation.P2P, NOON + DAY)
    assert holds.place(books.ledger, plain).posted
    before = books.dump()
    for hold, disputed in ((plain.id, original), (plain.id, new_id())):
        with pytest.raises(psycopg.errors.IntegrityError), books.database.connection() as connection:
            connection.execute(DISPUTE, (hold, disputed, NOON))
    for values in (
        (open_one, "rejected", 0, None),
        (open_one, "upheld", 60, new_id()),
        (rejected, "upheld", 30, other),
        (new_id(), "rejected", 0, None),
    ):
        with pytest.raises(psycopg.errors.IntegrityError), books.database.connection() as connection:
            connection.execute(
                "INSERT INTO ledger.dispute_outcome"
                " (dispute_id, kind, amount, transfer_id, actor, reason, at)"
                " VALUES (%s, %s, %s, %s, 'a', 'r', now())",
                values,
            )
    # a hold beyond what is left of the original, with a dispute to it
    forged = new_id()
    with books.database.connection() as connection, connection.transaction(force_rollback=True):
        connection.execute(HOLD, (forged, payee, payer, NOON, NOON + DAY))
        with pytest.raises(psycopg.errors.IntegrityError), connection.transaction():
            connection.execute(DISPUTE, (forged, original, NOON))
    assert books.dump() == before


@pytest.mark.parametrize("table", ["dispute", "dispute_outcome"])
@pytest.mark.parametrize("verb", ["DELETE FROM {}", "UPDATE {} SET actor = 'x'", "TRUNCATE {} CASCADE"])
def test_a_dispute_is_on_record_for_good(books: Books, table: str, verb: str) -> None:
    payer, payee = books.funded(100), books.account()
    disputes.reject(books.ledger, opened(books, paid(books, payer, payee, 60)), **BY)
    with (
        pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState),
        psycopg.connect(books.owner_url) as connection,
    ):
        connection.execute(verb.format(f"ledger.{table}"))


def test_bad_requests_are_typed_errors_that_leave_nothing(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    original = paid(books, payer, payee, 60)
    open_one, back, other = opened(books, original, 20), new_id(), paid(books, payer, payee, 5)
    reversals.reverse(books.ledger, other, back, reason="error")
    funds = books.account(AccountKind.SAFEGUARDING)
    load = books.transfer(funds, payer, 5, Operation.LOAD, reference="r")
    books.posted(load)
    before = books.dump()
    wrong: list[tuple[type[Exception], Callable[[], object]]] = [
        (UnknownTransfer, lambda: dispute(books, new_id())),
        (InvalidInput, lambda: dispute(books, back)),
        (InvalidInput, lambda: dispute(books, load.id)),
        (InvalidInput, lambda: dispute(books, original, 0)),
        (InvalidInput, lambda: dispute(books, original, True)),
        (InvalidInput, lambda: dispute(books, original, reason_code="")),
        (InvalidInput, lambda: dispute(books, original, reason_code="a b")),
        (InvalidInput, lambda: dispute(books, original, reason_code="x" * 33)),
        (InvalidInput, lambda: dispute(books, original, actor="a\nb")),
        (InvalidInput, lambda: dispute(books, original, expires_at=NOON)),
        (InvalidInput, lambda: dispute(books, original, expires_at=datetime(2027, 1, 1))),  # noqa: DTZ001
        (IdempotencyConflict, lambda: dispute(books, original, 19, dispute_id=open_one)),
        (UnknownDispute, lambda: uphold(books, new_id())),
        (UnknownDispute, lambda: disputes.reject(books.ledger, new_id(), **BY)),
        (InvalidInput, lambda: uphold(books, open_one, -1)),
        (InvalidInput, lambda: disputes.reject(books.ledger, open_one, actor="a", reason="")),
    ]
    for error, call in wrong:
        with pytest.raises(error):
            call()
    assert books.dump() == before


def test_its_steps_are_events_of_the_receiver(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    first = opened(books, paid(books, payer, payee, 60), 20)
    second = opened(books, paid(books, payer, payee, 30))
    assert uphold(books, first).posted
    disputes.reject(books.ledger, second, **BY)
    told = [e for e in Consumer(books.database, "test").read() if e.type.startswith("dispute.")]
    assert [(e.type, e.data["subject"], e.data["payload"]["minor"]) for e in told] == [
        ("dispute.opened", str(payee), 20),
        ("dispute.opened", str(payee), 30),
        ("dispute.upheld", str(payee), 20),
        ("dispute.rejected", str(payee), 0),
    ]


def test_refunds_and_disputes_at_once_never_give_back_more_than_the_original(books: Books) -> None:
    payer, payee = books.funded(200), books.account()
    original = paid(books, payer, payee, 50)
    paid(books, payer, payee, 150)

    def give_back(number: int) -> int:
        if number % 2:
            return 7 * refund(books, original, 7).posted
        outcome = dispute(books, original, 7)
        if not outcome.posted or not uphold(books, outcome.transfer_id).posted:
            return 0
        return found(books, outcome.transfer_id).given_back

    with ThreadPoolExecutor(8) as pool:
        back = sum(pool.map(give_back, range(20)))
    assert back == books.balance(payer)
    assert back <= 50
    with books.database.connection() as connection:
        held = sum(each.held for each in disputes.of_transfer(connection, original, books.now))
    assert available(books, payee) == 200 - back - held
    books.check()


STEPS = st.lists(
    st.tuples(st.sampled_from(["dispute", "uphold", "reject", "refund"]), st.integers(1, 60)), max_size=10
)


@on_database(25)
@given(st.integers(1, 100), STEPS)
def test_any_disputes_and_refunds_give_back_no_more_than_the_original(
    shared_books: Books, amount: int, steps: list[tuple[str, int]]
) -> None:
    books = shared_books
    books.now = NOON
    payer, payee = books.funded(100), books.funded(1000)
    original, back = paid(books, payer, payee, amount), 0
    open_ones: dict[UUID, int] = {}
    for what, number in steps:
        left = amount - back
        if what == "dispute":
            outcome = dispute(books, original, number)
            assert outcome.posted is (number <= left - sum(open_ones.values()))
            if outcome.posted:
                open_ones[outcome.transfer_id] = number
        elif what == "refund":
            assert refund(books, original, number).posted is (number <= left)
            back += number if number <= left else 0
        elif open_ones:
            chosen = sorted(open_ones)[number % len(open_ones)]
            if what == "reject":
                disputes.reject(books.ledger, chosen, **BY)
                del open_ones[chosen]
            else:
                part = min(number, open_ones[chosen])
                assert uphold(books, chosen, part).posted is (part <= left)
                if part <= left:
                    back += part
                    del open_ones[chosen]
    assert books.balance(payer) == 100 - amount + back
    assert available(books, payee) == 1000 + amount - back - sum(open_ones.values())
