"""The outbox: everything once, in order per account, whoever commits when."""

import random
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest
from books import NOON, Books, on_database
from hypothesis import given
from hypothesis import strategies as st
from ways import WAYS

from emoney.ledger import AccountKind, Operation
from emoney.ledger.base.errors import ConfigurationError, InvalidInput
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.outbox import Consumer, ConsumerMoved, Event, Start, append, dead_letters, find


def drain(consumer: Consumer, limit: int = 100) -> list[Event]:
    """Everything there is, acknowledged page by page."""
    events: list[Event] = []
    while page := consumer.read(limit):
        consumer.acknowledge(page[-1])
        events += page
    return events


def ids(events: list[Event]) -> list[UUID]:
    return [event.id for event in events]


def take_number(connection: Connection) -> int:
    """Give the connection's transaction its id, as its first write would."""
    row = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
    assert row is not None
    return int(row[0])


def test_an_event_says_what_was_moved_and_why_it_was_not(books: Books) -> None:
    bank = books.account(AccountKind.SAFEGUARDING, ref="bank")
    ama, shop = books.account(ref="ama"), books.account(AccountKind.MERCHANT, ref="shop")
    load = books.transfer(bank, ama, 1_234, Operation.LOAD, reference="slip 1")
    pay = books.transfer(ama, shop, 9_999, Operation.PAY, reference="till 7")
    books.post(load, pay)
    posted, refused = drain(Consumer(books.database, "backend"))
    assert posted.to_json() == {
        "id": str(load.id),
        "type": "transfer.posted",
        "at": NOON.isoformat(),
        "position": posted.position,
        "operation": "load",
        "reference": "slip 1",
        "group": None,
        "effective_at": NOON.isoformat(),
        "amount": {"minor": 1234, "decimal": "12.34", "currency": "EUR"},
        "debit": {"account": "bank", "version": 1},
        "credit": {"account": "ama", "version": 1},
    }
    assert refused.type == "transfer.refused"
    assert refused.data["debit"] == {"account": "ama"}
    assert refused.data["refusal"]["rule"] == "funds"
    with books.database.connection() as connection:
        assert [find(connection, event.id) for event in (posted, refused)] == [posted, refused]
        assert find(connection, new_id()) is None


def test_a_consumer_resumes_after_what_it_acknowledged(books: Books) -> None:
    wallet, other = books.funded(100), books.account()
    sent = [books.transfer(wallet, other, 1) for _ in range(5)]
    books.posted(*sent)
    consumer = Consumer(books.database, "backend")
    first = consumer.read(3)
    assert consumer.read(3) == first
    assert Consumer(books.database, "backend").read(3) == first  # nothing was acknowledged
    consumer.acknowledge(first[1])
    again = Consumer(books.database, "backend")
    rest = drain(again, 1)
    assert ids([*first[:2], *rest])[1:] == [each.id for each in sent]
    assert again.read() == []
    assert Consumer(books.database, "backend").read() == []
    late = books.transfer(wallet, other, 1)
    books.posted(late)
    assert ids(Consumer(books.database, "backend").read()) == [late.id]


def test_consumers_are_independent_and_may_begin_now(books: Books) -> None:
    wallet, other = books.funded(100), books.account()
    one, now = Consumer(books.database, "one"), Consumer(books.database, "now", start=Start.NOW)
    assert len(drain(one)) == 1
    assert now.read() == []
    pay = books.transfer(wallet, other, 1)
    books.posted(pay)
    assert ids(drain(one)) == ids(drain(now)) == [pay.id]
    assert len(drain(Consumer(books.database, "two"))) == 2


def test_what_commits_late_is_not_skipped_and_nobody_waits_for_it(books: Books) -> None:
    slow, quick, other = books.funded(10), books.funded(10), books.account()
    consumer = Consumer(books.database, "backend")
    drain(consumer)
    late = books.transfer(slow, books.account(), 1)
    soon = [books.transfer(quick, other, 1) for _ in range(3)]
    with books.database.connection() as connection:
        books.ledger.post_in(connection, [late])
        books.posted(*soon)
        assert ids(drain(consumer, 1)) == [each.id for each in soon]
        assert Consumer(books.database, "backend").read() == []
    assert ids(drain(consumer)) == [late.id]
    assert drain(consumer) == []


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_transaction_ids_do_not_order_an_account_but_positions_do(books: Books, limit: int) -> None:
    """The later posting is of the earlier transaction, and a third is open between them."""
    wallet, other = books.funded(10), books.account()
    consumer = Consumer(books.database, "backend")
    drain(consumer)
    second, first = books.transfer(wallet, other, 2), books.transfer(wallet, other, 1)
    with books.database.connection() as third:
        with books.database.connection() as early:
            number = take_number(early)
            assert take_number(third) > number
            books.posted(first)
            books.ledger.post_in(early, [second])
        # what a follower by transaction id would be given now: the second without the first
        with books.database.connection() as connection:
            below_horizon = connection.execute(
                "SELECT id FROM ledger.transfer WHERE id = ANY(%s)"
                " AND xact < pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
                ([first.id, second.id],),
            ).fetchall()
        assert below_horizon == [(second.id,)]
        assert ids(drain(consumer, limit)) == [first.id, second.id]


