"""A bad file is refused with file, line and column, and nothing of it is in the ledger."""

import gzip
import os
import threading

import pytest

from emoney.jobs.importing import BadFile, run_import
from emoney.jobs.importing.identity import EPOCH
from emoney.ledger import Ledger, Operation, Transfer, account_changes
from emoney.ledger.accounts.account import NewAccount, find, open_accounts, open_without_limits
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.transfers.chart import AccountKind
from emoney.testing import copy_of

TRANSFERS = [
    # what is done to the file, where the fault is, what is said
    ("T1,2026-01-01T06:00:00,P2P,-1.00,W1,W2,,R1,D2", "amount", "'-9.99' is negative"),
    ("T1,2026-01-01T06:00:00,P2P,0,W1,W2,,R1,D2", "amount", "zero"),
    ("T1,2026-01-01T06:00:00,P2P,0.00,W1,W2,,R1,D2", "amount", "zero"),
    ("T1,2026-01-01T06:00:00,P2P,,W1,W2,,R1,D2", "amount", "'' is not an amount"),
    ("T1,2026-01-01T06:00:00,P2P,1.5e3,W1,W2,,R1,D2", "amount", "'9.9x9' is not an amount"),
    ("T1,2026-01-01T06:00:00,P2P,NaN,W1,W2,,R1,D2", "amount", "not an amount"),
    ("T1,2026-01-01T06:00:00,P2P,1_0,W1,W2,,R1,D2", "amount", "not an amount"),
    ("T1,2026-01-01T06:00:00,P2P, 1,W1,W2,,R1,D2", "amount", "not an amount"),
    ("T1,2026-01-01T06:00:00,P2P,٣,W1,W2,,R1,D2", "amount", "not an amount"),
    ("T1,2026-01-01T06:00:00,P2P,1.,W1,W2,,R1,D2", "amount", "not an amount"),
    ('T1,2026-01-01T06:00:00,P2P,"1,000.00",W1,W2,,R1,D2', "amount", "not an amount"),
    ("T1,2026-01-01T06:00:00,P2P,1.001,W1,W2,,R1,D2", "amount", "finer than GHS allows"),
    ("T1,2026-01-01T06:00:00,P2P,99999999999999.00,W1,W2,,R1,D2", "amount", "too large"),
    ("T1,2026-01-01T06:00:00,P2P," + "9" * 5000 + ",W1,W2,,R1,D2", "amount", "not an amount"),
    ("T1,yesterday,P2P,1.00,W1,W2,,R1,D2", "ts", "'xxxxxxxxx' is not a time"),
    ("T1,2026-02-30T06:00:00,P2P,1.00,W1,W2,,R1,D2", "ts", "not a time"),
    ("T1,2026-01-01,P2P,1.00,W1,W2,,R1,D2", "ts", "not a time"),
    ("T1,0001-01-01T00:00:00+12:00,P2P,1.00,W1,W2,,R1,D2", "ts", "not a time"),
    ("T1,2026-01-01T06:00:00,GIFT,1.00,W1,W2,,R1,D2", "type", "'xxxx' is unknown"),
    ("T1,2026-01-01T06:00:00,P2P,1.00,W1,W9,,R1,D2", "to_account", "the account 'W9' is unknown"),
    ("T1,2026-01-01T06:00:00,P2P,1.00,W9,W1,,R1,D2", "from_account", "the account 'W9' is unknown"),
    ("T1,2026-01-01T06:00:00,P2P,1.00,W1,W1,,R1,D2", "to_account", "pays itself"),
    ("T1,2026-01-01T06:00:00,P2P,1.00,W1,,,R1,D2", "to_account", "the account '' is unknown"),
    ("T1,2026-01-01T06:00:00,P2P,1.00,W1,W\t2,,R1,D2", "to_account", "cannot be a reference"),
    (",2026-01-01T06:00:00,P2P,1.00,W1,W2,,R1,D2", "tx_id", "'' cannot be a reference"),
    ("T\0,2026-01-01T06:00:00,P2P,1.00,W1,W2,,R1,D2", "tx_id", "cannot be a reference"),
    ("T" * 129 + ",2026-01-01T06:00:00,P2P,1.00,W1,W2,,R1,D2", "tx_id", "cannot be a reference"),
    ("T1,2026-01-01T06:00:00,P2P,1.00,W1,W2", None, "the row has 6 fields"),
    ("T1,2026-01-01T06:00:00,P2P,1.00,W1,W2,,R1,D2,more", None, "the row has 10 fields"),
    ('T1,2026-01-01T06:00:00,P2P,1.00,W1,W2,,R1,"D2', None, "not CSV"),
    ("T1,2026-01-01T06:00:00,P2P,1.00,W1,W2,,R1,\rD2", None, "not CSV"),
]

