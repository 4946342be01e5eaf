from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from books import NOON, Books, profile

from emoney.ledger import AccountKind, NewAccount, profile_changes
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import InvalidInput, UnknownAccount, UnknownCurrency
from emoney.ledger.base.ids import new_id
from emoney.ledger.limits import profiles
from emoney.ledger.transfers.chart import floor_of, sign_of

BY: dict[str, Any] = {"actor": "ops-1", "reason": "test", "at": NOON}


def test_every_kind_of_the_chart_can_be_opened(books: Books) -> None:
    """The chart stands in Python and in the database; both say the same."""
    opened = {kind: books.account(kind) for kind in AccountKind}
    with books.database.connection() as connection:
        rows = connection.execute("SELECT id, sign, floor FROM ledger.account").fetchall()
    assert {row[0]: row[1:] for row in rows} == {
        opened[kind]: (sign_of(kind), floor_of(kind)) for kind in AccountKind
    }


def test_opening_twice_is_opening_once(books: Books) -> None:
    new = NewAccount(new_id(), AccountKind.CUSTOMER, "EUR", NOON, "w-1", new_id())
    with books.database.connection() as connection:
        assert accounts.open_without_limits(connection, [new]) == 1
        assert accounts.open_without_limits(connection, [new, new]) == 0
        assert accounts.find(connection, ["w-1", "w-2", "a\0b", "\ud800", ""]).keys() == {"w-1"}
        assert accounts.by_ref_or_id(connection, "w-1") == accounts.by_ref_or_id(connection, str(new.id))


@pytest.mark.parametrize("name", ["", "nobody", "a\0b", "\ud800", "00000000-0000-7000-8000-000000000000"])
def test_what_names_no_account(books: Books, name: str) -> None:
    with books.database.connection() as connection, pytest.raises(UnknownAccount):
        accounts.by_ref_or_id(connection, name)


@pytest.mark.parametrize("ref", ["", "x" * 129, "a\0b", "\udcff"])
def test_malformed_references_open_nothing(books: Books, ref: str) -> None:
    with pytest.raises(InvalidInput):
        books.account(ref=ref)


def test_a_reference_names_one_account(books: Books) -> None:
    books.account(ref="w-1")
    with pytest.raises(InvalidInput, match="another account"):
        books.account(ref="w-1")


def test_other_bad_accounts_open_nothing(books: Books) -> None:
    before = books.dump()
    with pytest.raises(UnknownCurrency):
        books.account(currency="XXX")
    for new in (
        NewAccount(new_id(), AccountKind.CUSTOMER, "EUR", datetime(2026, 1, 1)),  # noqa: DTZ001
        NewAccount(new_id(), AccountKind.CUSTOMER, "EUR", NOON, profile_id=new_id()),
    ):
        with pytest.raises(InvalidInput), books.database.connection() as connection:
            accounts.open_without_limits(connection, [new])
    assert books.dump() == before


def test_a_profile_of_another_currency_is_refused(books: Books) -> None:
    """Its amounts are minor units of its own currency: a limit of 100 GHS is none of 100 JPY."""
    yen = books.account(currency="JPY")
    with pytest.raises(InvalidInput, match="currency"):
        books.set_profile(yen, profile())
    with pytest.raises(InvalidInput, match="currency"):
        books.account(currency="JPY", profile=profile())
    with pytest.raises(InvalidInput, match="profile"), books.database.connection() as connection:
        profile_changes.put_under(connection, {yen: new_id()}, **BY)


def test_unknown_accounts_cannot_be_changed(books: Books) -> None:
    with books.database.connection() as connection:
        stored = profiles.store(connection, profile())
        with pytest.raises(UnknownAccount):
            profile_changes.put_under(connection, {new_id(): stored}, **BY)
        with pytest.raises(UnknownAccount):
            accounts.get(connection, new_id())


def test_an_account_as_it_stands(books: Books) -> None:
    books.age = timedelta(0)
    wallet = books.funded(70)
    with books.database.connection() as connection:
        account = accounts.get(connection, wallet)
    assert (account.kind, account.currency, account.opened_at) == (AccountKind.CUSTOMER, "EUR", NOON)
    assert (account.balance, account.available, account.version) == (70, 70, 1)
    assert account.opened_at.astimezone(UTC) == NOON
