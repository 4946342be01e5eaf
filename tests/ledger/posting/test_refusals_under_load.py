"""A refusal leaves the rows of its accounts byte-identical while others write, in the same batches too."""

import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from books import Books, Dump, profile, rule, until
from test_refusals import ITS_OWN, RULES, Sides
from ways import WAYS

from emoney.ledger import Operation, Outcome, account_changes, holds, reversals
from emoney.ledger.base.ids import new_id
from emoney.ledger.holds import Hold
from emoney.ledger.limits.rules import Direction, Metric, Window

BY_THE_PAYER = {*RULES} - {"ceiling", "flow received", "balance"}
"""Rules that refuse whoever is paid."""

UUID_TEXT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Ask = Callable[[], Outcome]


def naming(books: Books, accounts: set[UUID]) -> Dump:
    """Every row that names one of the accounts, but claims and refusals."""
    names = {str(account) for account in accounts}
    return {
        table: [row for row in rows if not names.isdisjoint(UUID_TEXT.findall(row[0]))]
        for table, rows in books.dump(without=ITS_OWN).items()
    }


@contextmanager
def busy(books: Books) -> Iterator[list[UUID]]:
    """Others write on these wallets the whole time, in every way: each has before the block, and after it."""
    counted = profile(rule(Metric.FLOW, 10**9, Direction.OUT, Window.DAY))
    wallets = [books.funded(10**6, profile=counted) for _ in range(6)]
    done: Counter[str] = Counter()
    stop = threading.Event()

    def post(way: str) -> None:
        chance = random.Random(way)
        while not stop.is_set():
            sent = [books.transfer(*chance.sample(wallets, 2), chance.randint(1, 9)) for _ in range(18)]
            assert all(outcome.posted for outcome in WAYS[way](books, sent))
            done[way] += 1

    def hold(name: str) -> None:
        chance = random.Random(name)
        while not stop.is_set():
            placed = hold_of(books, (*chance.sample(wallets, 2),), 9)
            assert holds.capture(books.ledger, placed, new_id(), 3, release_rest=False).posted
            holds.void(books.ledger, placed)
            done[name] += 1

    writers = dict.fromkeys(WAYS, post) | {"holds": hold}

    def have_written() -> None:
        seen = done.copy()
        until(lambda: all(done[name] > seen[name] for name in writers))

    with ThreadPoolExecutor(len(writers)) as pool:
        running = [pool.submit(work, name) for name, work in writers.items()]
        try:
            have_written()
            yield wallets
            have_written()
        finally:
            stop.set()
            for each in running:
                each.result()


def hold_of(books: Books, sides: Sides, amount: int) -> UUID:
    """A hold that was accepted."""
    hold = Hold(new_id(), *sides, amount, "EUR", Operation.P2P, books.now + timedelta(days=1))
    assert holds.place(books.ledger, hold).posted
    return hold.id


@pytest.mark.parametrize("way", WAYS)
def test_transfers_refused_among_others_change_nothing(books: Books, way: str) -> None:
    """Each second one is posted on others' accounts, and some of the refused would pay those."""
    sides = {why: made(books) for why, made in RULES.items()}
    quiet = {account for each in sides.values() for account in each}
    before = naming(books, quiet)
    with busy(books) as wallets:
        chance = random.Random(way)
        for why, (payer, payee) in sides.items():
            payees = (payee, chance.choice(wallets)) if why in BY_THE_PAYER else (payee,)
            refused = [books.transfer(payer, chance.choice(payees), 10) for _ in range(9)]
            others = [books.transfer(*chance.sample(wallets, 2), 1) for _ in refused]
            sent = [each for pair in zip(refused, others, strict=True) for each in pair]
            posted = [outcome.posted for outcome in WAYS[way](books, sent)]
            assert posted == [False, True] * len(refused)
    assert naming(books, quiet) == before
    books.check()


