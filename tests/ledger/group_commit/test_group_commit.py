"""Many callers share batches, and none of them notices the others.

Where a test needs a batch of known callers, a lock in the database holds the writer up (`held`) while they
queue.
"""

import asyncio
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from books import PATIENCE_S, Books, profile, rule, until
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from emoney.ledger import AccountKind, Ledger, Operation, Outcome, Transfer
from emoney.ledger.acts import Capture, Hold, OpenDispute, Refund, Reject, Uphold, Void
from emoney.ledger.base.errors import (
    AccountClosed,
    BatchTooLarge,
    ConfigurationError,
    CurrencyMismatch,
    IdempotencyConflict,
    IntegrityViolation,
    InvalidAmount,
    InvalidInput,
    SplitGroup,
    Unavailable,
    UnknownAccount,
    UnknownHold,
    WrongAccount,
)
from emoney.ledger.base.ids import new_id
from emoney.ledger.disputes import UnknownDispute
from emoney.ledger.group_commit import commit as group_commit
from emoney.ledger.group_commit import writer as group_writer
from emoney.ledger.group_commit.commit import Closed, GroupCommit, Overloaded
from emoney.ledger.limits.rules import Direction, Metric, Scope, Window

HOUR = timedelta(hours=1)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for callers."""
    with ThreadPoolExecutor(64) as threads:
        yield threads


@contextmanager
def held(books: Books, commits: GroupCommit, pool: ThreadPoolExecutor) -> Iterator[Future[Outcome]]:
    """The writer is in the middle of a batch of one, whose outcome this is; it goes on at the end."""
    payer, payee = books.funded(1), books.account()
    with books.locked(payer):
        plug = pool.submit(commits.post, books.transfer(payer, payee, 1))
        until(lambda: books.waiting_for_locks() == 1)
        yield plug


def queue(commits: GroupCommit, pool: ThreadPoolExecutor, *transfers: Transfer) -> list[Future[Outcome]]:
    """A caller each, queued in this order."""
    futures = []
    for transfer in transfers:
        before = commits.waiting
        futures.append(pool.submit(commits.post, transfer))
        until(lambda before=before: commits.waiting == before + 1)  # type: ignore[misc]
    return futures


def batches(books: Books, *accounts: UUID) -> list[list[UUID]]:
    """The transfers to these accounts, by the transaction that posted them, in order of their versions."""
    found: dict[int, list[UUID]] = {}
    with psycopg.connect(books.owner_url) as connection:
        for transfer_id, xact in connection.execute(
            "SELECT id, xact FROM ledger.transfer WHERE credit_account = ANY(%s) ORDER BY credit_version",
            (list(accounts),),
        ):
            found.setdefault(xact, []).append(transfer_id)
    return list(found.values())


# -- acts -----------------------------------------------------------------------------------------------


def test_acts_and_transfers_of_many_callers_share_batches(books: Books, pool: ThreadPoolExecutor) -> None:
    limits = profile(rule(Metric.FLOW, 1_000, Direction.OUT, Window.DAY))
    wallets = [books.funded(200, profile=limits) for _ in range(4)]
    shop = books.account()
    start = threading.Barrier(16)

    def caller(number: int) -> list[Outcome]:
        start.wait()
        payer, outcomes = wallets[number % 4], []
        for turn in range(4):
            hold = Hold(new_id(), payer, shop, 10, "EUR", Operation.P2P, books.now + HOUR)
            captured, paid = new_id(), books.transfer(payer, shop, 3)
            outcomes += [commits.carry_out(hold), commits.carry_out(paid)]
            dispute = OpenDispute(
                paid.id, new_id(), 2, reason_code="13.1", expires_at=books.now + HOUR, actor="agent-7"
            )
            outcomes.append(commits.carry_out(dispute))
            if turn % 2:
                outcomes.append(commits.carry_out(Void(hold.id)))
                outcomes.append(commits.carry_out(Reject(dispute.dispute_id, actor="agent-7", reason="no")))
            else:
                upheld = Uphold(dispute.dispute_id, new_id(), 1, actor="agent-7", reason="yes")
                outcomes.append(commits.carry_out(upheld))
                outcomes += [commits.carry_out(Capture(hold.id, captured, 4))]
                outcomes += [commits.carry_out(Refund(captured, new_id(), 1, "returned"))]
        return outcomes

    with GroupCommit(books.ledger) as commits:
        told = [outcome for some in pool.map(caller, range(16)) for outcome in some]
    assert all(outcome.posted and not outcome.replayed for outcome in told)
    assert books.balance(shop) == 16 * (4 * 3 + 2 * (4 - 1) - 2)
    with psycopg.connect(books.owner_url) as connection:
        row = connection.execute("SELECT count(DISTINCT xact), count(*) FROM ledger.hold").fetchone()
    assert row is not None
    assert row[0] < row[1] / 2
    books.check()


def test_an_act_that_cannot_be_done_reaches_its_own_caller_only(
    books: Books, pool: ThreadPoolExecutor
) -> None:
    payer, shop = books.funded(100), books.account()
    holds = [Hold(new_id(), payer, shop, 10, "EUR", Operation.P2P, books.now + HOUR) for _ in range(3)]
    gone = Hold(new_id(), payer, shop, 10, "EUR", Operation.P2P, books.now)
    unknown = Capture(new_id(), new_id())
    with GroupCommit(books.ledger) as commits:
        with held(books, commits, pool):
            futures = []
            none = Reject(new_id(), actor="agent-7", reason="no")
            for act in (holds[0], unknown, holds[1], gone, holds[2], Void(new_id()), none):
                before = commits.waiting
                futures.append(pool.submit(commits.carry_out, act))
                until(lambda before=before: commits.waiting == before + 1)  # type: ignore[misc]
        for number, error in ((1, UnknownHold), (3, InvalidInput), (5, UnknownHold), (6, UnknownDispute)):
            with pytest.raises(error):
                futures[number].result(PATIENCE_S)
        assert all(futures[number].result(PATIENCE_S).posted for number in (0, 2, 4))
        assert commits.carry_out(holds[0]).replayed
        with pytest.raises(InvalidInput):
            commits.carry_out([holds[0]])  # type: ignore[arg-type]
    books.check()


# -- many callers ---------------------------------------------------------------------------------------


def test_many_threads_share_batches_and_each_gets_its_own_outcome(
    books: Books, pool: ThreadPoolExecutor
) -> None:
    wallets = [books.funded(200) for _ in range(8)]
    start = threading.Barrier(32)

    def caller(number: int) -> list[tuple[UUID, Outcome]]:
        start.wait()
        sent = []
        for turn in range(12):
            payer, payee = wallets[number % 8], wallets[(number + turn % 7 + 1) % 8]
            transfer = books.transfer(payer, payee, 20 + 10 * turn)
            sent.append((transfer.id, commits.post(transfer)))
        return sent

    with GroupCommit(books.ledger) as commits:
        sent = [each for some in pool.map(caller, range(32)) for each in some]
    assert all(outcome.transfer_id == transfer_id for transfer_id, outcome in sent)
    assert not any(outcome.replayed for _, outcome in sent)
    assert {outcome.posted for _, outcome in sent} == {True, False}
    assert sum(books.balance(wallet) for wallet in wallets) == 1600
    posted = batches(books, *wallets)
    assert len(posted) < len(sent) / 2
    books.check()


def test_what_queues_while_a_slow_commit_lasts_is_one_batch_in_order_of_arrival(
    books: Books, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_writer, "CALL_S", 0.0)
    payer, payee = books.funded(100), books.account()
    transfers = [books.transfer(payer, payee, 1) for _ in range(10)]
    with GroupCommit(books.ledger) as commits, held(books, commits, pool):
        futures = queue(commits, pool, *transfers)
    assert all(future.result().posted for future in futures)
    assert batches(books, payee) == [[transfer.id for transfer in transfers]]


def test_batches_are_no_larger_than_asked(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee = books.funded(100), books.account()
    with GroupCommit(books.ledger, batch_max=4) as commits, held(books, commits, pool):
        futures = queue(commits, pool, *(books.transfer(payer, payee, 1) for _ in range(10)))
    assert all(future.result().posted for future in futures)
    assert [len(batch) for batch in batches(books, payee)] == [4, 4, 2]


def test_one_id_from_many_callers_posts_once(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee = books.funded(100), books.account()
    transfer = books.transfer(payer, payee, 7)
    with GroupCommit(books.ledger) as commits:
        outcomes = list(pool.map(lambda _: commits.post(transfer), range(40)))
        assert commits.post(transfer).replayed
    assert all(outcome.posted for outcome in outcomes)
    assert [outcome.replayed for outcome in outcomes].count(False) == 1
    assert books.balance(payee) == 7


# -- groups ---------------------------------------------------------------------------------------------


def test_groups_are_never_split_and_stand_or_fall_together(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payees = books.funded(16), [books.account() for _ in range(3)]

    def caller(_: int) -> list[Outcome]:
        group = new_id()
        return commits.post_group([books.transfer(payer, payee, 1, group=group) for payee in payees])

    with GroupCommit(books.ledger, batch_max=4) as commits, held(books, commits, pool):
        futures = [pool.submit(caller, number) for number in range(7)]
        until(lambda: commits.waiting == 21)
    outcomes = [[outcome.posted for outcome in future.result()] for future in futures]
    assert sorted(outcomes) == [[False] * 3] * 2 + [[True] * 3] * 5
    assert [len(batch) for batch in batches(books, *payees)] == [3] * 5
    books.check()


def test_half_of_the_callers_share_a_batch_whatever_each_sends(
    books: Books, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_writer, "CALL_S", 1.0)
    payer, payee = books.funded(100), books.account()

    def caller(_: int) -> list[Outcome]:
        group = new_id()
        return commits.post_group([books.transfer(payer, payee, 1, group=group) for _ in range(5)])

    with GroupCommit(books.ledger) as commits, held(books, commits, pool):
        futures = [pool.submit(caller, number) for number in range(16)]
        until(lambda: commits.waiting == 80)
    assert all(outcome.posted for future in futures for outcome in future.result())
    assert len(batches(books, payee)[0]) == 40
    books.check()


def test_a_group_sent_twice_at_once_posts_once(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee, group = books.funded(10), books.account(), new_id()
    whole = [books.transfer(payer, payee, 1, group=group) for _ in range(2)]
    grown = [*whole, books.transfer(payer, payee, 1, group=group)]
    with GroupCommit(books.ledger) as commits, held(books, commits, pool):
        futures = []
        for number, sent in enumerate((whole, whole, grown), 1):
            futures.append(pool.submit(commits.post_group, sent))
            until(lambda number=number: commits.waiting >= 2 * number)  # type: ignore[misc]
    first, again, third = futures
    assert [outcome.replayed for outcome in first.result() + again.result()] == [False, False, True, True]
    with pytest.raises(SplitGroup):
        third.result()
    assert books.balance(payee) == 2


def test_a_group_is_not_continued_by_a_later_call(books: Books) -> None:
    payer, payee, group = books.funded(10), books.account(), new_id()
    with GroupCommit(books.ledger) as commits:
        for _ in range(2):  # decided on remembered accounts, and posted
            commits.post_group([books.transfer(payer, payee, 1, group=new_id())])
        commits.post_group([books.transfer(payer, payee, 1, group=group)])
        with pytest.raises(SplitGroup):
            commits.post_group([books.transfer(payer, payee, 1, group=group)])
    assert books.balance(payee) == 3


def test_what_is_no_group_is_refused_before_it_queues(books: Books) -> None:
    payer, payee, group = books.funded(10), books.account(), new_id()
    linked = [books.transfer(payer, payee, 1, group=group) for _ in range(3)]
    with GroupCommit(books.ledger, batch_max=2) as commits:
        for call in (
            lambda: commits.post(linked[0]),
            lambda: commits.post_group([]),
            lambda: commits.post_group([books.transfer(payer, payee, 1)]),
            lambda: commits.post_group([linked[0], replace(linked[1], group=new_id())]),
        ):
            with pytest.raises(InvalidInput):
                call()
        with pytest.raises(BatchTooLarge):
            commits.post_group(linked)
    assert books.balance(payer) == 10


# -- one caller's error is nobody else's ----------------------------------------------------------------


def test_bad_input_is_refused_before_it_queues(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee = books.funded(10), books.account()
    with GroupCommit(books.ledger) as commits, held(books, commits, pool):
        with pytest.raises(InvalidAmount):
            commits.post(books.transfer(payer, payee, 0))
        with pytest.raises(InvalidInput):
            asyncio.run(commits.apost(books.transfer(payer, payer, 1)))
        assert commits.waiting == 0


@pytest.mark.parametrize("scope", [Scope.WALLET, Scope.PERSON])
def test_calls_that_cannot_be_made_do_not_hold_up_the_others(books: Books, scope: Scope) -> None:
    """What is closed, unknown, of another kind or half an exchange, alone and in groups; and what was posted
    before its account was closed is answered as it was. Under limits of each scope."""
    limited = profile(rule(Metric.FLOW, 99, Direction.OUT, Window.DAY, scope=scope))
    books.posted(books.transfer(books.funded(1, profile=limited, holder=new_id()), books.account(), 1))
    payer, payee, closed, gone = books.funded(100), books.account(), books.account(), books.funded(5)
    known = books.transfer(gone, payee, 5)
    books.posted(known)
    for account in (closed, gone):
        books.close(account)
    group = new_id()
    good = [books.transfer(payer, payee, 1) for _ in range(12)]
    bad: list[tuple[type[Exception], list[Transfer]]] = [
        (AccountClosed, [books.transfer(payer, closed, 1)]),
        (AccountClosed, [books.transfer(gone, payee, 1)]),
        (UnknownAccount, [books.transfer(payer, new_id(), 1)]),
        (WrongAccount, [books.transfer(payer, payee, 1, Operation.CASH_OUT)]),
        (InvalidInput, [books.transfer(payer, payee, 1, Operation.EXCHANGE)]),
        (AccountClosed, [books.transfer(payer, each, 1, group=group) for each in (payee, closed)]),
    ]
    before = books.dump()

    async def share() -> list[Any]:
        with GroupCommit(books.ledger) as commits:
            wrong = [
                commits.apost_group(sent) if len(sent) > 1 else commits.apost(sent[0]) for _, sent in bad
            ]
            calls = [*wrong, commits.apost(known), *map(commits.apost, good)]
            return await asyncio.gather(*calls, return_exceptions=True)

    told = asyncio.run(share())
    assert [type(each) for each in told[: len(bad)]] == [kind for kind, _ in bad]
    named = [set(error.transfers) for error in told[: len(bad)]]
    assert named == [{sent[-1].id} for _, sent in bad]
    assert told[len(bad)] == Outcome(known.id, replayed=True)
    assert told[len(bad) + 1 :] == [Outcome(each.id) for each in good]
    assert books.balance(payer) == 88
    assert len(books.dump()["claim"]) == len(before["claim"]) + len(good)
    books.check()


def test_each_error_reaches_its_own_caller_only(
    books: Books, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_writer, "CALL_S", 0.0)
    payer, payee, dollars = books.funded(100), books.account(), books.account(currency="USD")
    tampered = books.funded(1)
    books.owner(f"UPDATE ledger.account SET version = 0 WHERE id = '{tampered}'")
    known = books.transfer(payer, payee, 1)
    books.posted(known)
    good = [books.transfer(payer, payee, 1) for _ in range(12)]
    bad: dict[type[Exception], Transfer] = {
        UnknownAccount: books.transfer(payer, new_id(), 1),
        CurrencyMismatch: books.transfer(payer, dollars, 1),
        IdempotencyConflict: replace(known, amount=2),
        IntegrityViolation: books.transfer(payer, tampered, 1),
        WrongAccount: books.transfer(books.account(AccountKind.SAFEGUARDING), payee, 1),
        AttributeError: books.transfer(payer, payee, 1),
    }
    object.__setattr__(
        bad[AttributeError], "debit_account", "no account"
    )  # past the door: an error of our own
    sent = good.copy()
    for place, transfer in enumerate(bad.values()):
        sent.insert(2 * place + 1, transfer)
    with GroupCommit(books.ledger) as commits, held(books, commits, pool):
        futures = dict(zip(sent, queue(commits, pool, *sent), strict=True))
    assert all(futures[transfer].result().posted for transfer in good)
    for kind, transfer in bad.items():
        with pytest.raises(kind) as caught:
            futures[transfer].result()
        assert caught.type is kind
    assert [each for batch in batches(books, payee) for each in batch][1:] == [t.id for t in good]


# -- one batch is decided while another is written ------------------------------------------------------


def test_of_many_callers_half_are_decided_while_the_others_are_written(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    transfers = [books.transfer(payer, payee, 1) for _ in range(100)]

    async def all_at_once() -> list[Outcome]:
        return await asyncio.gather(*(commits.apost(transfer) for transfer in transfers))

    with GroupCommit(books.ledger) as commits:
        outcomes = asyncio.run(all_at_once())
    assert [outcome.transfer_id for outcome in outcomes] == [transfer.id for transfer in transfers]
    assert all(outcome.posted for outcome in outcomes)
    posted = batches(books, payee)
    assert [each for batch in posted for each in batch] == [transfer.id for transfer in transfers]
    assert len(posted) > 1
    books.check()


@contextmanager
def two_in_the_air(
    books: Books, commits: GroupCommit, pool: ThreadPoolExecutor, payer: UUID, payee: UUID
) -> Iterator[tuple[psycopg.Connection, list[Future[Outcome]]]]:
    """A batch that waits for the payer's lock, one decided behind it, together of 40 callers."""
    with psycopg.connect(books.owner_url) as blocker:
        blocker.execute("SET session_replication_role = replica")
        blocker.execute("SELECT FROM ledger.account WHERE id = %s FOR UPDATE", (payer,))
        with held(books, commits, pool):
            futures = [pool.submit(commits.post, books.transfer(payer, payee, 1)) for _ in range(40)]
            until(lambda: commits.waiting == 40)
        until(lambda: books.waiting_for_locks() == 1 and commits.waiting < 10)
        yield blocker, futures


