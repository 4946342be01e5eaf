from datetime import timedelta

import pytest
from books import Books

from ledger import AccountKind, Operation, statements
from ledger.ids import new_id


def test_a_line_tells_the_whole_entry(books: Books) -> None:
    payer, payee = books.funded(100), books.account(AccountKind.MERCHANT, ref="shop")
    at = books.now - timedelta(days=2)
    sent = books.transfer(payer, payee, 30, Operation.PAY, reference="tx-1", at=at)
    books.posted(sent)
    with books.database.connection() as connection:
        _, paid = statements.lines(connection, payer)
        (received,) = statements.lines(connection, payee)
    assert (paid.version, paid.change, paid.balance, paid.counterparty) == (2, -30, 70, "shop")
    assert (received.version, received.change, received.balance) == (1, 30, 30)
    assert received.counterparty == str(payer)
    for line in (paid, received):
        assert (line.operation, line.reference, line.transfer_id) == (Operation.PAY, "tx-1", sent.id)
        assert (line.effective_at, line.posted_at) == (at, books.now)


@pytest.mark.parametrize("page", [1, 7, 40, 41, 1000])
def test_pages_by_key_are_all_lines(books: Books, page: int) -> None:
    payer, payee = books.funded(100), books.account()
    books.posted(*(books.transfer(payer, payee, 1) for _ in range(40)))
    with books.database.connection() as connection:
        everything = list(statements.lines(connection, payer))
        found: list[statements.StatementLine] = []
        while batch := statements.page(
            connection, payer, after=found[-1].version if found else 0, limit=page
        ):
            assert len(batch) <= page
            found += batch
    assert len(everything) == 41
    assert found == everything


def test_more_lines_than_a_page_holds(books: Books) -> None:
    payer, payee = books.funded(3000), books.account()
    books.posted(*(books.transfer(payer, payee, 1) for _ in range(2100)))
    with books.database.connection() as connection:
        assert len(statements.page(connection, payee, limit=10**9)) == statements.PAGE_MAX
        assert [line.balance for line in statements.lines(connection, payee)] == list(range(1, 2101))


def test_an_account_without_entries_has_no_lines(books: Books) -> None:
    with books.database.connection() as connection:
        assert list(statements.lines(connection, books.account())) == []
        assert list(statements.lines(connection, new_id())) == []