ACCOUNTS = [
    ("W3,purse,0,2025-02-01,R1,D2,C2,50.00", "kind", "'xxxxx' is unknown"),
    ("W3,wallet,0,01/02/2025,R1,D2,C2,50.00", "opened", "not a date"),
    ("W3,wallet,0,2025-02-01,R1,D2,C2,-50.00", "opening_balance", "negative"),
    ("W3,wallet,0,2025-02-01,R1,D2,C2,", "opening_balance", "not an amount"),
    ("W3,wallet,0,2025-02-01,R1,D2,C2,0.005", "opening_balance", "finer than GHS allows"),
    (",wallet,0,2025-02-01,R1,D2,C2,1", "account_id", "cannot be a reference"),
    ("W" * 121 + ",wallet,0,2025-02-01,R1,D2,C2,1", "account_id", "cannot be a reference"),
    ("W3,wallet,\x07,2025-02-01,R1,D2,C2,1", "kyc_tier", "cannot be a reference"),
    ("W1,wallet,0,2025-02-01,R1,D2,C2,50.00", "account_id", "'W1' is on line 3 already"),
    ("W3,wallet,0", None, "the row has 3 fields"),
]


@pytest.fixture(scope="module")
def shared(template):
    with copy_of(template) as url:
        opened = Database(url)
        yield opened
        opened.close()


@pytest.fixture
def untouched(shared, dump):
    """A database for files of which nothing is written, which is seen to after each test."""
    before = dump(shared)
    yield shared
    assert dump(shared) == before


@pytest.mark.parametrize(("row", "column", "said"), TRANSFERS)
def test_a_bad_transfer(untouched, operator, row, column, said):
    operator.transfers[1:2] = [row.replace("T1,", "X1,", 1)]
    with pytest.raises(BadFile) as caught:
        operator.run(untouched)
    assert (caught.value.file, caught.value.line, caught.value.column) == ("transactions.csv", 2, column) or (
        "not CSV" in said
    )
    assert said in str(caught.value)
    assert "; " in str(caught.value)  # what would be right


@pytest.mark.parametrize(("row", "column", "said"), ACCOUNTS)
def test_a_bad_account(untouched, operator, row, column, said):
    operator.accounts.append(row)
    with pytest.raises(BadFile) as caught:
        operator.run(untouched)
    assert (caught.value.file, caught.value.line, caught.value.column) == ("accounts.csv", 8, column)
    assert said in str(caught.value)


def test_a_reference_in_the_log_of_the_error_is_cut(untouched, operator):
    operator.transfers[1] = "T" * 60_000 + ",2026-01-01T06:00:00,P2P,1.00,W1,W2,,R1,D2"
    with pytest.raises(BadFile) as caught:
        operator.run(untouched)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("file", ["transfers", "accounts"])
@pytest.mark.parametrize("position", [0, 3])
def test_a_missing_or_repeated_column(untouched, operator, file, position):
    lines = getattr(operator, file)
    name = lines[0].split(",")[position]
    needed = name
    for header in (lines[0].replace(name, "other", 1), lines[0] + "," + name):
        lines[0] = header
        with pytest.raises(BadFile, match=rf"csv:1: column {needed}: the header .*; needed are ") as caught:
            operator.run(untouched)
        assert caught.value.line == 1
        lines[0] = lines[0].replace("other", name)


def test_time_that_runs_backwards(untouched, operator):
    operator.transfers[4], operator.transfers[5] = operator.transfers[5], operator.transfers[4]
    with pytest.raises(BadFile, match=r"transactions\.csv:6: column ts: .* is before the row above"):
        operator.run(untouched)


def test_a_transaction_id_used_twice(untouched, operator):
    operator.transfers += [
        "T9,2026-01-05T06:00:00,P2P,1.00,W1,W2,,R1,D2",
        "T2,2026-01-05T06:00:00,P2P,1.00,W1,W2,,R1,D2",
        "T9,2026-01-05T06:00:00,P2P,1.00,W1,W2,,R1,D2",
    ]
    with pytest.raises(BadFile, match=r"transactions\.csv:9: column tx_id: 'T2' is on line 3 already"):
        operator.run(untouched)