def test_what_is_decided_on_what_is_not_yet_written_is_posted_with_it(
    books: Books, pool: ThreadPoolExecutor
) -> None:
    payer, payee = books.funded(30), books.account()
    with GroupCommit(books.ledger) as commits:
        with two_in_the_air(books, commits, pool, payer, payee) as (_, futures):
            assert books.balance(payee) == 0
        outcomes = [future.result() for future in futures]
    assert sum(outcome.posted for outcome in outcomes) == 30
    assert {outcome.refusal.rule for outcome in outcomes if outcome.refusal} == {"funds"}
    books.check()


def test_what_was_decided_in_vain_is_decided_again(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee = books.funded(100), books.account()
    with GroupCommit(books.ledger) as commits:
        with two_in_the_air(books, commits, pool, payer, payee) as (blocker, futures):
            blocker.execute("UPDATE ledger.account SET frozen_debit = true WHERE id = %s", (payer,))
        outcomes = [future.result() for future in futures]
        assert {outcome.refusal.rule for outcome in outcomes if outcome.refusal} == {"account.frozen_debit"}
        assert not any(outcome.posted for outcome in outcomes)
        elsewhere = books.funded(5)
        assert commits.post(books.transfer(elsewhere, payee, 5)).posted
    assert books.balance(payee) == 5
    books.check()


def test_a_connection_lost_with_two_batches_under_way(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee = books.funded(100), books.account()
    with GroupCommit(books.ledger) as commits:
        with two_in_the_air(books, commits, pool, payer, payee) as (_, futures):
            books.terminate("wait_event_type = 'Lock'")
        assert all(future.result().posted for future in futures)
    assert books.balance(payee) == 40
    books.check()


def test_what_follows_a_repetition_is_decided_without_it(
    books: Books, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_writer, "CALL_S", 1.0)
    payer, payee = books.funded(15), books.account()
    x, y = books.transfer(payer, payee, 6), books.transfer(payer, payee, 5)
    with GroupCommit(books.ledger, batch_max=1) as commits:
        with held(books, commits, pool):
            first, again, behind = queue(commits, pool, x, x, y)
        assert not first.result().replayed
        assert again.result().replayed
        assert behind.result().posted
    assert books.balance(payee) == 11


def test_closing_posts_two_batches_under_way(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee = books.funded(100), books.account()
    commits = GroupCommit(books.ledger)
    with commits, two_in_the_air(books, commits, pool, payer, payee) as (_, futures):
        closing = pool.submit(commits.close)
        time.sleep(0.05)
        assert not closing.done()
    closing.result()
    assert all(future.result().posted for future in futures)
    assert books.balance(payee) == 40


def test_errors_of_their_own_among_many(
    books: Books, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_writer, "CALL_S", 1.0)
    wallets = [books.funded(1_000) for _ in range(6)]
    known = books.transfer(wallets[0], wallets[1], 1)
    books.posted(known)
    start = threading.Barrier(48)

    def caller(number: int) -> None:
        start.wait()
        for turn in range(10):
            payer, payee = wallets[number % 6], wallets[(number + turn % 5 + 1) % 6]
            if (number + turn) % 9 == 0:
                with pytest.raises(UnknownAccount):
                    commits.post(books.transfer(payer, new_id(), 1))
            elif (number + turn) % 11 == 0:
                with pytest.raises(IdempotencyConflict):
                    commits.post(replace(known, amount=2))
            elif (number + turn) % 7 == 0:
                assert commits.post(known).replayed
            else:
                assert commits.post(books.transfer(payer, payee, 1)).posted

    with GroupCommit(books.ledger) as commits:
        list(pool.map(caller, range(48)))
    assert sum(books.balance(wallet) for wallet in wallets) == 6_000
    books.check()


# -- the database goes away -----------------------------------------------------------------------------


def test_every_caller_learns_its_outcome_though_the_connection_is_killed(
    books: Books, pool: ThreadPoolExecutor
) -> None:
    payer, payee = books.funded(100), books.account()
    with GroupCommit(books.ledger) as commits:
        with books.locked(payer):
            futures = [pool.submit(commits.post, books.transfer(payer, payee, 1)) for _ in range(20)]
            until(lambda: books.waiting_for_locks() == 1)
            books.terminate("wait_event_type = 'Lock'")
        assert all(future.result().posted for future in futures)
    assert books.balance(payee) == 20
    books.check()


@pytest.mark.parametrize("callers", [16, 48])
def test_connections_killed_again_and_again_lose_and_double_nothing(
    books: Books, pool: ThreadPoolExecutor, callers: int
) -> None:
    payer, payee = books.funded(10_000), books.account()
    stop = threading.Event()

    def caller(_: int) -> int:
        posted = 0
        while not stop.is_set():
            transfer = books.transfer(payer, payee, 1)
            while True:
                try:
                    posted += commits.post(transfer).posted
                    break
                except Unavailable:
                    continue
        return posted

    with GroupCommit(books.ledger) as commits:
        futures = [pool.submit(caller, number) for number in range(callers)]
        for _ in range(12):
            time.sleep(0.05)
            books.terminate()
        stop.set()
        posted = sum(future.result() for future in futures)
    assert books.balance(payee) == posted
    books.check()


def test_an_absent_database_is_told_and_its_return_needs_nothing(
    books: Books, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_writer, "RETRY_S", 0.2)
    payer, payee = books.funded(100), books.account()
    name = conninfo_to_dict(books.owner_url)["dbname"]
    transfers = [books.transfer(payer, payee, 1) for _ in range(20)]
    with (
        psycopg.connect(make_conninfo(books.owner_url, dbname="postgres"), autocommit=True) as admin,
        GroupCommit(books.ledger) as commits,
    ):
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        books.terminate()
        errors = [pool.submit(commits.post, transfer).exception() for transfer in transfers]
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        for error in errors:
            assert type(error) is Unavailable
            assert "a retry with the same id" in str(error)
        outcomes = list(pool.map(commits.post, transfers))
    assert all(outcome.posted for outcome in outcomes)
    assert books.balance(payee) == 20


# -- a full queue ---------------------------------------------------------------------------------------


def test_a_full_queue_is_waited_for_and_then_refused(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee = books.funded(100), books.account()
    with (
        GroupCommit(books.ledger, batch_max=2, queue_max=3, wait_s=0.05) as commits,
        held(books, commits, pool) as plug,
    ):
        futures = queue(commits, pool, *(books.transfer(payer, payee, 1) for _ in range(3)))
        with pytest.raises(Overloaded, match="ot sent"):
            commits.post(books.transfer(payer, payee, 1))
        with pytest.raises(Overloaded):
            asyncio.run(commits.apost(books.transfer(payer, payee, 1)))
        assert commits.waiting == 3
    assert all(future.result().posted for future in (plug, *futures))
    assert books.balance(payee) == 3


def test_who_waits_for_room_gets_in_in_turn(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee = books.funded(100), books.account()
    transfers = [books.transfer(payer, payee, 1) for _ in range(9)]
    with (
        GroupCommit(books.ledger, batch_max=2, queue_max=2, wait_s=PATIENCE_S) as commits,
        held(books, commits, pool),
    ):
        futures = queue(commits, pool, *transfers)
    assert all(future.result().posted for future in futures)
    assert [each for batch in batches(books, payee) for each in batch] == [t.id for t in transfers]


# -- the end --------------------------------------------------------------------------------------------


def test_closing_posts_what_waits_and_refuses_what_comes(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee = books.funded(100), books.account()
    commits = GroupCommit(books.ledger, batch_max=3, queue_max=9, wait_s=0)
    with commits, held(books, commits, pool) as plug:
        futures = queue(commits, pool, *(books.transfer(payer, payee, 1) for _ in range(9)))
        closing = pool.submit(commits.close)
        late = books.transfer(payer, payee, 1)
        until(lambda: isinstance(pool.submit(commits.post, late).exception(), Closed))
        with pytest.raises(Closed, match="ot sent"):
            asyncio.run(commits.apost(late))
        assert not closing.done()
    closing.result()
    assert all(future.result().posted for future in (plug, *futures))
    with pytest.raises(Closed):
        commits.post(late)
    commits.close()
    assert books.balance(payee) == 9


def test_closing_waits_no_longer_than_it_may(
    books: Books, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "DRAIN_S", 0.1)
    payer, payee = books.funded(100), books.account()
    with GroupCommit(books.ledger) as commits, held(books, commits, pool) as plug:
        futures = queue(commits, pool, *(books.transfer(payer, payee, 1) for _ in range(3)))
        commits.close()
        for future in (plug, *futures):
            with pytest.raises(Unavailable, match="retry"):
                future.result(PATIENCE_S)


def test_a_thread_waits_no_longer_than_it_may(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee = books.funded(100), books.account()
    transfer = books.transfer(payer, payee, 1)
    with GroupCommit(books.ledger, answer_s=0.1) as commits:
        with books.locked(payer), pytest.raises(Unavailable, match="retry"):
            commits.post(transfer)
        until(lambda: books.balance(payee) == 1)
    with GroupCommit(books.ledger) as patient:  # on a busy machine the retry takes longer, too
        assert patient.post(transfer).replayed


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_writer_leaves_nobody_waiting(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee = books.funded(100), books.account()
    deadly = threading.Event()

    def clock() -> datetime:
        if deadly.is_set():
            raise SystemExit
        return books.now

    with GroupCommit(Ledger(books.database, clock), batch_max=2, queue_max=3) as commits:
        with held(books, commits, pool) as plug:
            futures = queue(commits, pool, *(books.transfer(payer, payee, 1) for _ in range(4)))
            deadly.set()
        assert plug.result(PATIENCE_S).posted
        for future in futures:
            with pytest.raises(Unavailable, match="retry"):
                future.result(PATIENCE_S)
        with pytest.raises(Closed):
            commits.post(books.transfer(payer, payee, 1))
    assert books.balance(payee) == 0


def test_one_that_is_not_open_takes_nothing(books: Books) -> None:
    commits = GroupCommit(books.ledger)
    transfer = books.transfer(books.funded(1), books.account(), 1)
    with pytest.raises(Closed):
        commits.post(transfer)
    with commits:
        assert commits.post(transfer).posted
    with pytest.raises(ConfigurationError), commits:
        pass


@pytest.mark.parametrize("wrong", [{"batch_max": 0}, {"batch_max": 10_001}, {"queue_max": 9}, {"wait_s": -1}])
def test_bounds_that_make_no_sense_are_refused(books: Books, wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        GroupCommit(books.ledger, **wrong)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_is_told_to_open_its_own(books: Books) -> None:
    transfer = books.transfer(books.funded(1), books.account(), 1)
    with GroupCommit(books.ledger) as commits:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                commits.post(transfer)
            except ConfigurationError as error:
                commits.close()
                code = 0 if "own" in str(error) else 2
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert commits.post(transfer).posted


# -- asyncio --------------------------------------------------------------------------------------------


def test_tasks_of_several_loops_and_threads_share_batches(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee = books.funded(1000), books.account()

    async def task() -> list[Outcome]:
        return [await commits.apost(books.transfer(payer, payee, 1)) for _ in range(3)]

    async def group() -> list[Outcome]:
        name = new_id()
        return await commits.apost_group([books.transfer(payer, payee, 1, group=name) for _ in range(2)])

    async def stray() -> list[Outcome]:
        with pytest.raises(UnknownAccount):
            await commits.apost(books.transfer(payer, new_id(), 1))
        return []

    async def main() -> list[Outcome]:
        some = await asyncio.gather(*(task() for _ in range(20)), *(group() for _ in range(5)), stray())
        return [outcome for each in some for outcome in each]

    with GroupCommit(books.ledger) as commits:
        loops = [pool.submit(lambda: asyncio.run(main())) for _ in range(3)]
        threads = [pool.submit(commits.post, books.transfer(payer, payee, 1)) for _ in range(20)]
        outcomes = [outcome for loop in loops for outcome in loop.result()]
        outcomes += [thread.result() for thread in threads]
    assert len(outcomes) == 3 * 70 + 20
    assert all(outcome.posted and not outcome.replayed for outcome in outcomes)
    assert books.balance(payee) == len(outcomes)
    assert len(batches(books, payee)) < len(outcomes) / 3
    books.check()


def test_a_waiting_task_does_not_hold_up_its_loop(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee = books.funded(10), books.account()

    async def main(release: Callable[[], None]) -> None:
        waiting = asyncio.create_task(commits.apost(books.transfer(payer, payee, 1)))
        full = asyncio.create_task(commits.apost(books.transfer(payer, payee, 1)))
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert not waiting.done()
        assert not full.done()
        release()
        assert (await waiting).posted
        assert (await full).posted

    with GroupCommit(books.ledger, batch_max=1, queue_max=1) as commits:
        holding = held(books, commits, pool)
        holding.__enter__()

        def release() -> None:
            holding.__exit__(None, None, None)

        asyncio.run(main(release))


def test_a_cancelled_task_is_left_out_while_it_queues_and_may_be_posted_later(
    books: Books, pool: ThreadPoolExecutor
) -> None:
    payer, payee = books.funded(10), books.account()
    transfers = [books.transfer(payer, payee, 1) for _ in range(4)]

    async def main() -> list[Outcome]:
        tasks = [asyncio.create_task(commits.apost(transfer)) for transfer in transfers]
        await asyncio.sleep(0)
        tasks[1].cancel()  # queued
        tasks[3].cancel()  # waits for room
        await asyncio.sleep(0)
        release.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(done[1], asyncio.CancelledError)
        assert isinstance(done[3], asyncio.CancelledError)
        return [each for each in done if isinstance(each, Outcome)]

    def let_go() -> None:
        with held(books, commits, pool):
            ready.set()
            release.wait(PATIENCE_S)

    ready, release = threading.Event(), threading.Event()
    with GroupCommit(books.ledger, batch_max=3, queue_max=3) as commits:
        holder = pool.submit(let_go)
        ready.wait(PATIENCE_S)
        assert all(outcome.posted for outcome in asyncio.run(main()))
        holder.result()
        assert books.balance(payee) == 2
        assert not commits.post(transfers[1]).replayed
    assert books.balance(payee) == 3


def test_a_loop_that_ended_is_no_trouble_to_the_others(books: Books, pool: ThreadPoolExecutor) -> None:
    payer, payee = books.funded(10), books.account()
    gone = books.transfer(payer, payee, 1)

    async def main() -> None:
        task = asyncio.create_task(commits.apost(gone))
        await asyncio.to_thread(until, lambda: books.waiting_for_locks() == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with GroupCommit(books.ledger) as commits:
        with books.locked(payer):
            asyncio.run(main())
            later = pool.submit(commits.post, books.transfer(payer, payee, 1))
        assert later.result().posted
        assert commits.post(gone).replayed  # taken before it was cancelled, so posted
