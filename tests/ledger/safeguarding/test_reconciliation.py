"""The daily reconciliation: what is owed, what the books hold, what the banks hold, and what lies between."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from bank import Entry
from books import NOON, Books, on_database
from hypothesis import given
from hypothesis import strategies as st
from looks import DAY, ONE, Bank, load, run

from emoney.ledger import AccountKind, Operation
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.outbox import Consumer
from emoney.ledger.safeguarding import Event, EventKind, Reconciliation, reconcile, reconciliation
from emoney.ledger.safeguarding.matching import Side


def kinds(found: Reconciliation) -> list[EventKind]:
    return [event.kind for event in found.events]


def test_a_day_on_which_all_agree_is_clean(books: Books, funds: UUID, bank: Bank) -> None:
    wallet = load(books, funds, 1000, "r1")
    books.posted(books.transfer(wallet, funds, 300, Operation.REDEEM_BANK, reference="r2"))
    bank.says(DAY, Entry(1000, DAY, "r1"), Entry(-300, DAY, "r2"))
    found = run(books)
    assert found.clean
    (euro,) = found.currencies
    assert (euro.requirement, euro.safeguarded, euro.in_transit) == (700, 700, 0)
    assert (euro.at_banks, euro.available_at_banks) == (700, 700)
    (account,) = found.accounts
    assert (account.name, account.books, account.bank, account.unexplained) == ("bank-1", 700, 700, 0)
    assert account.items == ()


def test_what_is_booked_and_not_yet_at_the_bank_is_in_transit_and_then_a_break(
    books: Books, funds: UUID, bank: Bank
) -> None:
    bank.says(DAY)
    load(books, funds, 1000, "r1")
    found = run(books)
    assert found.clean
    (item,) = found.accounts[0].items
    assert (item.side, item.amount, item.reference, item.day) == (Side.BOOKS, 1000, "r1", DAY)
    for days in range(1, 5):
        bank.says(DAY + days * ONE)
    assert run(books, DAY + 3 * ONE).clean
    late = run(books, DAY + 4 * ONE)
    account = late.accounts[0].account_id
    assert late.events == (
        Event(EventKind.SHORTFALL_AT_BANKS, "EUR", 1000, DAY + 4 * ONE, 0),
        Event(EventKind.NOT_AT_BANK, "EUR", 1000, DAY, 4, account, "r1"),
    )


def test_what_is_at_the_bank_and_not_yet_booked_counts_for_nobody(
    books: Books, funds: UUID, bank: Bank
) -> None:
    bank.says(DAY, Entry(500, DAY, "unknown"))
    found = run(books)
    assert found.clean
    (item,) = found.accounts[0].items
    assert (item.side, item.amount, item.entry_number) == (Side.BANK, 500, 1)
    assert (found.currencies[0].at_banks, found.currencies[0].available_at_banks) == (500, 0)
    bank.says(DAY + 4 * ONE)
    assert kinds(run(books, DAY + 4 * ONE)) == [EventKind.NOT_IN_BOOKS]


def test_a_charge_that_the_bank_took_is_missing_at_once(books: Books, funds: UUID, bank: Bank) -> None:
    load(books, funds, 1000, "r1")
    bank.says(DAY, Entry(1000, DAY, "r1"), Entry(-5, DAY))
    found = run(books)
    assert [(event.kind, event.amount) for event in found.events] == [(EventKind.SHORTFALL_AT_BANKS, 5)]


def test_a_day_reads_the_same_when_more_has_happened(books: Books, funds: UUID, bank: Bank) -> None:
    bank.says(DAY)
    wallet = load(books, funds, 1000, "r1")
    first = run(books)
    load(books, funds, 70, "r2", wallet=wallet)
    bank.says(DAY + ONE, Entry(1000, DAY + ONE, "r1"), Entry(70, DAY + ONE, "r2"))
    again = run(books)
    assert (again.currencies, again.accounts) == (first.currencies, first.accounts)
    after = run(books, DAY + ONE)
    assert after.clean
    assert after.accounts[0].items == ()
    assert after.currencies[0].requirement == 1070


def test_entries_without_a_reference_are_matched_by_amount_and_nearness(
    books: Books, funds: UUID, bank: Bank
) -> None:
    load(books, funds, 1000, "r1")
    load(books, funds, 1000, "r2")
    bank.says(DAY, Entry(1000, DAY))
    found = run(books)
    assert [item.reference for item in found.accounts[0].items] == ["r2"]


def test_the_banks_own_reference_matches_where_ours_does_not(books: Books, funds: UUID, bank: Bank) -> None:
    load(books, funds, 1000, "B-77")
    bank.says(DAY, Entry(1000, DAY, "something", "B-77"))
    assert run(books).accounts[0].items == ()


def test_one_reference_with_two_amounts_is_a_break(books: Books, funds: UUID, bank: Bank) -> None:
    load(books, funds, 1000, "r1")
    bank.says(DAY, Entry(990, DAY, "r1"))
    found = run(books)
    assert Event(EventKind.AMOUNT_DIFFERS, "EUR", -10, DAY, 0, funds, "r1") in found.events
    assert found.accounts[0].unexplained == 0


def test_an_account_without_a_statement_is_a_break(books: Books, funds: UUID, bank: Bank) -> None:
    load(books, funds, 1000, "r1")
    found = run(books)
    assert EventKind.NO_STATEMENT in kinds(found)
    assert found.accounts[0].bank is None
    bank.says(DAY, Entry(1000, DAY, "r1"))
    assert run(books).clean
    stale = run(books, DAY + 2 * ONE)
    assert stale.events == (Event(EventKind.NO_STATEMENT, "EUR", 1000, DAY, 2, funds),)


def test_a_missing_statement_is_told(books: Books, funds: UUID, bank: Bank) -> None:
    load(books, funds, 1000, "r1")
    bank.says(DAY, Entry(1000, DAY, "r1"))
    bank.says(DAY + 2 * ONE, opening=900)
    found = run(books, DAY + 2 * ONE)
    assert [(event.kind, event.amount) for event in found.events] == [
        (EventKind.SHORTFALL_AT_BANKS, 100),
        (EventKind.STATEMENT_GAP, -100),
        (EventKind.UNEXPLAINED, 100),
    ]


def test_what_came_before_the_first_statement_is_its_opening_balance(
    books: Books, funds: UUID, bank: Bank
) -> None:
    load(books, funds, 1000, "old")
    load(books, funds, 50, "on its way")
    books.now += 10 * ONE
    bank.balance = 1000
    day = DAY + 10 * ONE
    bank.says(day, Entry(50, day, "on its way"))
    found = run(books, day)
    assert found.clean
    assert found.accounts[0].items == ()


def test_e_money_without_funds_is_a_shortfall(books: Books, funds: UUID, bank: Bank) -> None:
    wallet = load(books, funds, 1000, "r1")
    bank.says(DAY, Entry(1000, DAY, "r1"))
    books.posted(books.transfer(books.account(AccountKind.OWN_FUNDS), wallet, 40, Operation.DISBURSE))
    found = run(books)
    assert [(event.kind, event.amount) for event in found.events] == [
        (EventKind.SHORTFALL, 40),
        (EventKind.SHORTFALL_AT_BANKS, 40),
    ]


def test_currencies_do_not_cover_each_other(books: Books, funds: UUID, bank: Bank, tmp_path: Path) -> None:
    load(books, funds, 1000, "r1")
    bank.says(DAY, Entry(1000, DAY, "r1"))
    own, dollars = (books.account(kind, "USD") for kind in (AccountKind.OWN_FUNDS, AccountKind.CUSTOMER))
    books.posted(books.transfer(own, dollars, 7, Operation.DISBURSE, currency="USD"))
    found = run(books)
    assert [(event.kind, event.currency, event.amount) for event in found.events] == [
        (EventKind.SHORTFALL, "USD", 7),
        (EventKind.SHORTFALL_AT_BANKS, "USD", 7),
    ]


def test_a_day_ends_in_the_operators_time_zone(books: Books, funds: UUID, bank: Bank) -> None:
    books.now = datetime.fromisoformat("2026-03-10T22:30:00+00:00")
    load(books, funds, 1000, "r1")
    assert run(books).currencies[0].requirement == 1000
    assert run(books, time_zone="Africa/Nairobi").currencies[0].requirement == 0


@pytest.mark.parametrize("day", [DAY, DAY + ONE])
def test_a_day_that_is_not_over_is_refused(books: Books, day: date) -> None:
    with books.database.connection() as connection, pytest.raises(InvalidInput, match="not over"):
        reconcile(connection, day, clock=lambda: books.now)


def test_a_day_is_reconciled_once_its_last_postings_have_settled(books: Books, funds: UUID) -> None:
    books.now = datetime.fromisoformat("2026-03-11T00:00:30+00:00")
    with books.database.connection() as connection, pytest.raises(InvalidInput, match="a minute after"):
        reconcile(connection, DAY, clock=lambda: books.now)
    books.now += timedelta(seconds=30)
    with books.database.connection() as connection:
        assert reconcile(connection, DAY, clock=lambda: books.now).clean


def test_the_result_is_stored_with_its_items_and_events_and_stays(
    books: Books, funds: UUID, bank: Bank, owner_url: str
) -> None:
    bank.says(DAY, Entry(5, DAY, "x"))
    load(books, funds, 1000, "r1")
    found = run(books, transit_days_max=0)
    later = run(books, DAY + ONE, transit_days_max=0)
    with books.database.connection() as connection:
        rows = connection.execute("SELECT id, day, clean FROM ledger.reconciliation ORDER BY day").fetchall()
        items = connection.execute(
            "SELECT side, amount, age_days, reference FROM ledger.reconciliation_item"
            " WHERE reconciliation_id = %s ORDER BY 1",
            (later.id,),
        ).fetchall()
        events = connection.execute(
            "SELECT kind, amount, account_id, age_days FROM ledger.safeguarding_event"
            " WHERE reconciliation_id = %s ORDER BY 1",
            (later.id,),
        ).fetchall()
    assert rows == [(found.id, DAY, True), (later.id, DAY + ONE, False)]
    assert items == [("bank", 5, 1, "x"), ("books", 1000, 1, "r1")]
    assert events == [
        ("no_statement", 1000, funds, 1),
        ("not_at_bank", 1000, funds, 1),
        ("not_in_books", 5, funds, 1),
        ("shortfall_at_banks", 1000, None, 0),
    ]
    for table in (
        "reconciliation",
        "reconciliation_total",
        "reconciliation_account",
        "reconciliation_item",
        "safeguarding_event",
    ):
        with psycopg.connect(owner_url) as connection, pytest.raises(psycopg.Error, match="append-only"):
            connection.execute(f"DELETE FROM ledger.{table}")


@given(data=st.data())
@on_database(20)
def test_books_less_bank_is_what_the_items_say(
    shared_books: Books, tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    """Whatever is booked and whatever the bank says, in whatever order: every minor unit is explained."""
    books = shared_books
    books.now = NOON
    funds = books.account(AccountKind.SAFEGUARDING)
    bank = Bank(books, funds, tmp_path_factory.mktemp("bank"))
    references = st.sampled_from(["a", "b", "c", None])
    wallet = books.account()
    bank.says(DAY)
    for number in range(1, 5):
        day = DAY + number * ONE
        books.now = NOON + number * ONE
        for amount in data.draw(st.lists(st.integers(1, 3), max_size=3), f"booked on day {number}"):
            reference = data.draw(references, "reference") or "load"
            load(books, funds, amount, reference, wallet=wallet)
        said = st.lists(st.tuples(st.sampled_from([1, 2, 3, -1]), references), max_size=3)
        bank.says(day, *(Entry(amount, day, ref) for amount, ref in data.draw(said, f"said on day {number}")))
    for number in range(1, 5):
        found = run(books, DAY + number * ONE)
        (account,) = (account for account in found.accounts if account.account_id == funds)
        assert account.unexplained == 0
        assert account.bank is not None
        by_side = {side: sum(item.amount for item in account.items if item.side is side) for side in Side}
        assert account.books - account.bank == by_side[Side.BOOKS] - by_side[Side.BANK]
        assert all(item.day <= found.day for item in account.items)


def test_each_finding_is_an_event_for_others_too(
    books: Books, funds: UUID, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the account has moved since the snapshot that is read."""
    wallet = load(books, funds, 1000, "r1")
    bank.says(DAY, Entry(900, DAY, "other"))
    store = reconciliation._store

    def moved_meanwhile(connection: Connection, found: Reconciliation) -> None:
        books.posted(books.transfer(wallet, funds, 1, Operation.REDEEM_BANK, reference="r9"))
        store(connection, found)

    monkeypatch.setattr(reconciliation, "_store", moved_meanwhile)
    found = run(books, DAY + ONE, transit_days_max=0)
    told = [e for e in Consumer(books.database, "test").read() if e.type.startswith("safeguarding.")]
    with books.database.connection() as connection:
        stored = connection.execute("SELECT id, kind, amount FROM ledger.safeguarding_event").fetchall()
    assert [e.type for e in told] == [f"safeguarding.{event.kind}" for event in found.events]
    assert {(e.id, e.type, e.data["payload"]["minor"]) for e in told} == {
        (event_id, f"safeguarding.{kind}", amount) for event_id, kind, amount in stored
    }
    shortfall = next(e for e in told if e.type == "safeguarding.shortfall_at_banks")
    assert shortfall.data == {
        "subject": str(found.id),
        "payload": {
            "reconciliation": str(found.id),
            "day": "2026-03-11",
            "minor": 1000,
            "currency": "EUR",
            "account": None,
            "since": "2026-03-11",
            "age_days": 0,
            "reference": None,
        },
    }
    late = next(e for e in told if e.type == "safeguarding.not_at_bank").data["payload"]
    assert (late["account"], late["minor"], late["reference"]) == ("bank-1", 1000, "r1")


def test_a_clean_day_tells_nobody(books: Books, funds: UUID, bank: Bank) -> None:
    load(books, funds, 1000, "r1")
    bank.says(DAY, Entry(1000, DAY, "r1"))
    assert run(books).clean
    assert all(e.type == "transfer.posted" for e in Consumer(books.database, "test").read())
