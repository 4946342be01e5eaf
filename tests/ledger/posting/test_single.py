"""One transfer a call: decided on what is remembered, whatever others do meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from books import Books, on_database, profile, rule
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import AccountKind, Ledger, Operation, Transfer, holds, profile_changes
from emoney.ledger.base.errors import IdempotencyConflict
from emoney.ledger.base.ids import Key, new_id
from emoney.ledger.holds import Hold
from emoney.ledger.limits import profiles
from emoney.ledger.limits.rules import Direction, Metric, Window
from emoney.ledger.posting import account_cache
from emoney.ledger.posting import locked as posting
from emoney.ledger.posting.single import _Remembered

DAILY = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.DAY))


def another(books: Books) -> Ledger:
    """The ledger of another process, which remembers accounts of its own."""
    return Ledger(books.database, lambda: books.now)


def said(ledger: Ledger, transfer: Transfer) -> str | None:
    (outcome,) = ledger.post([transfer])
    return None if outcome.refusal is None else outcome.refusal.rule


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many accounts each reading read."""
    counted: list[int] = []
    look = account_cache.look

    def counting(connection: Any, missing: Any, known: Any) -> Any:
        counted.append(len(missing))
        return look(connection, missing, known)

    monkeypatch.setattr(account_cache, "look", counting)
    return counted


@pytest.fixture
def locks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches that were posted under locks."""
    counted: list[int] = []
    post = posting.post

    def counting(connection: Any, transfers: Any, *more: Any, **named: Any) -> Any:
        counted.append(len(transfers))
        return post(connection, transfers, *more, **named)

    monkeypatch.setattr(posting, "post", counting)
    return counted


def test_what_is_remembered_is_not_read_again(books: Books, reads: list[int], locks: list[int]) -> None:
    a, b = books.funded(100, profile=DAILY), books.account(profile=DAILY)
    locks.clear()
    for _ in range(3):
        books.posted(books.transfer(a, b, 10))
        books.posted(books.transfer(b, a, 5))
    assert reads == [2]
    assert locks == []
    assert (books.balance(a), books.balance(b)) == (85, 15)
    books.check()


def test_what_another_process_moved_is_read_again(books: Books, reads: list[int], locks: list[int]) -> None:
    a, b = books.funded(200, profile=DAILY), books.account(profile=DAILY)
    other = another(books)
    locks.clear()
    for ledger in (books.ledger, other) * 3:
        assert said(ledger, books.transfer(a, b, 10)) is None
    assert len(reads) >= 5
    assert locks == []
    assert said(books.ledger, books.transfer(a, b, 41)) == "flow-out-day"
    assert said(other, books.transfer(a, b, 40)) is None
    assert (books.balance(a), books.balance(b)) == (100, 100)
    books.check()


def test_one_that_is_stale_says_that_the_others_may_be(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another process moves every account, only the first call finds that out by being refused."""
    pairs = [(books.funded(100), books.account()) for _ in range(6)]
    stale: list[object] = []
    forget = _Remembered.stale_one
    monkeypatch.setattr(_Remembered, "stale_one", lambda self: (stale.append(self), forget(self)))
    other = another(books)
    for ledger in (books.ledger, other, books.ledger):
        for a, b in pairs:
            assert said(ledger, books.transfer(a, b, 10)) is None
    assert len(stale) == 1
    assert [books.balance(b) for _, b in pairs] == [30] * 6
    books.check()


def test_a_refusal_is_decided_on_what_is_there(books: Books) -> None:
    """Not on what was remembered, when another process has paid the wallet since."""
    a, b = books.funded(10), books.account()
    books.posted(books.transfer(a, b, 10))
    assert said(another(books), books.transfer(b, a, 10)) is None
    books.posted(books.transfer(a, b, 10))
    books.check()


@pytest.mark.parametrize("change", ["frozen", "closed", "limited", "held"])
def test_what_is_changed_about_a_remembered_account_holds_at_once(books: Books, change: str) -> None:
    payer, shop = books.funded(100), books.account(AccountKind.MERCHANT)
    wallet = books.account(profile=profile(rule(Metric.BALANCE, 1_000, None)))
    pay = lambda to, amount: said(  # noqa: E731
        books.ledger, books.transfer(payer, to, amount, Operation.PAY if to == shop else Operation.P2P)
    )
    assert pay(shop, 1) is pay(wallet, 1) is None
    if change == "frozen":
        books.freeze(shop, debit=False, credit=True)
        assert pay(shop, 1) == "account.frozen_credit"
    elif change == "closed":
        empty = books.account(AccountKind.MERCHANT)
        books.close(empty)
        with pytest.raises(posting.AccountClosed):
            pay(empty, 1)
    elif change == "limited":
        limits = profile(rule(Metric.BALANCE, 1, None))
        with books.database.connection() as connection:
            profile_changes.put_under(
                connection,
                {wallet: profiles.store(connection, limits)},
                actor="ops-1",
                reason="as decided",
                at=books.now,
            )
        assert pay(wallet, 1) == "balance"
    else:
        hold = Hold(new_id(), payer, wallet, 95, "EUR", Operation.P2P, books.now + timedelta(hours=1))
        assert holds.place(books.ledger, hold).posted
        assert pay(shop, 50) == "funds"
    books.check()


