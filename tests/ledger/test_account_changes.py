"""Accounts frozen, bounded, moved, closed: each change with its record, and none without one."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from books import NOON, Books, on_database
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import AccountKind, NewAccount, Operation, account_changes, holds
from emoney.ledger.account_changes import AccountNotEmpty, BoundPassed, MisplacedAccount
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import AccountClosed, InvalidInput, UnknownAccount
from emoney.ledger.base.ids import new_id
from emoney.ledger.outbox import Consumer

BY = {"actor": "ops-1", "reason": "court order 17"}


def changes(books: Books, account: UUID) -> list[account_changes.Change]:
    """What is recorded of an account."""
    with books.database.connection() as connection:
        return account_changes.changes(connection, account)


def account(books: Books, account_id: UUID) -> accounts.Account:
    """The account as it stands."""
    with books.database.connection() as connection:
        return accounts.get(connection, account_id)


def refusal(books: Books, debit: UUID, credit: UUID, amount: int) -> str | None:
    """The rule that refuses a transfer, or None."""
    (outcome,) = books.post(books.transfer(debit, credit, amount))
    return outcome.refusal.rule if outcome.refusal else None


def test_a_freeze_stops_what_it_names_until_it_is_lifted_and_all_of_it_is_on_record(books: Books) -> None:
    a, b = books.funded(100), books.funded(100)
    account_changes.freeze(books.ledger, a, credit=False, **BY)
    assert (refusal(books, a, b, 1), refusal(books, b, a, 1)) == ("account.frozen_debit", None)
    account_changes.freeze(books.ledger, a, debit=False, actor="ops-2", reason="second order")
    assert (refusal(books, a, b, 1), refusal(books, b, a, 1)) == (
        "account.frozen_debit",
        "account.frozen_credit",
    )
    books.now += timedelta(hours=1)
    account_changes.unfreeze(books.ledger, a, credit=False, actor="ops-3", reason="order lifted")
    assert (refusal(books, a, b, 1), refusal(books, b, a, 1)) == (None, "account.frozen_credit")
    assert [
        (c.number, c.kind, c.frozen_debit, c.frozen_credit, c.actor, c.reason, c.at)
        for c in changes(books, a)
    ] == [
        (1, "freeze", True, False, "ops-1", "court order 17", NOON),
        (2, "freeze", True, True, "ops-2", "second order", NOON),
        (3, "unfreeze", False, True, "ops-3", "order lifted", NOON + timedelta(hours=1)),
    ]
    assert changes(books, b) == []
    books.check()


def test_every_change_is_an_event_among_the_accounts_transfers(books: Books) -> None:
    a = books.funded(100)
    account_changes.freeze(books.ledger, a, **BY)
    account_changes.set_bounds(books.ledger, a, floor=None, ceiling=500, **BY)
    events = Consumer(books.database, "test").read()
    assert [event.type for event in events] == ["transfer.posted", "account.freeze", "account.bounds"]
    assert events[1].data == {"subject": str(a), "payload": changes(books, a)[0].to_json()}


def test_an_account_is_closed_at_zero_only_and_for_good(books: Books) -> None:
    a, b = books.funded(100), books.account()
    hold = holds.Hold(new_id(), a, b, 30, "EUR", Operation.P2P, NOON + timedelta(hours=1))
    with pytest.raises(AccountNotEmpty, match=r"1\.00 EUR"):
        account_changes.close(books.ledger, a, **BY)
    assert holds.place(books.ledger, hold).posted
    for held in (a, b):  # b holds nothing, but something is held for it
        with pytest.raises(AccountNotEmpty, match="30"):
            account_changes.close(books.ledger, held, **BY)
    holds.void(books.ledger, hold.id)
    books.posted(books.transfer(a, b, 100))
    closed = account_changes.close(books.ledger, a, **BY)
    assert account(books, a).closed_at == closed.at == NOON
    before = books.dump()
    assert account_changes.close(books.ledger, a, actor="ops-9", reason="again") == closed
    changing: list[Callable[[], object]] = [
        lambda: account_changes.unfreeze(books.ledger, a, **BY),
        lambda: account_changes.set_bounds(books.ledger, a, floor=None, ceiling=None, **BY),
        lambda: account_changes.move(books.ledger, a, b, **BY),
    ]
    for change in changing:
        with pytest.raises(AccountClosed):
            change()
    with pytest.raises(MisplacedAccount):
        account_changes.move(books.ledger, b, a, **BY)
    assert books.dump() == before
    with pytest.raises(AccountClosed):
        books.post(books.transfer(b, a, 1))
    hold = holds.Hold(new_id(), b, a, 1, "EUR", Operation.P2P, NOON + timedelta(days=1))
    with pytest.raises(AccountClosed):
        holds.place(books.ledger, hold)
    assert books.dump() == before
    books.check()


def test_closing_and_posting_at_once_never_leave_a_closed_account_with_money(books: Books) -> None:
    payer = books.funded(1000)
    targets = [books.account() for _ in range(8)]
    gate = threading.Barrier(16)

    def race(number: int) -> bool:
        target = targets[number // 2]
        gate.wait()
        try:
            if number % 2:
                return books.post(books.transfer(payer, target, 5))[0].posted
            account_changes.close(books.ledger, target, **BY)
        except (AccountClosed, AccountNotEmpty):
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(race, range(16)))
    for number, target in enumerate(targets):
        found = account(books, target)
        closed, paid = won[2 * number], won[2 * number + 1]
        assert closed is not paid
        assert (found.closed_at is not None, found.balance) == (closed, 5 * paid)
    books.check()


def test_a_bound_that_is_passed_already_is_refused(books: Books) -> None:
    a = books.funded(100)
    before = books.dump()
    for bounds, error in (
        ({"floor": 101, "ceiling": None}, BoundPassed),
        ({"floor": None, "ceiling": 99}, BoundPassed),
        ({"floor": -1, "ceiling": None}, InvalidInput),
        ({"floor": None, "ceiling": 10**19}, InvalidInput),
        ({"floor": None, "ceiling": True}, InvalidInput),
    ):
        with pytest.raises(error):
            account_changes.set_bounds(books.ledger, a, **bounds, **BY)
    assert books.dump() == before
    account_changes.set_bounds(books.ledger, a, floor=40, ceiling=100, **BY)
    assert (account(books, a).floor, account(books, a).ceiling) == (40, 100)
    b = books.account()
    (outcome,) = books.post(books.transfer(a, b, 61))
    assert outcome.refusal is not None
    assert (outcome.refusal.rule, outcome.refusal.limit, outcome.refusal.headroom) == ("funds", 40, 60)
    account_changes.set_bounds(books.ledger, a, floor=None, ceiling=None, **BY)
    assert (account(books, a).floor, account(books, a).ceiling) == (0, None)
    own = books.account(AccountKind.OWN_FUNDS)
    account_changes.set_bounds(books.ledger, own, floor=None, ceiling=None, **BY)
    assert account(books, own).floor is None


def test_bad_requests_change_nothing(books: Books) -> None:
    a = books.funded(1)
    before = books.dump()
    wrong: list[tuple[type[Exception], Callable[[], object]]] = [
        (UnknownAccount, lambda: account_changes.freeze(books.ledger, new_id(), **BY)),
        (UnknownAccount, lambda: account_changes.move(books.ledger, a, new_id(), **BY)),
        (InvalidInput, lambda: account_changes.freeze(books.ledger, a, debit=False, credit=False, **BY)),
    ]
    for text in ("", "x" * 501, "a\nb", "a\0", "\udcff"):
        wrong.append(
            (InvalidInput, lambda text=text: account_changes.freeze(books.ledger, a, actor=text, reason="r"))
        )
        wrong.append(
            (InvalidInput, lambda text=text: account_changes.freeze(books.ledger, a, actor="a", reason=text))
        )
    for error, call in wrong:
        with pytest.raises(error):
            call()
    assert books.dump() == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.account SET frozen_debit = false",
        "UPDATE ledger.account SET frozen_credit = false",
        "UPDATE ledger.account SET closed_at = NULL",
        "UPDATE ledger.account SET ceiling = NULL",
        "INSERT INTO ledger.account_parent VALUES (gen_random_uuid(), gen_random_uuid())",
        "DELETE FROM ledger.account_parent",
        "UPDATE ledger.account_change SET reason = 'other'",
        "DELETE FROM ledger.account_change",
        "INSERT INTO ledger.account_change (account_id, xact) VALUES (gen_random_uuid(), 0)",
    ],
)
def test_the_application_changes_no_account_without_a_record(books: Books, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), books.database.connection() as connection:
        connection.execute(statement)


def test_not_even_the_owner_changes_the_record(books: Books) -> None:
    books.freeze(books.account(), debit=True, credit=True)
    for statement in (
        "UPDATE ledger.account_change SET reason = 'x'",
        "DELETE FROM ledger.account_change",
        "TRUNCATE ledger.account_change",
    ):
        with (
            pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState),
            psycopg.connect(books.owner_url) as connection,
        ):
            connection.execute(statement)


def test_the_database_itself_holds_what_a_change_may_be(books: Books) -> None:
    """As if the code that decides were wrong."""
    full, empty, other, closed = books.funded(5), books.account(), books.account(), books.account()
    dollars, funds = books.account(currency="USD"), books.account(AccountKind.SAFEGUARDING)
    books.close(closed)
    books.freeze(empty, debit=True, credit=True)
    account_changes.move(books.ledger, other, empty, **BY)
    before = books.dump()
    columns = "account_id, number, kind, frozen_debit, frozen_credit, ceiling, parent_id"
    for row in (
        (full, 1, "close", None, None, None, None),
        (full, 1, "bounds", None, None, 4, None),
        (full, 2, "freeze", True, True, None, None),
        (full, 1, "freeze", None, None, None, None),
        (full, 1, "close", None, None, 4, None),
        (full, 1, "unfreeze", True, False, None, None),
        (empty, 3, "freeze", True, True, None, None),
        (empty, 2, "freeze", False, True, None, None),
        (closed, 2, "unfreeze", False, False, None, None),
        (new_id(), 1, "freeze", True, True, None, None),
        (empty, 2, "parent", None, None, None, other),
        (empty, 2, "parent", None, None, None, empty),
        (full, 1, "parent", None, None, None, dollars),
        (full, 1, "parent", None, None, None, funds),
        (full, 1, "parent", None, None, None, closed),
        (full, 1, "parent", None, None, None, new_id()),
    ):
        with pytest.raises(psycopg.errors.IntegrityError), books.database.connection() as connection:
            connection.execute(
                f"INSERT INTO ledger.account_change ({columns}, actor, reason, at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, 'a', 'r', %s)",
                (*row, NOON),
            )
    assert books.dump() == before
    with (
        pytest.raises(psycopg.errors.CheckViolation),
        psycopg.connect(books.owner_url) as connection,
    ):
        connection.execute("UPDATE ledger.account SET closed_at = now() WHERE id = %s", (full,))


def test_metadata_is_replaced_whole_and_bounded(books: Books) -> None:
    a = books.account()
    fits = "x" * (accounts.METADATA_BYTES_MAX - len('{"k": ""}'))
    with books.database.connection() as connection:
        assert accounts.metadata(connection, a) == {}
        for kept in ({"branch": "Osu", "tags": [1, None, True]}, {"other": "é☂"}, {"k": fits}, {}):
            accounts.set_metadata(connection, a, kept, at=NOON)
            assert accounts.metadata(connection, a) == kept
        with pytest.raises(UnknownAccount):
            accounts.set_metadata(connection, new_id(), {}, at=NOON)
    bad: list[object] = [
        {"k": fits + "x"},
        {"k": "é" * 3000},
        {"k": "\0"},
        {"k": ["a\nb"]},
        {"k\u200b": "\u202e"},
        {"k": "\udcff"},
        {"k": float("nan")},
        {"k": [1e300] * 600},  # short as Python writes it, long as PostgreSQL does
        {"k": object()},
        [],
        "text",
        None,
    ]
    for each in bad:
        with pytest.raises(InvalidInput), books.database.connection() as connection:
            accounts.set_metadata(connection, a, each, at=NOON)  # type: ignore[arg-type]


@on_database(25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["debit", "credit", "both"]), st.booleans(), st.sampled_from([None, 80, 300])
        ),
        max_size=8,
    )
)
def test_an_account_is_what_its_changes_say(
    shared_books: Books, steps: list[tuple[str, bool, int | None]]
) -> None:
    books = shared_books
    a = books.funded(60)
    for sides, frozen, ceiling in steps:
        change = account_changes.freeze if frozen else account_changes.unfreeze
        change(books.ledger, a, debit=sides != "credit", credit=sides != "debit", **BY)
        account_changes.set_bounds(books.ledger, a, floor=None, ceiling=ceiling, **BY)
    flags, bounds = (False, False), (0, None)
    recorded = changes(books, a)
    for change in recorded:
        if change.kind == "bounds":
            bounds = (change.floor, change.ceiling)
        else:
            flags = (change.frozen_debit, change.frozen_credit)
    found = account(books, a)
    assert [change.number for change in recorded] == list(range(1, 2 * len(steps) + 1))
    assert (found.frozen_debit, found.frozen_credit) == flags
    assert (found.floor, found.ceiling) == bounds


def test_many_changing_one_account_at_once_leave_a_dense_record(books: Books) -> None:
    a = books.account()
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: account_changes.freeze(books.ledger, a, **BY).number, range(24)))
    assert sorted(numbers) == list(range(1, 25))


def test_an_account_opened_below_a_parent(books: Books) -> None:
    parent, child = new_id(), new_id()
    new = [
        NewAccount(child, AccountKind.CUSTOMER, "EUR", NOON, parent_id=parent, ceiling=500),
        NewAccount(parent, AccountKind.MERCHANT, "EUR", NOON),
    ]
    with books.database.connection() as connection:
        assert accounts.open_without_limits(connection, new) == 2
        assert accounts.open_without_limits(connection, new) == 0
        found = accounts.get(connection, child)
    assert (found.parent_id, found.ceiling) == (parent, 500)
    assert [(change.kind, change.parent_id) for change in changes(books, child)] == [("parent", parent)]
    funds = books.account(AccountKind.SAFEGUARDING)
    before = books.dump()
    for bad in ({"parent_id": new_id()}, {"parent_id": funds}, {"ceiling": -1}):
        with pytest.raises(InvalidInput), books.database.connection() as connection:
            accounts.open_without_limits(
                connection, [NewAccount(new_id(), AccountKind.CUSTOMER, "EUR", NOON, **bad)]
            )
    assert books.dump() == before
