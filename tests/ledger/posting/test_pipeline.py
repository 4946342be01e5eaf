"""Batches sent before those in front of them are answered: in order, and none without the one before it."""

import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Sequence

import pytest
from books import Books, on_database
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import Transfer
from emoney.ledger.base.errors import Unavailable
from emoney.ledger.posting.account_cache import AccountCache
from emoney.ledger.posting.optimistic import Decided, StaleDecision
from emoney.ledger.posting.pipeline import Pipeline

PATIENCE_S = 30


def decide(books: Books, account_cache: AccountCache, *transfers: Transfer) -> Decided:
    decided = account_cache.decide(transfers, books.database.autocommit)
    assert decided is not None
    return decided


def received(pipeline: Pipeline, batches: int) -> list[bool]:
    """Whether each batch was written, and its decision was not stale."""
    found = []
    for _ in range(batches):
        try:
            pipeline.receive()
        except StaleDecision:
            found.append(False)
        else:
            found.append(True)
    return found


def connections(books: Books) -> int:
    """How many of the pool are in use."""
    return int(books.database.engine.pool.checkedout())  # type: ignore[attr-defined]


def test_a_batch_is_decided_and_sent_before_the_one_in_front_is_answered(books: Books) -> None:
    a, b = books.funded(10), books.account()
    account_cache = books.ledger.account_cache()
    with Pipeline(books.database) as pipeline:
        pipeline.send(decide(books, account_cache, books.transfer(a, b, 2), books.transfer(b, a, 1)))
        for _ in range(2):
            pipeline.send(decide(books, account_cache, books.transfer(a, b, 2), books.transfer(b, a, 1)))
            assert received(pipeline, 1) == [True]
        assert received(pipeline, 1) == [True]
    assert (books.balance(a), books.balance(b)) == (7, 3)
    books.check()


@on_database(25)
@given(moves=st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=8))
def test_a_batch_is_written_only_after_the_one_that_it_follows(
    shared_books: Books, moves: Sequence[tuple[int, bool]]
) -> None:
    """Each of `moves` pays between a pair of accounts; the pair may change behind the back of who decided."""
    books = shared_books
    pairs = [(books.funded(100), books.account()) for _ in range(4)]
    account_cache = books.ledger.account_cache()
    written: list[bool] = []
    with Pipeline(books.database) as pipeline:
        for number, (pair, changed) in enumerate(moves):
            decided = decide(books, account_cache, books.transfer(*pairs[pair], 1))
            if changed:
                written += received(pipeline, number - len(written))
                books.posted(books.transfer(*pairs[pair], 1))
            pipeline.send(decided)
            written += received(pipeline, number - len(written))
        written += received(pipeline, len(moves) - len(written))
    changes = [changed for _, changed in moves]
    assert written == [not any(changes[: number + 1]) for number in range(len(moves))]
    assert sum(written) + sum(changes) == sum(books.balance(payee) for _, payee in pairs)
    books.check()


def test_what_depends_on_nothing_in_a_vain_batch_is_not_written_before_it_either(books: Books) -> None:
    a, b, c, d = books.funded(10), books.account(), books.funded(10), books.account()
    account_cache = books.ledger.account_cache()
    with Pipeline(books.database) as pipeline:
        pipeline.send(decide(books, account_cache, books.transfer(a, b, 1)))
        vain = decide(books, account_cache, books.transfer(a, b, 1))
        behind = decide(books, account_cache, books.transfer(c, d, 1))
        assert received(pipeline, 1) == [True]
        books.freeze(a, debit=True, credit=False)
        before = books.dump()
        pipeline.send(vain)
        pipeline.send(behind)
        assert received(pipeline, 2) == [False, False]
    assert books.dump() == before


def test_an_id_sent_before_undoes_its_batch_and_those_behind(books: Books) -> None:
    a, b = books.funded(10), books.account()
    again = books.transfer(a, b, 1)
    books.posted(again)
    before = books.dump()
    account_cache = books.ledger.account_cache()
    with Pipeline(books.database) as pipeline:
        pipeline.send(decide(books, account_cache, books.transfer(a, b, 1), again))
        pipeline.send(decide(books, account_cache, books.transfer(a, b, 1)))
        assert received(pipeline, 2) == [False, False]
    assert books.dump() == before


@pytest.mark.parametrize("funds", [15, 100])
def test_what_follows_a_repetition_is_decided_without_it(books: Books, funds: int) -> None:
    """The repetition was decided as if it moved money; its ids were written, but not by it."""
    a, b = books.funded(funds), books.account()
    x, y = books.transfer(a, b, 6), books.transfer(a, b, 5)
    outcomes = [told for (told,) in books.ledger.post_all([[x], [x], [y]])]
    assert [(told.posted, told.replayed) for told in outcomes] == [(True, False), (True, True), (True, False)]
    assert books.balance(b) == 11
    books.check()


def test_what_is_larger_than_any_buffer_gets_through(books: Books) -> None:
    a, b = books.funded(10_000), books.account()
    account_cache = books.ledger.account_cache()
    with Pipeline(books.database) as pipeline:
        for _ in range(2):
            pipeline.send(decide(books, account_cache, *(books.transfer(a, b, 1) for _ in range(4_000))))
        assert received(pipeline, 2) == [True] * 2
    assert books.balance(b) == 8_000