def test_pages_cross_wide_gaps(books: Books) -> None:
    slow, quick, other = books.funded(10), books.funded(10), books.account()
    consumer = Consumer(books.database, "backend")
    late = books.transfer(slow, books.account(), 1)
    with books.database.connection() as connection:
        books.ledger.post_in(connection, [late])
        books.posted(books.transfer(quick, other, 1))
        drain(consumer)
        with books.database.connection() as burner:
            burner.execute("SELECT count(nextval('ledger.event_position')) FROM generate_series(1, 50000)")
    last = books.transfer(quick, other, 1)
    books.posted(last)
    assert ids(drain(consumer, 1)) == [late.id, last.id]


THREADS = 8


def test_order_per_account_with_many_writers_and_long_transactions(books: Books) -> None:
    """Writers take their transaction's number early, post at their own pace, and some roll back.

    Replaying the events as delivered must make sense at every step: versions follow each other, and a payment
    refused for want of funds was one its payer could not make at that place.
    """
    wallets = [books.funded(300) for _ in range(4)]
    writers_left = threading.Semaphore(0)
    received: list[Event] = []

    def write(number: int) -> None:
        chance = random.Random(number)
        try:
            for _ in range(12):
                with suppress(ZeroDivisionError), books.database.connection() as connection:
                    if chance.random() < 0.7:
                        take_number(connection)
                        time.sleep(chance.random() * 0.02)
                    # all of a transaction's accounts are locked at its first posting: no circles
                    payer, payee = chance.sample(wallets, 2)
                    for _ in range(chance.randint(1, 4)):
                        pay = books.transfer(payer, payee, chance.randint(1, 400))
                        books.ledger.post_in(connection, [pay])
                        payer, payee = payee, payer
                    time.sleep(chance.random() * 0.01)
                    if chance.random() < 0.2:
                        raise ZeroDivisionError
        finally:
            writers_left.release()

    def follow() -> None:
        chance = random.Random(99)
        left = THREADS
        while True:
            consumer = Consumer(books.database, "backend")  # resumes, as after a restart
            for _ in range(chance.randint(1, 5)):
                events = consumer.read(chance.randint(1, 7))
                if events:
                    upto = chance.randint(1, len(events))
                    consumer.acknowledge(events[upto - 1])
                    received.extend(events[:upto])
                elif left == 0:
                    return
                while left and writers_left.acquire(blocking=False):
                    left -= 1

    with ThreadPoolExecutor(THREADS + 1) as pool:
        done = [pool.submit(write, number) for number in range(THREADS)]
        reader = pool.submit(follow)
        for each in done:
            each.result()
        reader.result(timeout=120)

    with books.database.connection() as connection:
        posted = {row[0] for row in connection.execute("SELECT id FROM ledger.transfer")}
        refused = {row[0] for row in connection.execute("SELECT transfer_id FROM ledger.refusal")}
    assert sorted(ids(received)) == sorted(posted | refused)
    assert refused
    replay(received, {str(wallet) for wallet in wallets})
    books.check()


