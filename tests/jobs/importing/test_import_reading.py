"""Values are read strictly, lines are counted rightly, and memory stays bounded."""

import csv
import io
import tracemalloc
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoney.jobs.importing import formats
from emoney.jobs.importing.bad_file import BadFile, BadValue
from emoney.jobs.importing.formats import AccountRow, Input, TransferRow
from emoney.jobs.importing.identity import Identity
from emoney.jobs.importing.prefetch import prefetched
from emoney.jobs.importing.reading import CsvTable
from emoney.jobs.importing.staging import Staging
from emoney.jobs.importing.values import amount_reader, float_amount_reader
from emoney.ledger.base.progress import silent
from emoney.ledger.transfers.chart import AccountKind
from emoney.ledger.transfers.money import to_minor
from emoney.ledger.transfers.operations import Operation

CURRENCIES = st.sampled_from(["GHS", "UGX", "BHD"])


@given(st.integers(0, 10**15), st.integers(0, 3), CURRENCIES)
def test_amounts_are_read_as_the_ledger_reads_them(number, places, currency):
    text = f"{Decimal(number).scaleb(-places):f}"
    read = amount_reader("amount", currency)
    try:
        expected = to_minor(text, currency)
    except ValueError:
        with pytest.raises(BadValue):
            read(text)
    else:
        assert read(text) == expected


@given(st.text(max_size=12))
def test_what_is_read_as_an_amount_is_one_for_the_ledger_too(text):
    try:
        found = amount_reader("amount", "GHS")(text)
    except BadValue:
        return
    assert found == to_minor(text, "GHS")


@given(st.integers(0, 10**13))
def test_binary_fractions_are_taken_when_they_stand_for_an_amount(minor):
    value = minor / 100
    assert float_amount_reader("amount", "GHS")(value) == minor


@pytest.mark.parametrize("value", [0.001, 12.345, float("nan"), float("inf"), -1.0, 1e300])
def test_binary_fractions_that_stand_for_none(value):
    with pytest.raises(BadValue):
        float_amount_reader("amount", "GHS")(value)


@given(
    rows=st.lists(
        st.tuples(*[st.text(st.characters(exclude_categories=["Cs"]), max_size=9)] * 3), max_size=40
    )
)
def test_a_table_gives_what_was_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("a", "b", "c"), *rows])
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    assert list(CsvTable(path, ("c", "a"))) == [(row[2], row[0]) for row in rows]


def test_lines_are_counted_across_pieces_and_quoted_line_ends(tmp_path):
    path = tmp_path / "long.csv"
    filler = "x" * 5000
    with path.open("w", encoding="utf-8") as out:
        out.write("a,b\n")
        out.writelines(f"{number},{filler}\n" for number in range(2, 301))
        out.write('301,"two\nlines"\n303,é\n')
    table = CsvTable(path, ("a", "b"))
    for first, _ in table:
        if first != "301":
            assert int(first) == table.line
    assert table.line == 303
    with path.open("ab") as out:
        out.write(b"304,\xff\n")
    with pytest.raises(BadFile) as caught:
        list(CsvTable(path, ("a", "b")))
    assert caught.value.line == 304


def test_the_formats_there_are():
    assert formats.names() == ["amlgentex", "mobile-money", "paysim"]
    for name in formats.names():
        assert formats.find(name).columns.amount == "amount"


def test_ids_of_two_sources_never_meet_and_time_is_the_first_half():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    one, two = Identity("one"), Identity("two")
    assert one.transfer(at, "T1") == Identity("one").transfer(at, "T1")
    assert (
        len({one.transfer(at, "T1"), two.transfer(at, "T1"), one.account(at, "T1"), one.opening(at, "T1")})
        == 4
    )
    later = one.transfer(at + timedelta(days=1), "T1")
    assert later > one.transfer(at, "T1")
    assert later.bytes[6:] == one.transfer(at, "T1").bytes[6:]


def test_staging_holds_no_file_in_memory(database, monkeypatch):
    def rows(number):
        at = datetime(2026, 1, 1, tzinfo=UTC)
        for account in range(100):
            yield AccountRow(account + 2, f"W{account}", AccountKind.CUSTOMER, opening=10**9)
        for n in range(number):
            yield TransferRow(n + 2, f"T{n}", at, Operation.P2P, f"W{n % 100}", f"W{(n + 1) % 100}", 5)

    def peak(number):
        files = Input(Path("transfers.csv"), Path("accounts.csv"), "GHS", datetime(2026, 1, 1, tzinfo=UTC))
        columns = formats.find("mobile-money").columns
        tracemalloc.start()
        with Staging(database.url, files, columns, Identity("s")) as staging:
            staging.fill(rows(number), silent)
            staging.settle()
            assert sum(map(len, staging.batches("account_batch", 0, "", 30))) == 100
            assert sum(map(len, staging.batches("transfer_batch", 0, 0, 999))) == number
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    monkeypatch.setattr("emoney.jobs.importing.staging.FLUSH_ROWS", 5_000)
    assert peak(10_000) < 1.3 * peak(5_000)  # more than are held of one file at once


def test_prefetching_keeps_order_raises_late_and_stops_early():
    def items(number, error=None):
        yield from range(number)
        if error:
            raise error

    assert list(prefetched(items(50))) == list(range(50))
    seen = []
    with pytest.raises(BadFile):
        seen.extend(prefetched(items(3, BadFile("f", "bad", "good"))))
    assert seen == [0, 1, 2]
    drawing = prefetched(items(10**9))
    assert next(drawing) == 0
    drawing.close()