@pytest.mark.parametrize(
    ("kind", "said"),
    [("CASH_IN", "cash_in from customer to customer"), ("CASH_OUT", "cash_out from customer to customer")],
)
def test_an_operation_between_the_wrong_accounts(untouched, operator, kind, said):
    operator.transfers.append(f"T9,2026-01-05T06:00:00,{kind},1.00,W1,W2,,R1,D2")
    with pytest.raises(BadFile, match=rf"transactions\.csv:8: column from_account: a {said} is not possible"):
        operator.run(untouched)


def test_of_two_faults_the_first_is_reported(untouched, operator):
    operator.transfers += [
        "T9,2026-01-05T06:00:00,P2P,1.00,W1,W9,,R1,D2",
        "T2,2026-01-05T06:00:00,P2P,1.00,W1,W2,,R1,D2",
    ]
    with pytest.raises(BadFile, match=r"transactions\.csv:8: column to_account"):
        operator.run(untouched)


@pytest.mark.parametrize(
    ("spoil", "line", "said"),
    [
        (lambda good: good.replace(b"T4,", b"T\xe9,"), 5, "byte '0xe9' at position 2 is not UTF-8"),
        (lambda good: good.decode().encode("utf-16"), 1, "not UTF-8"),
        (lambda good: good.replace(b"T4,", b"x" * 70_000 + b","), 5, "the line is too long"),
        (lambda good: good + b"x" * 70_000, 8, "the line is too long"),
        (lambda good: b"", None, "the file is empty"),
        (lambda good: gzip.compress(good)[:-9], 8, "the gzip file ends too early"),
        (lambda good: gzip.compress(good)[:14], 1, "the gzip file ends too early"),
        (lambda good: gzip.compress(good)[:-8] + b"\0" * 8, 8, "the gzip file is damaged"),
        (lambda good: gzip.compress(good) + b"trailing", 8, "the gzip file is damaged"),
        (lambda good: b"PAR1" + good, 1, "the header lacks it"),
    ],
)
def test_a_file_that_is_wrong_as_a_file(untouched, operator, spoil, line, said):
    transfers, accounts = operator.write()
    transfers.write_bytes(spoil(transfers.read_bytes()))
    with pytest.raises(BadFile) as caught:
        run_import(untouched, transfers, accounts_file=accounts, format="mobile-money", currency="GHS")
    assert (caught.value.line, said in str(caught.value)) == (line, True), caught.value


def test_a_line_of_a_gigabyte_is_not_read_into_memory(untouched, operator):
    transfers, accounts = operator.write()
    with transfers.open("ab") as file:
        file.truncate(2**30)  # zeros, without a line end, and without a disk full of them
    with pytest.raises(BadFile, match="csv:8: the line is too long"):
        run_import(untouched, transfers, accounts_file=accounts, format="mobile-money", currency="GHS")


def test_files_that_cannot_be_opened(untouched, operator, tmp_path):
    transfers, accounts = operator.write()
    for wrong in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(BadFile, match="cannot be opened"):
            run_import(untouched, wrong, accounts_file=accounts, format="mobile-money", currency="GHS")
        with pytest.raises(BadFile, match="cannot be opened"):
            run_import(untouched, transfers, accounts_file=wrong, format="mobile-money", currency="GHS")


def test_a_pipe_is_read_like_a_file(database, operator, tmp_path):
    transfers, accounts = operator.write()
    content = transfers.read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    result = run_import(database, pipe, accounts_file=accounts, format="mobile-money", currency="GHS")
    writer.join()
    assert result.posted == 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("T4,2026-01-01T07:30:00,BILL,5,W2", "T4,2026-01-01T07:30:00,BILL,6,W2"), "another amount"),
        (("T4,2026-01-01T07:30:00,BILL,5,W2", "T4,2026-01-01T07:30:00,BILL,5,W1"), "another payer"),
        (("W2,B1", "W2,M1"), "another payee"),
        (("BILL", "MERCHANT"), "another type"),
        (("T4,2026-01-01T07:30:00", "T4,2026-01-01T07:30:01"), "another time"),
    ],
)
def test_a_transfer_imported_before_with_other_content(database, operator, dump, change, said):
    operator.run(database)
    before = dump(database)
    operator.transfers = [line.replace(*change) for line in operator.transfers]
    operator.transfers.append("T9,2026-01-05T06:00:00,P2P,1.00,W1,W2,,R1,D2")
    with pytest.raises(
        BadFile, match=rf"transactions\.csv:5: column tx_id: 'T4' is in the ledger with {said}"
    ):
        operator.run(database)
    assert dump(database) == before