def test_the_connection_is_the_pools_again_as_soon_as_nothing_is_under_way(books: Books) -> None:
    a, b = books.funded(10), books.account()
    account_cache = books.ledger.account_cache()
    with Pipeline(books.database) as pipeline:
        for _ in range(2):
            pipeline.send(decide(books, account_cache, books.transfer(a, b, 1)))
            assert connections(books) == 1
            pipeline.receive()
            assert connections(books) == 0
            books.posted(books.transfer(a, b, 1))
            account_cache = books.ledger.account_cache()
    assert books.balance(b) == 4


def test_who_leaves_does_so_when_all_is_written(books: Books) -> None:
    a, b = books.funded(10), books.account()
    account_cache = books.ledger.account_cache()
    with Pipeline(books.database) as pipeline:
        for _ in range(2):
            pipeline.send(decide(books, account_cache, books.transfer(a, b, 1)))
    assert books.balance(b) == 2
    assert connections(books) == 0


def test_a_lost_connection_is_told_for_all_that_was_under_way(books: Books) -> None:
    a, b = books.funded(10), books.account()
    account_cache = books.ledger.account_cache()
    with Pipeline(books.database) as pipeline:
        with books.locked(a):
            for _ in range(2):
                pipeline.send(decide(books, account_cache, books.transfer(a, b, 1)))
            books.terminate("application_name <> 'blocker'")
            pipeline.wait(PATIENCE_S)
            assert pipeline.answered
            with pytest.raises(Unavailable, match="safe"):
                pipeline.receive()
            pipeline.send(decide(books, account_cache, books.transfer(a, b, 1)))
            for _ in range(2):
                with pytest.raises(Unavailable, match="safe"):
                    pipeline.receive()
        assert connections(books) == 0
        pipeline.send(decide(books, books.ledger.account_cache(), books.transfer(a, b, 1)))
        pipeline.receive()
    assert books.balance(b) == 1


def test_waiting_ends_with_the_answer_the_bell_or_the_time(books: Books) -> None:
    a, b = books.funded(10), books.account()
    bell, ear = socket.socketpair()
    with bell, ear, Pipeline(books.database, ear) as pipeline:
        pipeline.wait(0.01)
        with books.locked(a):
            pipeline.send(decide(books, books.ledger.account_cache(), books.transfer(a, b, 1)))
            pipeline.wait(0.01)
            assert not pipeline.answered
            bell.send(b"\0")
            pipeline.wait(None)
            assert not pipeline.answered
            ear.recv(1)
        pipeline.wait(None)
        assert pipeline.answered
        pipeline.receive()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, TimeoutError, MemoryError])
def test_an_interrupted_wait_gives_the_connection_up(
    books: Books, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    a, b = books.funded(10), books.account()
    account_cache = books.ledger.account_cache()
    with Pipeline(books.database) as pipeline, books.locked(a):
        for _ in range(2):
            pipeline.send(decide(books, account_cache, books.transfer(a, b, 1)))
        with monkeypatch.context() as patched:

            def interrupted(*_: object) -> None:
                raise kind

            patched.setattr(selectors.PollSelector, "select", interrupted)
            with pytest.raises(kind):
                pipeline.receive()
        with pytest.raises(Unavailable):
            pipeline.receive()
        assert connections(books) == 0


def test_an_answer_counts_whatever_becomes_of_the_connection_after_it(books: Books) -> None:
    a, b = books.funded(10), books.account()
    with Pipeline(books.database) as pipeline:
        pipeline.send(decide(books, books.ledger.account_cache(), books.transfer(a, b, 1)))
        pipeline.wait(None)
        books.terminate("application_name <> 'blocker'")
        pipeline.receive()
    assert books.balance(b) == 1
    assert connections(books) == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_connection_lost_while_a_forked_process_has_it_keeps_nobody_busy(books: Books) -> None:
    a, b = books.funded(10), books.account()
    bell, ear = socket.socketpair()
    with bell, ear, Pipeline(books.database, ear) as pipeline:
        with books.locked(a):
            pipeline.send(decide(books, books.ledger.account_cache(), books.transfer(a, b, 1)))
            child = os.fork()
            if child == 0:
                time.sleep(PATIENCE_S)
                os._exit(0)
            books.terminate("application_name <> 'blocker'")
            with pytest.raises(Unavailable):
                pipeline.receive()
        before = time.process_time()
        pipeline.wait(1.0)
        assert time.process_time() - before < 0.5
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_several_pipelines_on_the_same_accounts_keep_the_books(books: Books) -> None:
    a, b = books.funded(1_000), books.account()
    written: list[bool] = []

    def stream() -> None:
        for _ in range(20):
            account_cache = books.ledger.account_cache()
            with Pipeline(books.database) as pipeline:
                for _ in range(2):
                    pipeline.send(decide(books, account_cache, books.transfer(a, b, 1)))
                written.extend(received(pipeline, 2))

    threads = [threading.Thread(target=stream) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 160
    assert books.balance(b) == sum(written) > 0
    books.check()
