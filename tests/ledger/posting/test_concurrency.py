"""Many threads on the same wallets. Nothing here depends on who is first."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from books import Books, profile, rule, until

from emoney.ledger import Operation, Outcome, Transfer, holds
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import InvalidInput, Unavailable
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.holds import Hold
from emoney.ledger.ledger import LOST_MAX
from emoney.ledger.limits.rules import Direction, Metric, Window

THREADS = 16


def together(work: Callable[[int], list[Outcome]]) -> list[Outcome]:
    """Run `work(0)`, `work(1)`, … all at once; every outcome, or the first error."""
    gate = threading.Barrier(THREADS)

    def run(number: int) -> list[Outcome]:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return [outcome for outcomes in pool.map(run, range(THREADS)) for outcome in outcomes]


def test_money_is_conserved_between_the_same_wallets(books: Books) -> None:
    wallets = [books.funded(1000) for _ in range(5)]

    def work(number: int) -> list[Outcome]:
        chance = random.Random(number)
        outcomes = []
        for _ in range(8):
            batch = []
            for _ in range(chance.randint(1, 12)):
                payer, payee = chance.sample(wallets, 2)
                batch.append(books.transfer(payer, payee, chance.randint(1, 700)))
            outcomes += books.post(*batch)
        return outcomes

    outcomes = together(work)
    assert {outcome.posted for outcome in outcomes} == {True, False}
    assert sum(books.balance(wallet) for wallet in wallets) == 5000
    books.check()


@pytest.mark.parametrize("batch", [1, 7])
def test_pairs_in_opposite_directions_do_not_lock_each_other_out(books: Books, batch: int) -> None:
    one, other = books.funded(10_000), books.funded(10_000)

    def work(number: int) -> list[Outcome]:
        sides = (one, other) if number % 2 else (other, one)
        return [
            outcome
            for _ in range(10)
            for outcome in books.post(*(books.transfer(*sides, 1) for _ in range(batch)))
        ]

    assert all(outcome.posted for outcome in together(work))
    assert books.balance(one) == 10_000
    books.check()


def test_a_wallet_is_not_spent_twice(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    outcomes = together(lambda _: [books.post(books.transfer(payer, payee, 7))[0] for _ in range(3)])
    assert sum(outcome.posted for outcome in outcomes) == 100 // 7
    assert books.balance(payer) == 100 % 7
    books.check()


@pytest.mark.parametrize("direction", Direction)
def test_no_limit_is_passed_by_a_minor_unit(books: Books, direction: Direction) -> None:
    limited = profile(
        rule(Metric.FLOW, 100, direction, Window.DAY), rule(Metric.COUNT, 30, direction, Window.DAY)
    )
    wallet = books.funded(10_000, profile=limited)
    others = [books.funded(10_000) for _ in range(THREADS)]

    def work(number: int) -> list[Outcome]:
        sides = (wallet, others[number]) if direction is Direction.OUT else (others[number], wallet)
        return [books.post(books.transfer(*sides, amount))[0] for amount in (9, 1, 5, 3)]

    assert not all(outcome.posted for outcome in together(work))
    with books.database.connection() as connection:
        used = connection.execute(
            "SELECT sum(moved) FILTER (WHERE measure = 'amount')::bigint,"
            " sum(moved) FILTER (WHERE measure = 'number')::bigint"
            " FROM ledger.usage_moved WHERE account_id = %s",
            (wallet,),
        ).fetchone()
    assert used is not None
    assert 92 <= used[0] <= 100  # whatever was left over is less than the largest amount tried
    assert used[1] <= 30
    moved = 10_000 - books.balance(wallet)
    assert abs(moved) == used[0]
    books.check()


def test_one_id_from_many_threads_posts_once(books: Books) -> None:
    payer, payee = books.funded(1000), books.account()
    same = [books.transfer(payer, payee, 10) for _ in range(5)]
    outcomes = together(lambda number: books.post(*random.Random(number).sample(same, 5)))
    assert all(outcome.posted for outcome in outcomes)
    assert sum(not outcome.replayed for outcome in outcomes) == 5
    assert books.balance(payee) == 50
    books.check()


def test_one_id_with_different_content_posts_once(books: Books) -> None:
    payer, payee, the_id = books.funded(1000), books.account(), new_id()
    conflicts: list[InvalidInput] = []

    def work(number: int) -> list[Outcome]:
        try:
            return books.post(Transfer(the_id, payer, payee, number + 1, "EUR", Operation.P2P))
        except InvalidInput as error:
            conflicts.append(error)
            return []

    (won,) = together(work)
    assert (won.posted, len(conflicts)) == (True, THREADS - 1)
    books.check()


def test_groups_stand_or_fall_together_among_many(books: Books) -> None:
    hub = books.funded(50)
    wallets: list[UUID] = [books.account() for _ in range(4)]

    def work(number: int) -> list[Outcome]:
        outcomes = []
        for _ in range(4):
            group = new_id()
            chosen = random.Random(number).sample(wallets, 3)
            outcomes += books.post(*(books.transfer(hub, wallet, 1, group=group) for wallet in chosen))
        return outcomes

    outcomes = together(work)
    assert sum(outcome.posted for outcome in outcomes) == 48  # sixteen groups of three fit, two units stay
    assert books.balance(hub) == 2
    books.check()


Ask = Callable[[Books, UUID, UUID], bool]


def transferred(books: Books, payer: UUID, payee: UUID) -> bool:
    return books.post(books.transfer(payer, payee, 10))[0].posted


def batched(books: Books, payer: UUID, payee: UUID) -> bool:
    batch = [books.transfer(payer, payee, 1) for _ in range(10)]
    return all(outcome.posted for outcome in books.ledger.run(lambda c: books.ledger.post_in(c, batch)))


def reserved(books: Books, payer: UUID, payee: UUID) -> bool:
    hold = Hold(new_id(), payer, payee, 10, "EUR", Operation.P2P, books.now + timedelta(hours=1))
    return holds.place(books.ledger, hold).posted


@pytest.mark.parametrize("ask", [transferred, batched, reserved])
def test_a_deadlock_that_another_program_makes_does_not_reach_the_caller(books: Books, ask: Ask) -> None:
    payer, payee = books.funded(100), books.account()
    first, last = sorted((payer, payee))
    with ThreadPoolExecutor(1) as pool:
        with books.locked(last) as other:
            asked = pool.submit(ask, books, payer, payee)
            until(lambda: books.waiting_for_locks() == 1)
            other.execute("SET deadlock_timeout = '1min'")  # so that PostgreSQL ends the caller's
            other.execute("SELECT FROM ledger.account WHERE id = %s FOR UPDATE", (first,))
        assert asked.result(30)
    books.check()


@pytest.mark.parametrize("ask", [transferred, batched, reserved])
def test_a_connection_that_is_lost_before_the_commit_is_replaced(books: Books, ask: Ask) -> None:
    payer, payee = books.funded(100), books.account()
    with ThreadPoolExecutor(1) as pool:
        with books.locked(payer):
            asked = pool.submit(ask, books, payer, payee)
            until(lambda: books.waiting_for_locks() == 1)
            books.terminate("wait_event_type = 'Lock'")
        assert asked.result(30)
    with books.database.connection() as connection:
        assert accounts.get(connection, payer, books.now).available == 90
    books.check()


def test_a_connection_that_is_lost_again_and_again_is_told(books: Books) -> None:
    times: list[int] = []

    def work(connection: Connection) -> None:
        times.append(connection.info.backend_pid)
        books.terminate(f"pid = {connection.info.backend_pid}")
        connection.execute("SELECT")

    with pytest.raises(Unavailable):
        books.ledger.run(work)
    assert len(set(times)) == len(times) == 1 + LOST_MAX


@pytest.mark.parametrize("at_commit", [False, True])
@pytest.mark.parametrize("clock", ["idle_in_transaction_session_timeout", "transaction_timeout"])
def test_a_transaction_that_the_server_ends_by_its_clock_is_done_again(
    books: Books, clock: str, at_commit: bool
) -> None:
    times: list[int] = []

    def there(pid: int) -> bool:
        with books.database.connection() as other:
            return other.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone() is not None

    def work(connection: Connection) -> None:
        times.append(connection.info.backend_pid)
        if len(times) == 1:
            connection.execute(f"SET LOCAL {clock} = '10ms'")
            until(lambda: not there(times[0]))
        if not at_commit:
            connection.execute("SELECT")

    books.ledger.run(work)
    assert len(set(times)) == 2


@pytest.mark.parametrize("claims", [False, True])
def test_a_connection_lost_in_the_commit_is_replaced_only_where_ids_tell(books: Books, claims: bool) -> None:
    times: list[int] = []

    def work(connection: Connection) -> None:
        times.append(connection.info.backend_pid)
        connection.execute("SELECT")
        if len(times) == 1:
            books.terminate(f"pid = {connection.info.backend_pid}")

    if claims:
        books.ledger.run(work, claims=True)
        assert len(times) == 2
    else:
        with pytest.raises(Unavailable):
            books.ledger.run(work)
        assert len(times) == 1