def replay(events: list[Event], wallets: set[str]) -> None:
    """Walk through the events as a consumer that keeps balances would."""
    versions: dict[str, int] = defaultdict(int)
    balances: dict[str, int] = defaultdict(int)
    for event in events:
        amount = event.data["amount"]["minor"]
        debit, credit = event.data["debit"], event.data["credit"]
        if event.type == "transfer.refused":
            assert event.data["refusal"]["rule"] == "funds"
            assert balances[debit["account"]] < amount
            continue
        for side, delta in ((debit, -amount), (credit, amount)):
            assert side["version"] == versions[side["account"]] + 1
            versions[side["account"]] += 1
            balances[side["account"]] += delta
            assert balances[side["account"]] >= 0 or side["account"] not in wallets


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_a_batch_is_in_the_order_it_was_sent(shared_books: Books, way: str, limit: int) -> None:
    """Whatever of it is refused: nothing, the first, the last, many in a row, all, in groups too."""
    books = shared_books
    wallets = [books.funded(1_000) for _ in range(3)]
    consumer = Consumer(books.database, new_id().hex, start=Start.NOW)
    chance = random.Random(limit)
    expected = []
    for shape in (
        "p" * 40,
        "r" + "p" * 20,
        "p" * 20 + "r",
        "r" * 30,
        "p",
        "r",
        "rrrprrrpprrrr",
        "gpGgg",
        *"x" * 8,
    ):
        kinds = [chance.choice("pprrg") for _ in range(chance.randint(1, 60))] if shape == "x" else shape
        sent = []
        for kind in kinds:
            payer, payee = chance.sample(wallets, 2)
            group = new_id() if kind in "gG" else None
            amount = 2_000_000 if kind in "rG" else chance.randint(1, 9)
            sent.append(books.transfer(payer, payee, amount, group=group))
            if group is not None:
                sent.append(books.transfer(payee, payer, 1, group=group))
        expected += [
            (outcome.transfer_id, "transfer.posted" if outcome.posted else "transfer.refused")
            for outcome in WAYS[way](books, sent)
        ]
    delivered = [(event.id, event.type) for event in drain(consumer, limit)]
    assert delivered == expected
    assert len({type for _, type in delivered}) == 2


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 400)), max_size=40),
        max_size=6,
    ),
    st.sampled_from(sorted(WAYS)),
)
@on_database(60)
def test_each_refusal_makes_sense_at_its_place(
    shared_books: Books, batches: list[list[tuple[int, int, int]]], way: str
) -> None:
    books = shared_books
    consumer = Consumer(books.database, new_id().hex, start=Start.NOW)
    wallets = [books.funded(300) for _ in range(3)]
    for batch in batches:
        sent = [
            books.transfer(wallets[payer], wallets[payee], amount)
            for payer, payee, amount in batch
            if payer != payee
        ]
        if sent:
            WAYS[way](books, sent)
    replay(drain(consumer, 9), {str(wallet) for wallet in wallets})


def test_two_processes_under_one_name_find_out(books: Books) -> None:
    wallet, other = books.funded(10), books.account()
    books.posted(books.transfer(wallet, other, 1))
    one, other_one = Consumer(books.database, "backend"), Consumer(books.database, "backend")
    event = one.read()[0]
    other_one.acknowledge(other_one.read()[0])
    with pytest.raises(ConsumerMoved):
        one.acknowledge(event)
    assert len(Consumer(books.database, "backend").read()) == 1


def test_an_event_that_was_not_read_is_not_acknowledged(books: Books) -> None:
    wallet, other = books.funded(10), books.account()
    consumer = Consumer(books.database, "backend")
    (event,) = consumer.read()
    consumer.acknowledge(event)
    books.posted(books.transfer(wallet, other, 1))
    (ahead,) = Consumer(books.database, "two").read()[1:]
    for wrong in (event, ahead):
        with pytest.raises(InvalidInput, match="does not stand after"):
            consumer.acknowledge(wrong)


@pytest.mark.parametrize("name", ["", "Backend", "a b", "-a", "a" * 65, "é", "a\0"])
def test_bad_names(books: Books, name: str) -> None:
    with pytest.raises(InvalidInput, match="names no consumer"):
        Consumer(books.database, name)


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_bad_limits(books: Books, limit: int) -> None:
    with pytest.raises(InvalidInput, match="can be read at once"):
        Consumer(books.database, "backend").read(limit)


def test_a_restored_dump_is_told(books: Books) -> None:
    """A dump keeps the consumer's snapshot, but not the counter of transactions it speaks of."""
    consumer = Consumer(books.database, "backend")
    with psycopg.connect(books.owner_url) as connection:
        connection.execute("UPDATE ledger.consumer SET done = '900000000:900000000:'")
    consumer = Consumer(books.database, "backend")
    with pytest.raises(ConfigurationError, match="restored from a dump"):
        consumer.read()


# Events of other kinds