def test_what_takes_whatever_comes_is_paid_by_many_at_once(books: Books, locks: list[int]) -> None:
    shop = books.account(AccountKind.MERCHANT)
    payers = [books.funded(100, profile=DAILY) for _ in range(8)]
    ledgers = [another(books) for _ in range(4)]
    locks.clear()

    def work(number: int) -> list[bool]:
        payer, ledger = payers[number], ledgers[number % 4]
        sent = [Transfer(new_id(), payer, shop, 10, "EUR", Operation.PAY) for _ in range(11)]
        return [ledger.post([each])[0].posted for each in sent]

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(work, range(8)))
    assert done == [[True] * 10 + [False]] * 8  # each its own limit, to the cent
    assert sum(locks) <= 8  # the refusals alone, which name what the account held
    assert books.balance(shop) == 800
    books.check()


def test_a_clock_that_is_behind_does_not_put_entries_out_of_order(books: Books) -> None:
    shop, a, b = books.account(AccountKind.MERCHANT), books.funded(100), books.funded(100)
    ahead = Ledger(books.database, lambda: books.now + timedelta(seconds=3))
    books.posted(books.transfer(a, shop, 1, Operation.PAY))
    assert said(ahead, books.transfer(b, shop, 1, Operation.PAY)) is None
    books.posted(books.transfer(a, shop, 1, Operation.PAY))
    with books.database.connection() as connection:
        times = connection.execute(
            "SELECT posted_at FROM ledger.entry WHERE account_id = %s ORDER BY version", (shop,)
        ).fetchall()
    assert times == sorted(times)
    books.check()


def test_a_clock_that_is_a_day_behind_is_decided_on_that_day(books: Books) -> None:
    """What another process posted to the merchant tomorrow makes the payment tomorrow's."""
    shop, a, b = books.account(AccountKind.MERCHANT), books.funded(500, profile=DAILY), books.funded(9)
    books.posted(books.transfer(a, shop, 100, Operation.PAY))
    tomorrow = Ledger(books.database, lambda: books.now + timedelta(days=1))
    assert said(tomorrow, books.transfer(b, shop, 1, Operation.PAY)) is None
    assert said(books.ledger, books.transfer(a, shop, 100, Operation.PAY)) is None
    assert said(books.ledger, books.transfer(a, shop, 1, Operation.PAY)) == "flow-out-day"
    books.check()


def test_a_key_and_metadata_are_kept_with_it(books: Books, locks: list[int]) -> None:
    a, b = books.funded(10), books.account(AccountKind.MERCHANT)
    locks.clear()
    sent = Transfer(Key("order-1"), a, b, 5, "EUR", Operation.PAY, metadata={"till": 7})
    (outcome,) = books.ledger.post([sent])
    assert (outcome.posted, outcome.key) == (True, "order-1")
    assert locks == []
    found = books.ledger.reading.transfer(Key("order-1"))
    assert (found.key, found.metadata) == ("order-1", {"till": 7})
    assert books.ledger.post([sent])[0].replayed
    with pytest.raises(IdempotencyConflict):
        books.ledger.post([Transfer(Key("order-1"), a, b, 5, "EUR", Operation.PAY, metadata={"till": 8})])
    books.check()


def test_an_id_sent_twice_is_a_replay(books: Books) -> None:
    a, b = books.funded(10), books.account(AccountKind.MERCHANT)
    sent = books.transfer(a, b, 5, Operation.PAY)
    first, second = books.ledger.post([sent]), books.ledger.post([sent])
    assert not first[0].replayed
    assert second[0].replayed
    assert second[0].posted
    assert books.balance(b) == 5
    books.check()


@on_database(examples=25)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 2), st.integers(0, 3), st.integers(0, 3), st.integers(1, 60), st.integers(0, 30)
        ),
        max_size=25,
    )
)
def test_several_processes_decide_as_one_under_locks_would(
    shared_books: Books, steps: list[tuple[int, int, int, int, int]]
) -> None:
    books = shared_books
    began: datetime = books.now
    limited = profile(
        rule(Metric.FLOW, 90, Direction.OUT, Window.DAY),
        rule(Metric.COUNT, 9, None, Window.CALENDAR_MONTH),
        rule(Metric.BALANCE, 200, None),
    )
    ledgers = [another(books) for _ in range(3)]
    pairs = [
        (books.funded(120, profile=limited), books.funded(120, profile=limited)),
        (books.funded(60), books.funded(60)),
    ]
    shops = (books.account(AccountKind.MERCHANT), books.account(AccountKind.MERCHANT))
    both: list[list[Any]] = [[pair[side] for pair in (*pairs, shops)] for side in (0, 1)]
    for which, payer, payee, amount, hours in steps:
        books.now += timedelta(hours=hours)
        if payer == payee or payer == 2 or 3 in (payer, payee):
            continue
        operation = Operation.PAY if payee == 2 else Operation.P2P
        alone = Transfer(new_id(), both[0][payer], both[0][payee], amount, "EUR", operation)
        under_locks = Transfer(new_id(), both[1][payer], both[1][payee], amount, "EUR", operation)
        assert said(ledgers[which], alone) == _under_locks(books, under_locks)
    for one, other in zip(*both, strict=True):
        assert books.balance(one) == books.balance(other)
    books.check()
    books.now = max(books.now, began)


def _under_locks(books: Books, transfer: Transfer) -> str | None:
    with books.database.connection() as connection:
        (outcome,) = books.ledger.post_in(connection, [transfer])
    return None if outcome.refusal is None else outcome.refusal.rule