@pytest.mark.parametrize("way", WAYS)
def test_groups_refused_among_others_change_nothing(books: Books, way: str) -> None:
    """The refused one comes last, so that what moved before it is taken back; groups beside it are posted."""
    rich = books.funded(100, profile=profile(rule(Metric.FLOW, 100, Direction.OUT, Window.DAY)))
    other = books.account()
    sides = {why: made(books) for why, made in RULES.items()}
    quiet = {rich, other}.union(*sides.values())
    before = naming(books, quiet)
    with busy(books) as wallets:
        chance = random.Random(way)
        for payer, payee in sides.values():
            sent = []
            for _ in range(4):
                group, beside = new_id(), new_id()
                linked = [books.transfer(rich, other, 10, group=group) for _ in range(3)]
                sent += [*linked, books.transfer(payer, payee, 10, group=group)]
                sent += [books.transfer(*chance.sample(wallets, 2), 1, group=beside) for _ in range(4)]
            posted = [outcome.posted for outcome in WAYS[way](books, sent)]
            assert posted == ([False] * 4 + [True] * 4) * 4
    assert naming(books, quiet) == before
    books.check()


def test_holds_captures_and_refunds_refused_among_others_change_nothing(books: Books) -> None:
    asked: list[Ask] = []
    quiet: set[UUID] = set()
    for made in (*RULES.values(), *AFTERWARDS):
        sides, ask = made(books) if made in AFTERWARDS else _placing(books, made(books))
        quiet.update(sides)
        asked += [ask] * 3
    before = naming(books, quiet)
    with busy(books), ThreadPoolExecutor(3) as pool:
        outcomes = [*pool.map(lambda ask: ask(), asked)]
    assert all(outcome.refusal for outcome in outcomes)
    assert naming(books, quiet) == before
    books.check()


def _placing(books: Books, sides: Sides) -> tuple[Sides, Ask]:
    """A hold that the rule refuses as it does a transfer."""
    expires_at = books.now + timedelta(days=1)
    return sides, lambda: holds.place(
        books.ledger, Hold(new_id(), *sides, 10, "EUR", Operation.P2P, expires_at)
    )


def _parties(books: Books) -> Sides:
    """A payer and a payee whose limits count what they move."""
    counted = profile(rule(Metric.FLOW, 500, Direction.OUT, Window.DAY))
    return books.funded(100, profile=counted), books.funded(0, profile=counted)


def beyond_the_hold(books: Books) -> tuple[Sides, Ask]:
    sides = _parties(books)
    hold = hold_of(books, sides, 10)
    return sides, lambda: holds.capture(books.ledger, hold, new_id(), 11)


def captured_for_one_who_is_frozen(books: Books) -> tuple[Sides, Ask]:
    sides = _parties(books)
    hold = hold_of(books, sides, 10)
    books.freeze(sides[1], debit=False, credit=True)
    return sides, lambda: holds.capture(books.ledger, hold, new_id(), 6)


def captured_for_one_who_is_full(books: Books) -> tuple[Sides, Ask]:
    sides = _parties(books)
    hold = hold_of(books, sides, 10)
    account_changes.set_bounds(books.ledger, sides[1], floor=None, ceiling=5, actor="ops-1", reason="risk")
    return sides, lambda: holds.capture(books.ledger, hold, new_id(), 6)


def _paid(books: Books, sides: Sides) -> UUID:
    payment = books.transfer(*sides, 10, Operation.P2P)
    books.posted(payment)
    return payment.id


def refunded_beyond_the_original(books: Books) -> tuple[Sides, Ask]:
    sides = _parties(books)
    paid = _paid(books, sides)
    return sides, lambda: reversals.refund(books.ledger, paid, new_id(), 11, reason="goods returned")


def refunded_without_funds(books: Books) -> tuple[Sides, Ask]:
    sides = _parties(books)
    paid = _paid(books, sides)
    books.posted(books.transfer(sides[1], books.account(), 5))
    return sides, lambda: reversals.refund(books.ledger, paid, new_id(), reason="goods returned")


AFTERWARDS = (
    beyond_the_hold,
    captured_for_one_who_is_frozen,
    captured_for_one_who_is_full,
    refunded_beyond_the_original,
    refunded_without_funds,
)
"""What is refused of a hold or a transfer that was accepted."""
