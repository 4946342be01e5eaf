"""Since when a shortfall or a break has been there, and how often it is told."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from bank import Entry
from books import Books
from looks import DAY, ONE, Bank, load, run

from emoney.ledger import AccountKind, Operation
from emoney.ledger.base import turns
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.outbox import Consumer
from emoney.ledger.safeguarding import EventKind, Reconciliation, reconcile, reconciliation

BOTH_SHORTFALLS = (EventKind.SHORTFALL, EventKind.SHORTFALL_AT_BANKS)


def ages(found: Reconciliation) -> dict[EventKind, tuple[date, int]]:
    """Of each kind that was found, once: since when, and how many days."""
    told = {event.kind: (event.since, event.age_days) for event in found.events}
    assert len(told) == len(found.events)
    return told


def both(since: date, days: int) -> dict[EventKind, tuple[date, int]]:
    """Both kinds of shortfall and no break, of this age."""
    return dict.fromkeys(BOTH_SHORTFALLS, (since, days))


def unfunded(books: Books, amount: int, currency: str = "EUR") -> None:
    """E-money with no funds behind it."""
    own, wallet = (books.account(kind, currency) for kind in (AccountKind.OWN_FUNDS, AccountKind.CUSTOMER))
    books.posted(books.transfer(own, wallet, amount, Operation.DISBURSE, currency=currency))


def top_up(books: Books, funds: UUID, bank: Bank, amount: int) -> None:
    """Own money into the safeguarding account, at the bank on the same day."""
    own, day = books.account(AccountKind.OWN_FUNDS), books.now.date()
    books.posted(books.transfer(funds, own, amount, Operation.LOAD, reference=f"top-up {day}"))
    bank.says(day, Entry(amount, day, f"top-up {day}"))


def told(books: Books) -> list[tuple[str, dict[str, Any]]]:
    """Kind and payload of each event of safeguarding, in order."""
    return [
        (event.type.removeprefix("safeguarding."), event.data["payload"])
        for event in Consumer(books.database, "test").read()
        if event.type.startswith("safeguarding.")
    ]


def test_a_shortfall_is_as_old_as_the_recorded_days_that_have_it(
    books: Books, funds: UUID, bank: Bank
) -> None:
    """Whatever it amounts to from day to day, and over a day that nobody looked at."""
    load(books, funds, 1000, "r1")
    bank.says(DAY, Entry(1000, DAY, "r1"))
    assert run(books).clean
    for day in range(1, 5):
        unfunded(books, day)
        bank.says(DAY + day * ONE)
        if day == 3:
            books.now += ONE
            continue
        found = run(books, DAY + day * ONE)
        assert ages(found) == both(DAY + ONE, day - 1)
        assert {event.amount for event in found.events} == {day * (day + 1) // 2}


def test_a_shortfall_that_was_made_good_and_comes_again_is_a_new_one(
    books: Books, funds: UUID, bank: Bank
) -> None:
    unfunded(books, 40)
    bank.says(DAY)
    assert ages(run(books)) == both(DAY, 0)
    top_up(books, funds, bank, 40)
    assert run(books, DAY + ONE).clean
    unfunded(books, 40)
    bank.says(DAY + 2 * ONE)
    assert ages(run(books, DAY + 2 * ONE)) == both(DAY + 2 * ONE, 0)


def test_a_day_that_a_late_statement_clears_ends_it(books: Books, funds: UUID, bank: Bank) -> None:
    """Of a day the last look counts."""
    bank.says(DAY)
    load(books, funds, 1000, "r1")
    found = run(books, DAY + ONE, transit_days_max=0)
    assert ages(found)[EventKind.SHORTFALL_AT_BANKS] == (DAY + ONE, 0)
    bank.says(DAY + ONE, Entry(1000, DAY + ONE, "r1"))
    assert run(books, DAY + ONE, transit_days_max=0).clean
    bank.says(DAY + 2 * ONE, Entry(-5, DAY + 2 * ONE))
    assert ages(run(books, DAY + 2 * ONE)) == {EventKind.SHORTFALL_AT_BANKS: (DAY + 2 * ONE, 0)}


def test_a_day_that_is_looked_at_late_prolongs_it(books: Books, funds: UUID, bank: Bank) -> None:
    unfunded(books, 40)
    for day in range(3):
        bank.says(DAY + day * ONE)
    assert ages(run(books, DAY + 2 * ONE)) == both(DAY + 2 * ONE, 0)
    run(books, DAY)
    assert ages(run(books, DAY + 2 * ONE)) == both(DAY, 2)


def test_only_looks_in_the_same_time_zone_and_currency_count(books: Books, funds: UUID, bank: Bank) -> None:
    unfunded(books, 40)
    bank.says(DAY)
    bank.says(DAY + ONE)
    run(books)
    unfunded(books, 7, "USD")
    found = run(books, DAY + ONE)
    assert {(event.currency, event.since) for event in found.events} == {("EUR", DAY), ("USD", DAY + ONE)}
    elsewhere = run(books, DAY + ONE, time_zone="Africa/Nairobi")
    assert {(event.currency, event.since) for event in elsewhere.events} == {
        ("EUR", DAY + ONE),
        ("USD", DAY + ONE),
    }


def test_what_is_unexplained_is_as_old_as_the_recorded_days_that_have_it(
    books: Books, funds: UUID, bank: Bank
) -> None:
    load(books, funds, 1000, "r1")
    bank.says(DAY, Entry(1000, DAY, "r1"))
    bank.says(DAY + ONE, opening=900)
    bank.says(DAY + 2 * ONE)
    bank.says(DAY + 3 * ONE, opening=1000)
    assert run(books).clean
    for day in (1, 2):
        found = ages(run(books, DAY + day * ONE))
        assert found[EventKind.UNEXPLAINED] == (DAY + ONE, day - 1)
        assert found[EventKind.STATEMENT_GAP] == (DAY + ONE, day - 1)
        assert found[EventKind.SHORTFALL_AT_BANKS] == (DAY + ONE, day - 1)
    assert EventKind.UNEXPLAINED not in {event.kind for event in run(books, DAY + 3 * ONE).events}


def test_an_account_that_never_had_a_statement_has_lacked_it_since_its_first_entry(
    books: Books, funds: UUID
) -> None:
    """Not since it was opened, when there was nothing to state; in the calendar days of the operator."""
    assert run(books, DAY).clean
    books.now = datetime.fromisoformat("2026-03-15T22:30:00+00:00")
    load(books, funds, 1000, "r1")
    books.now += ONE
    load(books, funds, 1000, "r2")
    books.now += 10 * ONE
    day = date(2026, 3, 20)
    assert ages(run(books, day))[EventKind.NO_STATEMENT] == (date(2026, 3, 15), 5)
    nairobi = run(books, day, time_zone="Africa/Nairobi")
    assert ages(nairobi)[EventKind.NO_STATEMENT] == (date(2026, 3, 16), 4)
    assert ages(nairobi)[EventKind.SHORTFALL_AT_BANKS] == (day, 0)


def test_the_age_is_stored_and_told(books: Books, funds: UUID, bank: Bank) -> None:
    unfunded(books, 40)
    bank.says(DAY)
    bank.says(DAY + ONE)
    run(books)
    later = run(books, DAY + ONE)
    with books.database.connection() as connection:
        stored = connection.execute(
            "SELECT kind, since, age_days FROM ledger.safeguarding_event WHERE reconciliation_id = %s"
            " ORDER BY 1",
            (later.id,),
        ).fetchall()
    assert stored == [(str(kind), DAY, 1) for kind in BOTH_SHORTFALLS]
    ages_told = [(kind, event["day"], event["since"], event["age_days"]) for kind, event in told(books)]
    assert ages_told == [
        *((str(kind), "2026-03-10", "2026-03-10", 0) for kind in BOTH_SHORTFALLS),
        *((str(kind), "2026-03-11", "2026-03-10", 1) for kind in BOTH_SHORTFALLS),
    ]


def test_another_look_at_the_day_tells_only_what_is_new(books: Books, funds: UUID, bank: Bank) -> None:
    bank.says(DAY)
    for _ in range(2):  # two items alike
        load(books, funds, 500, "r1")
    unfunded(books, 40)
    bank.says(DAY + ONE)
    first = run(books, DAY + ONE, transit_days_max=0)
    kinds = ["shortfall", "shortfall_at_banks", "not_at_bank", "not_at_bank"]
    assert [kind for kind, _ in told(books)] == kinds
    again = run(books, DAY + ONE, transit_days_max=0)
    assert again.events == first.events
    assert [kind for kind, _ in told(books)] == kinds
    bank.says(DAY + ONE, Entry(-3, DAY + ONE))
    more = run(books, DAY + ONE, transit_days_max=0)
    assert [(kind, event["minor"]) for kind, event in told(books)[4:]] == [("shortfall_at_banks", 1043)]
    with books.database.connection() as connection:
        stored = connection.execute(
            "SELECT count(*) FROM ledger.safeguarding_event WHERE reconciliation_id = ANY (%s)",
            ([first.id, again.id, more.id],),
        ).fetchone()
    assert stored == (3 * 4,)


def test_an_age_that_is_known_better_by_now_is_no_news(books: Books, funds: UUID, bank: Bank) -> None:
    unfunded(books, 40)
    bank.says(DAY)
    bank.says(DAY + ONE)
    run(books, DAY + ONE)
    run(books, DAY)
    assert ages(run(books, DAY + ONE)) == both(DAY, 1)
    assert [event["day"] for _, event in told(books)] == ["2026-03-11"] * 2 + ["2026-03-10"] * 2


def test_two_looks_at_once_tell_once(
    books: Books, funds: UUID, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfunded(books, 40)
    bank.says(DAY)
    books.now += ONE
    store, within, go_on = reconciliation._store, threading.Event(), threading.Event()

    def slowly(connection: Connection, found: Reconciliation) -> None:
        within.set()
        assert go_on.wait(120)
        store(connection, found)

    monkeypatch.setattr(reconciliation, "_store", slowly)
    waits, pause = threading.Event(), time.sleep

    def waiting(seconds: float) -> None:
        waits.set()
        pause(seconds)

    monkeypatch.setattr(turns, "time", SimpleNamespace(monotonic=time.monotonic, sleep=waiting))
    with ThreadPoolExecutor(2) as threads:
        looks = [threads.submit(run, books)]
        assert within.wait(120)
        looks.append(threads.submit(run, books))
        assert waits.wait(120)
        go_on.set()
        first, second = (look.result() for look in looks)
    assert first.events == second.events
    assert [kind for kind, _ in told(books)] == [str(kind) for kind in BOTH_SHORTFALLS]
    with psycopg.connect(books.owner_url) as connection:
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        assert connection.execute(locks).fetchone() == (0,)


@pytest.mark.parametrize("how", ["read", "set", "block", "autocommit"])
def test_a_connection_that_is_at_work_is_refused_and_holds_nobody_up(
    books: Books, funds: UUID, how: str
) -> None:
    """It has its snapshot already, or none; the next look runs."""
    with books.database.connection() as connection:
        if how == "autocommit":
            connection.autocommit = True
        elif how != "block":
            connection.execute("SET LOCAL work_mem = '1MB'" if how == "set" else "SELECT FROM ledger.account")
        with (
            connection.transaction() if how == "block" else nullcontext(),
            pytest.raises(InvalidInput, match="transaction of its own"),
        ):
            reconcile(connection, DAY, clock=lambda: books.now + ONE)
        connection.rollback()
        connection.autocommit = False
        assert run(books).clean


def test_a_look_that_is_interrupted_while_it_waits_holds_nobody_up(
    books: Books, funds: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    with books.database.connection() as connection:

        def interrupted() -> None:
            monkeypatch.undo()
            raise KeyboardInterrupt

        monkeypatch.setattr(connection, "commit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            reconcile(connection, DAY, clock=lambda: books.now + ONE)
        assert run(books).clean


def test_what_was_gone_and_is_found_again_is_news(books: Books, funds: UUID, bank: Bank) -> None:
    bank.says(DAY, Entry(5, DAY, "x"))
    load(books, funds, 1000, "r1")
    books.now += ONE
    for transit_days in (0, 3, 0, 0):
        run(books, DAY + ONE, transit_days_max=transit_days)
    sent = [kind for kind, _ in told(books) if kind.endswith(("not_at_bank", "not_in_books"))]
    assert len(sent) == 4  # two findings, sent twice
