"""Expired holds: from the deadline on they bind neither funds nor limits, though no job has run."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from books import Books, on_database, profile, rule
from hypothesis import given
from hypothesis import strategies as st

from emoney.kyc.limits.refusals import headroom_of
from emoney.ledger import GroupCommit, Operation, account_changes, disputes, holds, reversals
from emoney.ledger.account_changes import AccountNotEmpty
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.disputes import DisputeEnded, DisputeState
from emoney.ledger.holds import Hold, HoldEnded
from emoney.ledger.limits.rules import Direction, Metric, Scope, Window
from emoney.ledger.posting import expiry
from emoney.ledger.transfers.transfer import Outcome

HOUR = timedelta(hours=1)
A_DAY = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.DAY), rule(Metric.COUNT, 1, window=Window.DAY))


def placed(books: Books, payer: UUID, payee: UUID, amount: int, *, minutes: int = 60) -> UUID:
    """A hold that was accepted."""
    until = books.now + timedelta(minutes=minutes)
    hold = Hold(new_id(), payer, payee, amount, "EUR", Operation.P2P, until)
    assert holds.place(books.ledger, hold).posted
    return hold.id


def expired(books: Books) -> list[str]:
    """The holds that events told to have expired."""
    with books.database.connection() as connection:
        found = connection.execute("SELECT payload->>'hold' FROM ledger.event WHERE kind = 'hold.expired'")
        told = sorted(row[0] for row in found)
        ended = connection.execute("SELECT hold_id::text FROM ledger.hold_event WHERE kind = 'expired'")
        assert told == sorted(row[0] for row in ended)
    return told


def by_post(books: Books, payer: UUID, payee: UUID, amount: int) -> Outcome:
    """A batch of one, without locks at first."""
    return books.post(books.transfer(payer, payee, amount))[0]


def by_batch_under_locks(books: Books, payer: UUID, payee: UUID, amount: int) -> Outcome:
    """In a transaction of the caller's, in which something stands already."""
    with books.database.connection() as connection:
        connection.execute("SELECT 1")
        return books.ledger.post_in(connection, [books.transfer(payer, payee, amount)])[0]


def by_batches_in_a_row(books: Books, payer: UUID, payee: UUID, amount: int) -> Outcome:
    """As the second of two batches, the first of which was not written when it was decided."""
    batches = [[books.transfer(books.funded(1), books.account(), 1)], [books.transfer(payer, payee, amount)]]
    return list(books.ledger.post_all(batches))[1][0]


def by_group_commit(books: Books, payer: UUID, payee: UUID, amount: int) -> Outcome:
    """With others."""
    with GroupCommit(books.ledger) as commits:
        return commits.post(books.transfer(payer, payee, amount))


def by_hold(books: Books, payer: UUID, payee: UUID, amount: int) -> Outcome:
    """Another hold."""
    until = books.now + HOUR
    return holds.place(books.ledger, Hold(new_id(), payer, payee, amount, "EUR", Operation.P2P, until))


WAYS = (by_post, by_batch_under_locks, by_batches_in_a_row, by_group_commit, by_hold)
Way = Callable[[Books, UUID, UUID, int], Outcome]


@pytest.mark.parametrize("way", WAYS)
def test_what_an_expired_hold_held_can_be_spent_at_its_deadline(books: Books, way: Way) -> None:
    payer, payee, other = books.funded(100), books.account(), books.account()
    hold, runs = placed(books, payer, payee, 60), placed(books, payer, payee, 10, minutes=61)
    books.now += HOUR - timedelta(microseconds=1)
    refused = by_post(books, payer, other, 31).refusal
    assert refused is not None
    assert (refused.rule, refused.headroom) == ("funds", 30)
    assert expired(books) == []
    books.now += timedelta(microseconds=1)  # the deadline itself
    refused = way(books, payer, other, 91).refusal
    assert refused is not None
    assert (refused.rule, refused.headroom) == ("funds", 90)
    assert way(books, payer, other, 90).posted
    assert expired(books) == [str(hold)]
    assert holds.expire_due(books.ledger) == 0
    assert holds.capture(books.ledger, runs, new_id()).posted
    books.check()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("limited", Direction)