def test_a_refused_transfer_imported_before_with_other_content(database, operator, dump):
    operator.transfers.append("T9,2026-01-05T06:00:00,P2P,5000.00,W1,W2,,R1,D2")
    operator.run(database)
    before = dump(database)
    operator.transfers[-1] = "T9,2026-01-05T06:00:00,P2P,1.00,W1,W2,,R1,D2"
    with pytest.raises(BadFile, match="csv:8: column tx_id: 'T9' is in the ledger with another amount"):
        operator.run(database)
    assert dump(database) == before


@pytest.mark.parametrize(
    ("change", "column", "said"),
    [
        (("W1,wallet", "W1,merchant"), "account_id", "in the ledger with another kind"),
        (("W1,wallet,0,2025-02-01", "W1,wallet,0,2025-02-02"), "account_id", "another opening date"),
        (("C2,50.00", "C9,50.00"), "account_id", "another holder"),
        (("C2,50.00", "C2,51.00"), "opening_balance", "opens with 51.00 here and opened with 50.00"),
        (("C2,50.00", "C2,0"), "opening_balance", "opens with 0.00 here and opened with 50.00"),
    ],
)
def test_an_account_imported_before_with_other_content(database, operator, dump, change, column, said):
    operator.run(database)
    before = dump(database)
    operator.accounts = [line.replace(*change) for line in operator.accounts]
    with pytest.raises(BadFile, match=rf"accounts\.csv:3: column {column}: .*{said}"):
        operator.run(database)
    assert dump(database) == before


def test_an_account_that_had_no_opening_balance_cannot_get_one_later(database, operator, dump):
    operator.run(database)
    before = dump(database)
    operator.accounts = [line.replace("C3,0", "C3,1") for line in operator.accounts]
    with pytest.raises(BadFile, match=r"opens with 1\.00 here and opened with 0\.00"):
        operator.run(database)
    assert dump(database) == before


def test_the_same_references_from_another_source_or_in_another_currency(database, operator, dump):
    operator.run(database)
    before = dump(database)
    with pytest.raises(
        BadFile, match=r"accounts\.csv:2: column account_id: 'A1' is an account of another source"
    ):
        operator.run(database, source="second operator")
    with pytest.raises(BadFile, match=r"'A1' is in the ledger with another currency"):
        operator.run(database, currency="EUR")
    assert dump(database) == before


def test_an_account_that_was_closed_since(database, operator, dump):
    operator.run(database)
    with database.connection() as connection:
        found = find(connection, ["W2"])["W2"]
    ledger = Ledger(database)
    bank = ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "safeguarding:GHS")
    if found.balance:
        empty = Transfer(new_id(), found.id, bank, found.balance, "GHS", Operation.REDEEM_CASH)
        assert ledger.post([empty])[0].posted
    account_changes.close(ledger, found.id, actor="ops-1", reason="asked")
    assert operator.run(database).replayed > 0  # what was sent before is found again
    before = dump(database)
    operator.transfers.append("T9,2026-01-05T06:00:00,P2P,1.00,W1,W2,,R1,D2")
    with pytest.raises(
        BadFile, match=r"transactions\.csv:8: column to_account: 'W2' is closed in the ledger"
    ):
        operator.run(database)
    assert dump(database) == before


def test_a_reference_that_someone_else_took(database, operator, dump):
    taken = NewAccount(new_id(), AccountKind.CUSTOMER, "GHS", external_ref="W2", opened_at=EPOCH)
    with database.connection() as connection:
        open_without_limits(connection, [taken])
    before = dump(database)
    with pytest.raises(
        BadFile, match=r"accounts\.csv:4: column account_id: 'W2' is an account of another source"
    ):
        operator.run(database)
    assert dump(database) == before


def test_a_safeguarding_account_that_is_something_else(database, operator, dump):
    with database.connection() as connection:
        other = NewAccount(new_id(), AccountKind.FEES, "GHS", EPOCH, external_ref="safeguarding:GHS")
        open_accounts(connection, [other])
    before = dump(database)
    with pytest.raises(InvalidInput, match="is of the kind fees in GHS"):
        operator.run(database)
    assert dump(database) == before


def test_a_customer_named_like_the_safeguarding_account(untouched, operator):
    operator.accounts.append("safeguarding:GHS,wallet,0,2025-02-01,R1,D2,C2,50.00")
    with pytest.raises(BadFile, match=r"accounts\.csv:8: column account_id: .* keeps for itself"):
        operator.run(untouched)