def test_a_recorded_event_stands_among_its_accounts_transfers(books: Books) -> None:
    bank = books.account(AccountKind.SAFEGUARDING, ref="bank")
    ama, kofi = books.account(ref="ama"), books.account(ref="kofi")
    load = books.transfer(bank, ama, 100, Operation.LOAD, reference="slip")
    pays = [books.transfer(ama, kofi, 1) for _ in range(2)]
    books.posted(load, pays[0])
    with books.database.connection() as connection:
        hold = append(connection, "hold.placed", ama, {"hold": "h1", "amount": 7}, at=NOON)
    books.posted(pays[1])
    events = drain(Consumer(books.database, "backend"), 1)
    assert ids(events) == [load.id, pays[0].id, hold, pays[1].id]
    assert events[2].to_json() == {
        "id": str(hold),
        "type": "hold.placed",
        "at": NOON.isoformat(),
        "position": events[2].position,
        "subject": "ama",
        "payload": {"hold": "h1", "amount": 7},
    }
    with books.database.connection() as connection:
        assert find(connection, hold) == events[2]


def test_a_recorded_event_is_as_its_transaction(books: Books) -> None:
    consumer = Consumer(books.database, "backend")
    with suppress(ZeroDivisionError), books.database.connection() as connection:
        append(connection, "shortfall.found", new_id(), {"minor": 5})
        raise ZeroDivisionError
    assert consumer.read() == []


def test_events_of_one_subject_keep_their_order(books: Books) -> None:
    """The second waits until the first is done, though its subject is no account."""
    subject = new_id()

    def write(number: int) -> None:
        for _ in range(5):
            with books.database.connection() as connection:
                take_number(connection)
                time.sleep(random.Random(number).random() * 0.01)
                append(connection, "counter.moved", subject, {})
                row = connection.execute(
                    "SELECT count(*) FROM ledger.event WHERE subject = %s", (subject,)
                ).fetchone()
                assert row is not None
                append(connection, "counter.counted", subject, {"count": row[0]})

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(write, range(THREADS)))
    events = drain(Consumer(books.database, "backend"), 3)
    counts = [event.data["payload"]["count"] for event in events if event.type == "counter.counted"]
    assert counts == list(range(1, 2 * 5 * THREADS, 2))


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("hold", {}),
        ("transfer.posted", {}),
        ("Hold.placed", {}),
        ("hold.placed", {"when": NOON}),
        ("hold.placed", {"text": "x" * 20_000}),
        ("hold.placed", {"text": "\0"}),
        ("hold.placed", {"number": float("nan")}),
        ("hold.placed", []),
    ],
)
def test_bad_events_are_not_recorded(books: Books, kind: str, payload: Any) -> None:
    with pytest.raises(InvalidInput), books.database.connection() as connection:
        append(connection, kind, new_id(), payload)
    assert Consumer(books.database, "backend").read() == []


# What the database itself enforces


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger.event (id, kind, subject, payload, recorded_at, position)"
        " VALUES (gen_random_uuid(), 'a.b', gen_random_uuid(), '{}', now(), 1)",
        "INSERT INTO ledger.event (id, kind, subject, payload, recorded_at, xact)"
        " VALUES (gen_random_uuid(), 'a.b', gen_random_uuid(), '{}', now(), 1)",
        "SELECT setval('ledger.event_position', 1)",
        "DELETE FROM ledger.consumer",
        "UPDATE ledger.event SET kind = 'a.c'",
        "DELETE FROM ledger.dead_letter",
    ],
)
def test_the_application_may_not(books: Books, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), books.database.connection() as connection:
        connection.execute(statement)


@pytest.mark.parametrize("table", ["event", "dead_letter", "redelivery"])
def test_not_even_the_owner_changes_what_is_append_only(books: Books, table: str) -> None:
    for statement in (f"DELETE FROM ledger.{table}", f"TRUNCATE ledger.{table} CASCADE"):
        with (
            pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="append-only"),
            psycopg.connect(books.owner_url) as connection,
        ):
            connection.execute(statement)


def test_what_is_given_up_is_listed_and_passed(books: Books) -> None:
    wallet, other = books.funded(10), books.account()
    books.posted(books.transfer(wallet, other, 1))
    consumer = Consumer(books.database, "backend")
    first, second = consumer.read()
    consumer.give_up(first, "answered 400")
    assert Consumer(books.database, "backend").read() == [second]
    with books.database.connection() as connection:
        (letter,) = dead_letters(connection)
    assert (letter.event_id, letter.consumer, letter.attempts) == (first.id, "backend", 1)