def test_what_an_expired_hold_counted_is_free_again(books: Books, way: Way, limited: Direction) -> None:
    payer, payee = books.funded(1000), books.account()
    limits = profile(rule(Metric.FLOW, 100, limited, Window.DAY), rule(Metric.COUNT, 1, limited, Window.DAY))
    books.set_profile(payer if limited is Direction.OUT else payee, limits)
    hold = placed(books, payer, payee, 60)
    assert by_post(books, payer, payee, 1).refusal is not None
    books.now += HOUR
    assert way(books, payer, payee, 100).posted
    assert expired(books) == [str(hold)]
    refused = way(books, payer, payee, 1).refusal
    assert refused is not None
    assert (refused.limit, refused.used) == (100, 100)
    books.check()


def test_what_a_siblings_expired_hold_counted_is_free_again(books: Books) -> None:
    limits = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.DAY, scope=Scope.PERSON))
    holder = new_id()
    one, two = (books.funded(500, profile=limits, holder=holder) for _ in range(2))
    shop = books.account()
    hold = placed(books, one, shop, 80)
    assert by_post(books, two, shop, 50).refusal is not None
    books.now += HOUR
    assert by_post(books, two, shop, 100).posted
    assert expired(books) == [str(hold)]
    books.check()


def test_a_refusal_that_no_hold_is_behind_ends_none(books: Books) -> None:
    payer, payee, other = books.funded(100), books.account(), books.funded(10)
    placed(books, payer, payee, 60)
    books.now += HOUR
    assert by_post(books, other, payee, 11).refusal is not None
    books.freeze(payer, debit=True, credit=False)
    assert by_post(books, payer, payee, 1).refusal is not None
    assert expired(books) == []
    assert holds.expire_due(books.ledger) == 1


def test_a_group_is_decided_again_whole(books: Books) -> None:
    payer, payee, group = books.funded(100), books.account(), new_id()
    placed(books, payer, payee, 60)
    books.now += HOUR
    made = [books.transfer(payer, payee, amount, group=group) for amount in (30, 50)]
    assert [each.posted for each in books.post(*made)] == [True, True]
    assert books.balance(payee) == 80
    books.check()


def test_a_refund_is_paid_out_of_what_an_expired_hold_held(books: Books) -> None:
    payer, shop, other = books.funded(100), books.account(), books.account()
    paid = books.transfer(payer, shop, 100)
    books.posted(paid)
    placed(books, shop, other, 70)
    assert reversals.refund(books.ledger, paid.id, new_id(), 50, reason="returned").refusal is not None
    books.now += HOUR
    assert reversals.refund(books.ledger, paid.id, new_id(), reason="returned").posted
    assert books.balance(payer) == 100
    books.check()


def test_a_dispute_is_over_at_its_deadline_and_another_can_be_opened(books: Books) -> None:
    payer, shop = books.funded(100), books.account()
    paid = books.transfer(payer, shop, 100)
    books.posted(paid)
    by = {"reason_code": "13.1", "actor": "agent-1"}
    one, two = new_id(), new_id()
    until = books.now + HOUR
    assert disputes.open_dispute(books.ledger, paid.id, one, 60, expires_at=until, **by).posted
    books.now += HOUR
    with books.database.connection() as connection:
        found = disputes.find(connection, one, books.now)
    assert (found.state, found.held) == (DisputeState.EXPIRED, 0)
    with pytest.raises(DisputeEnded):
        disputes.reject(books.ledger, one, actor="agent-1", reason="too late")
    assert disputes.open_dispute(books.ledger, paid.id, two, expires_at=books.now + HOUR, **by).posted
    with books.database.connection() as connection:
        assert disputes.find(connection, two, books.now).held == 100
    assert expired(books) == [str(one)]
    books.check()


