"""Bank statements: read from camt.053 and MT940, stored once, refused with the line, nothing half-written."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from bank import IBAN, Entry, camt, mt940
from books import Books, on_database
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import AccountKind
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import IdempotencyConflict, InvalidInput
from emoney.ledger.safeguarding import (
    Imported,
    StatementEntry,
    StatementError,
    import_statements,
    read_statements,
)

DAY = date(2026, 3, 10)
BEFORE = date(2026, 3, 9)


def take(books: Books, path: Path, account: UUID) -> list[Imported]:
    with books.database.connection() as connection:
        return import_statements(connection, path, accounts.get(connection, account), books.now)


def stored(books: Books) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    with books.database.connection() as connection:
        return (
            connection.execute("SELECT * FROM ledger.bank_statement ORDER BY id").fetchall(),
            connection.execute("SELECT * FROM ledger.bank_entry ORDER BY 1, 2").fetchall(),
        )


@pytest.mark.parametrize("version", ["02", "04", "08", "12"])
def test_camt_053_of_any_version_says_the_same(tmp_path: Path, version: str) -> None:
    path = camt(
        tmp_path / "s.xml",
        "S-1",
        10_000,
        Entry(2_550, DAY, "load-1", "B1"),
        Entry(-50, BEFORE, None, "B2"),
        Entry(99, DAY, "later", status="PDNG"),
        closes=DAY,
        opens=BEFORE,
        version=version,
    )
    (found,) = read_statements(path)
    assert (found.statement_ref, found.bank_account, found.currency) == ("S-1", IBAN, "EUR")
    assert (found.opening_balance, found.closing_balance) == (10_000, 12_500)
    assert (found.opening_on, found.closing_on) == (BEFORE, DAY)
    assert found.entries == (
        StatementEntry(DAY, 2_550, "load-1", "B1"),
        StatementEntry(BEFORE, -50, None, "B2"),
    )


def test_mt940_says_the_same(tmp_path: Path) -> None:
    path = mt940(
        tmp_path / "s.sta", 7, 10_000, Entry(2_550, DAY, "load-1", "B1"), Entry(-50, BEFORE), closes=DAY
    )
    (found,) = read_statements(path)
    assert found.statement_ref == "STMT:7/1:2026-03-10"
    assert (found.opening_balance, found.closing_balance) == (10_000, 12_500)
    assert found.entries == (
        StatementEntry(DAY, 2_550, "load-1", "B1"),
        StatementEntry(BEFORE, -50, None, None),
    )


entries = st.lists(
    st.builds(
        Entry,
        st.integers(-(10**9), 10**9).filter(bool),
        st.just(DAY),
        st.none() | st.text("ABCDEFGH0123456789", min_size=1, max_size=16).filter(lambda r: r != "NONREF"),
    ),
    max_size=20,
)


@given(found=entries, opening=st.integers(-(10**9), 10**9))
@on_database(40)
def test_both_formats_carry_every_entry(
    tmp_path_factory: pytest.TempPathFactory, found: list[Entry], opening: int
) -> None:
    folder = tmp_path_factory.mktemp("statements")
    (as_xml,) = read_statements(camt(folder / "s.xml", "S", opening, *found, closes=DAY))
    (as_text,) = read_statements(mt940(folder / "s.sta", 1, opening, *found, closes=DAY))
    expected = [(entry.amount, entry.reference) for entry in found]
    assert [(entry.amount, entry.reference) for entry in as_xml.entries] == expected
    assert [(entry.amount, entry.reference) for entry in as_text.entries] == expected
    assert as_xml.closing_balance == as_text.closing_balance == opening + sum(e.amount for e in found)


def test_a_batch_whose_amounts_are_given_is_told_apart(tmp_path: Path) -> None:
    path = camt(tmp_path / "s.xml", "S-1", 0, Entry(300, DAY, "whole"), closes=DAY)
    one = "<TxDtls><Refs><EndToEndId>{}</EndToEndId></Refs><Amt Ccy='EUR'>{}</Amt>"
    one += "<CdtDbtInd>CRDT</CdtDbtInd></TxDtls>"
    start, _, rest = path.read_text().partition("<TxDtls>")
    _, _, end = rest.partition("</TxDtls>")
    path.write_text(start + one.format("a", "1.00") + one.format("b", "2.00") + end)
    (found,) = read_statements(path)
    assert [(entry.amount, entry.reference) for entry in found.entries] == [(100, "a"), (200, "b")]


def test_a_statement_is_stored_once(books: Books, funds: UUID, tmp_path: Path) -> None:
    path = camt(tmp_path / "s.xml", "S-1", 0, Entry(100, DAY, "a"), Entry(200, DAY, "b"), closes=DAY)
    (first,) = take(books, path, funds)
    before = stored(books)
    (second,) = take(books, path, funds)
    assert (first.replayed, second.replayed) == (False, True)
    assert (first.id, first.entries, first.closing_balance) == (second.id, 2, 300)
    assert stored(books) == before
    assert len(before[1]) == 2


def test_names_and_free_text_stay_in_the_file(books: Books, funds: UUID, tmp_path: Path) -> None:
    take(books, camt(tmp_path / "s.xml", "S-1", 0, Entry(100, DAY, "a"), closes=DAY), funds)
    take(books, mt940(tmp_path / "s.sta", 2, 100, Entry(100, DAY, "b"), closes=DAY), funds)
    assert "Lovelace" not in repr(stored(books))


def test_the_same_id_with_other_content_is_a_conflict(books: Books, funds: UUID, tmp_path: Path) -> None:
    take(books, camt(tmp_path / "s.xml", "S-1", 0, Entry(100, DAY, "a"), closes=DAY), funds)
    before = stored(books)
    with pytest.raises(IdempotencyConflict, match="S-1"):
        take(books, camt(tmp_path / "t.xml", "S-1", 0, Entry(100, DAY, "b"), closes=DAY), funds)
    assert stored(books) == before


def test_the_same_statement_in_another_format_is_refused(books: Books, funds: UUID, tmp_path: Path) -> None:
    take(books, camt(tmp_path / "s.xml", "S-1", 0, Entry(100, DAY, "a"), closes=DAY), funds)
    with pytest.raises(StatementError, match="count twice"):
        take(books, mt940(tmp_path / "s.sta", 1, 0, Entry(100, DAY, "a"), closes=DAY), funds)


def test_a_statement_of_another_bank_account_is_refused(books: Books, funds: UUID, tmp_path: Path) -> None:
    take(books, camt(tmp_path / "s.xml", "S-1", 0, Entry(100, DAY, "a"), closes=DAY), funds)
    other = camt(tmp_path / "t.xml", "S-2", 100, Entry(5, DAY), closes=DAY, iban="BE68539007547034")
    with pytest.raises(StatementError, match="another bank account"):
        take(books, other, funds)


def test_a_wallet_has_no_bank_statements(books: Books, tmp_path: Path) -> None:
    path = camt(tmp_path / "s.xml", "S-1", 0, closes=DAY)
    with pytest.raises(InvalidInput, match="safeguarding"):
        take(books, path, books.account(AccountKind.CUSTOMER))


def test_a_statement_in_another_currency_is_refused(books: Books, funds: UUID, tmp_path: Path) -> None:
    path = camt(tmp_path / "s.xml", "S-1", 0, Entry(100, DAY), closes=DAY, currency="USD")
    with pytest.raises(StatementError, match="USD"):
        take(books, path, funds)


def xml(change: Callable[[str], str]) -> Callable[[Path], Path]:
    """A camt.053 file with something wrong."""

    def write(folder: Path) -> Path:
        found = camt(folder / "s.xml", "S-1", 0, Entry(100, DAY, "a"), Entry(200, DAY, "b"), closes=DAY)
        found.write_text(change(found.read_text()))
        return found

    return write


def text(change: Callable[[str], str]) -> Callable[[Path], Path]:
    """An MT940 file with something wrong."""

    def write(folder: Path) -> Path:
        found = mt940(folder / "s.sta", 1, 0, Entry(100, DAY, "a"), Entry(200, DAY, "b"), closes=DAY)
        found.write_bytes(change(found.read_bytes().decode()).encode())
        return found

    return write


BOMB = '<?xml version="1.0"?>\n<!DOCTYPE Document [<!ENTITY a "aaaa">]>\n'


@pytest.mark.parametrize(
    ("write", "line"),
    [
        (xml(lambda s: s.replace("2.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>", "2.00</Amt><Sts>")), 11),
        (xml(lambda s: s.replace(">2.00<", ">two<")), 11),
        (xml(lambda s: s.replace(">2.00<", ">2.001<")), 11),
        (xml(lambda s: s.replace(">2.00<", ">-2.00<")), 11),
        (xml(lambda s: s.replace(">3.00<", ">4.00<")), 4),
        (xml(lambda s: s.replace("CLBD", "CLAV")), 4),
        (xml(lambda s: s.replace("</Stmt>", "")), 12),
        (xml(lambda s: s[: s.rindex("<Ntry>") + 9]), 11),
        (xml(lambda s: s.replace("camt.053.001.08", "camt.054.001.08")), 2),
        (xml(lambda s: s.replace('<?xml version="1.0" encoding="UTF-8"?>\n', BOMB)), 3),
        (text(lambda s: s.replace("C2,00", "C2.00")), 7),
        (text(lambda s: s.replace("C2,00", "X2,00")), 7),
        (text(lambda s: s.replace("C2,00", "C2,001")), 7),
        (text(lambda s: s.replace("EUR3,00", "EUR4,00")), 1),
        (text(lambda s: s.replace("EUR3,00", "EURO3")), 9),
        (text(lambda s: s.replace(":62F:", ":64:")), 1),
        (text(lambda s: s.replace(f":25:{IBAN}\r\n", "")), 1),
        (text(lambda s: s.replace(":20:", ":21:")), 1),
    ],
)
def test_a_file_with_an_error_is_refused_with_its_line(
    books: Books, funds: UUID, tmp_path: Path, write: Callable[[Path], Path], line: int
) -> None:
    with pytest.raises(StatementError) as caught:
        take(books, write(tmp_path), funds)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"line {line}: ")
    assert "Lovelace" not in str(caught.value)
    assert stored(books) == ([], [])


@pytest.mark.parametrize("content", [b"", b" \n", b"hello", b"<html/>", b"\xff\xfe\x00"])
def test_what_is_no_statement_is_refused(books: Books, funds: UUID, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(StatementError):
        take(books, path, funds)


@pytest.mark.parametrize("after", ["</Id>", "</Acct>", "</Bal>", "</Ntry>", "</Amt>"])
def test_text_between_elements_is_refused_or_passed_over(tmp_path: Path, after: str) -> None:
    path = camt(tmp_path / "s", "S-1", 0, Entry(100, DAY), closes=DAY)
    whole = list(read_statements(path))
    path.write_text(path.read_text().replace(after, after + "0"))
    with suppress(StatementError):
        assert list(read_statements(path)) == whole


def test_a_good_statement_before_a_bad_one_is_not_stored(books: Books, funds: UUID, tmp_path: Path) -> None:
    good = mt940(tmp_path / "a", 1, 0, Entry(100, DAY, "a"), closes=DAY).read_bytes()
    bad = mt940(tmp_path / "b", 2, 100, Entry(5, DAY), closes=DAY, closing=1).read_bytes()
    both = tmp_path / "both"
    both.write_bytes(good + bad)
    with pytest.raises(StatementError) as caught:
        take(books, both, funds)
    assert caught.value.line == good.count(b"\n") + 1
    assert stored(books) == ([], [])


@pytest.mark.parametrize("table", ["bank_statement", "bank_entry"])
@pytest.mark.parametrize("change", ["UPDATE ledger.{} SET id = id", "DELETE FROM ledger.{}"])
def test_what_a_bank_said_stays(
    books: Books, funds: UUID, tmp_path: Path, owner_url: str, table: str, change: str
) -> None:
    take(books, camt(tmp_path / "s.xml", "S-1", 0, Entry(100, DAY), closes=DAY), funds)
    change = change.replace("id = id", "number = number") if table == "bank_entry" else change
    with psycopg.connect(owner_url) as connection, pytest.raises(psycopg.Error, match="append-only"):
        connection.execute(change.format(table))


@given(data=st.data(), xml_file=st.booleans())
@on_database(150)
def test_a_damaged_file_is_refused_or_adds_up(
    tmp_path_factory: pytest.TempPathFactory, data: Any, xml_file: bool
) -> None:
    """Whatever bytes change: a StatementError, or a statement whose entries lead to its closing balance."""
    folder = tmp_path_factory.mktemp("damaged")
    said = (Entry(100, DAY, "a"), Entry(-2_550, DAY, "b", "B2"))
    path = (
        camt(folder / "s", "S-1", 5_000, *said, closes=DAY)
        if xml_file
        else mt940(folder / "s", 1, 5_000, *said, closes=DAY)
    )
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3), "changes")):
        at = data.draw(st.integers(0, len(content) - 1), "at")
        kind = data.draw(st.sampled_from(["change", "remove", "repeat", "cut"]), "kind")
        if kind == "change":
            content[at] = data.draw(st.sampled_from(b"0129,.-:CD<>&/Z \n\xff\0"), "byte")
        elif kind == "remove":
            del content[at : at + data.draw(st.integers(1, 40), "length")]
        elif kind == "repeat":
            content[at:at] = content[at : at + data.draw(st.integers(1, 200), "length")]
        else:
            del content[max(at, 1) :]
        if not content:
            return
    path.write_bytes(content)
    try:
        found = list(read_statements(path))
    except StatementError:
        return
    for statement in found:
        moved = sum(entry.amount for entry in statement.entries)
        assert statement.opening_balance + moved == statement.closing_balance


STATEMENT = (
    "INSERT INTO ledger.bank_statement"
    " (id, account_id, statement_ref, format, bank_account, currency, sequence, opening_on,"
    " closing_on, opening_balance, closing_balance, entries, content_hash, imported_at)"
    " VALUES (gen_random_uuid(), %s, 'S-9', 'camt053', 'x', 'EUR', 0, %s, %s, 0, %s, %s, sha256('x'), now())"
)


@pytest.mark.parametrize(("closing", "entries"), [(5, 0), (0, 1)])
def test_the_database_itself_refuses_a_statement_without_its_entries(
    books: Books, funds: UUID, closing: int, entries: int
) -> None:
    with (
        pytest.raises(psycopg.IntegrityError, match="S-9 do not lead to its closing balance"),
        books.database.connection() as connection,
    ):
        connection.execute(STATEMENT, (funds, DAY, DAY, closing, entries))
    assert stored(books) == ([], [])


def test_the_database_itself_refuses_entries_added_later(books: Books, funds: UUID, tmp_path: Path) -> None:
    (found,) = take(books, camt(tmp_path / "s.xml", "S-1", 0, Entry(100, DAY), closes=DAY), funds)
    before = stored(books)
    with (
        pytest.raises(psycopg.IntegrityError, match="S-1 do not lead"),
        books.database.connection() as connection,
    ):
        connection.execute(
            "INSERT INTO ledger.bank_entry (statement_id, number, booked_on, amount)"
            " VALUES (%s, 2, %s, 5), (%s, 3, %s, -5)",
            (found.id, DAY, found.id, DAY),
        )
    assert stored(books) == before