def test_readers_show_what_is_free_now(books: Books) -> None:
    payer, payee = books.funded(100, profile=A_DAY), books.account()
    hold = placed(books, payer, payee, 60)
    reading = books.ledger.reading
    books.now += HOUR - timedelta(microseconds=1)
    account, held = reading.account(payer), reading.hold(hold)
    assert (account.available, account.pending, reading.account(payee).pending) == (40, 60, 60)
    assert (held.remaining, len(reading.holds(account=payer, open_only=True).items)) == (60, 1)
    assert left(books, payer) == [40, 0]
    books.now += timedelta(microseconds=1)
    account, held = reading.account(payer), reading.hold(hold)
    assert (account.available, account.pending, reading.account(payee).pending) == (100, 0, 0)
    assert reading.balances([payer])[payer].available == 100
    assert (held.remaining, len(reading.holds(account=payer, open_only=True).items)) == (0, 0)
    assert left(books, payer) == [100, 1]
    assert expired(books) == []  # to read writes nothing
    with pytest.raises(HoldEnded):
        holds.void(books.ledger, hold)


def left(books: Books, wallet: UUID) -> list[int]:
    """What the rules of a wallet still allow now, amounts in minor units."""
    with books.database.connection() as connection:
        found = headroom_of(connection, wallet, books.now).rules
    return [int(each.headroom * (1 if each.metric is Metric.COUNT else 100)) for each in found]


def test_an_account_closes_though_expired_holds_were_not_ended(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    placed(books, payer, payee, 60)
    with pytest.raises(AccountNotEmpty):
        books.close(payee)
    books.now += HOUR
    account_changes.set_bounds(
        books.ledger, payer, floor=100, ceiling=None, actor="ops-1", reason="keeps a reserve"
    )
    books.close(payee)
    books.check()


def test_many_posters_and_the_job_end_each_hold_once(books: Books) -> None:
    """Both ways between the same accounts, so that the order of locks is asked for."""
    wallets = [books.funded(100) for _ in range(4)]
    for payer in wallets:
        for payee in wallets:
            if payer != payee:
                placed(books, payer, payee, 30)
    books.now += HOUR

    def spend(number: int) -> bool:
        payer, payee = wallets[number % 4], wallets[(number + 1 + number // 4 % 3) % 4]
        if number % 5 == 0:
            holds.expire_due(books.ledger)
        return (by_post, by_hold, by_batch_under_locks)[number % 3](books, payer, payee, 20).posted

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(spend, range(32)))
    holds.expire_due(books.ledger)
    assert len(expired(books)) == 12
    assert sum(books.balance(each) for each in wallets) == 400
    books.check()


Step = tuple[str, int, int]


@on_database(20)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["place", "capture", "pay", "pay", "wait", "job"]),
            st.integers(1, 60),
            st.integers(0, 3),
        ),
        max_size=14,
    )
)
def test_the_job_makes_no_difference(shared_books: Books, steps: list[Step]) -> None:
    """Two pairs of accounts, one with the job and one without, fare the same."""
    books = shared_books
    limits = profile(rule(Metric.FLOW, 150, Direction.OUT, Window.DAY), name="both")
    pairs = [(books.funded(100, profile=limits), books.account()) for _ in range(2)]
    made: list[list[UUID]] = [[], []]
    for what, amount, which in steps:
        if what == "wait":
            books.now += timedelta(minutes=20)
            with books.database.connection() as connection:
                expiry.end(connection, pairs[0], books.now)
        told = []
        for number, (payer, payee) in enumerate(pairs):
            if what == "place":
                until = books.now + timedelta(minutes=15 * (which + 1))
                hold = Hold(new_id(), payer, payee, amount, "EUR", Operation.P2P, until)
                outcome = holds.place(books.ledger, hold)
                if outcome.posted:
                    made[number].append(hold.id)
            elif what == "capture" and made[number]:
                chosen = made[number][which % len(made[number])]
                outcome = holds.capture(books.ledger, chosen, new_id(), amount, release_rest=which == 0)
            elif what == "pay":
                outcome = by_post(books, payer, payee, amount)
            else:
                continue
            told.append(outcome.refusal)
        if told:
            assert told[0] == told[1]
        with books.database.connection() as connection:
            one, two = (accounts.get(connection, payer, books.now) for payer, _ in pairs)
        assert (one.balance, one.available) == (two.balance, two.available)
        assert left(books, pairs[0][0]) == left(books, pairs[1][0])
    books.check()
