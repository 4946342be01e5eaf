"""Extraction: each transfer once, none skipped, nothing admitted of a bad or a crashed one."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from aml_books import START, Bank, Book

from emoney.aml.errors import HistoryError, QualityError
from emoney.aml.history.gate import QualityGate
from emoney.aml.history.transfers import COLUMNS, extract, open_history
from emoney.ledger import Database, Operation

CRASH = """
import os, signal, sys
from pathlib import Path
from emoney.aml.history import transfers as history
from emoney.ledger.base.postgres.database import Database
history.new_id = lambda: os.kill(os.getpid(), signal.SIGKILL)
history.extract(Database(sys.argv[1]), Path(sys.argv[2]), chunk_rows=2)
"""


def references(database: Database, directory: Path) -> list[str]:
    with open_history(database, directory) as history:
        return sorted(history.engine.to_pyarrow(history.transfers.reference).to_pylist())


def test_transfers_are_partitioned_by_day_and_read_back_as_posted(bank: Bank, tmp_path: Path) -> None:
    bank.post(Operation.CASH_IN, "A1", "W1", 12.34, datetime(2026, 3, 2, 23, 59, 59, 999999, tzinfo=UTC))
    bank.post(Operation.P2P, "W1", "W2", 2.34, datetime(2026, 3, 3, tzinfo=UTC))
    done = extract(bank.database, tmp_path)
    assert (done.rows, done.files) == (3, 3)
    days = sorted(path.name for path in tmp_path.glob("day=*"))
    assert days == ["day=2026-03-01", "day=2026-03-02", "day=2026-03-03"]
    with open_history(bank.database, tmp_path) as history:
        rows = history.engine.to_pyarrow(history.transfers.order_by("at")).to_pylist()
    assert list(rows[1]) == COLUMNS.names
    expected = {
        "operation": "cash_in",
        "amount": 1234,
        "currency": "GHS",
        "debit_ref": "A1",
        "credit_ref": "W1",
        "debit_kind": "agent",
        "credit_kind": "customer",
        "debit_account": str(bank.opened["A1"]),
        "at": datetime(2026, 3, 2, 23, 59, 59, 999999, tzinfo=UTC),
        "credit_opened": date(2026, 2, 21),
    }
    assert {name: rows[1][name] for name in expected} == expected


def test_a_second_extraction_takes_only_what_is_new(bank: Bank, tmp_path: Path) -> None:
    seen: list[int] = []
    assert extract(bank.database, tmp_path, progress=lambda _, rows, _of: seen.append(rows)).rows == 1
    assert extract(bank.database, tmp_path).rows == 0
    bank.structure("W1", 0, 3)
    assert extract(bank.database, tmp_path, chunk_rows=2).rows == 3
    assert seen == [1]
    assert references(bank.database, tmp_path) == ["T1", "T2", "T3", "T4"]
    with bank.database.connection() as connection:
        assert connection.execute("SELECT sum(rows), count(*) FROM aml.extraction").fetchone() == (4, 2)


def test_an_account_without_a_reference_appears_by_its_id(bank: Bank, tmp_path: Path, owner_url: str) -> None:
    bank.structure("W1", 0, 1)
    with psycopg.connect(owner_url) as owner:
        owner.execute("UPDATE ledger.account SET external_ref = NULL WHERE external_ref = 'W1'")
    extract(bank.database, tmp_path)
    with open_history(bank.database, tmp_path) as history:
        refs = history.engine.to_pyarrow(history.transfers.credit_ref).to_pylist()
    assert str(bank.opened["W1"]) in refs


def test_a_transfer_of_a_transaction_still_running_is_taken_later(bank: Bank, tmp_path: Path) -> None:
    late = bank.transfer(Operation.CASH_IN, "A1", "W1", 10, START)
    other = bank.transfer(Operation.CASH_IN, "A2", "W2", 10, START)  # opens the accounts
    assert other.reference == "T3"
    with bank.database.connection() as running:
        bank.ledger.post_in(running, [late])
        bank.post(Operation.LOAD, "safe", "A2", 5, START)
        # T4 committed after T2 began: it waits with it, so that the watermark never passes T2
        assert extract(bank.database, tmp_path).rows == 1
    assert extract(bank.database, tmp_path).rows == 2
    assert references(bank.database, tmp_path) == ["T1", "T2", "T4"]


def test_a_kill_between_files_and_record_doubles_nothing(bank: Bank, tmp_path: Path, owner_url: str) -> None:
    extract(bank.database, tmp_path)
    bank.structure("W1", 0, 5)
    killed = subprocess.run([sys.executable, "-c", CRASH, owner_url, str(tmp_path)], check=False, timeout=240)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("day=*/part-*.parquet"))) > 1
    (tmp_path / "day=2026-03-02" / ".part-half.parquet.tmp").write_bytes(b"half a file")
    assert references(bank.database, tmp_path) == ["T1"]

    bank.structure("W2", 1, 2)
    assert extract(bank.database, tmp_path).rows == 7
    assert references(bank.database, tmp_path) == [f"T{number}" for number in range(1, 9)]
    assert not list(tmp_path.glob("day=*/.part-*"))


def test_extractions_at_once_take_each_transfer_once(bank: Bank, tmp_path: Path) -> None:
    bank.structure("W1", 0, 6)
    with ThreadPoolExecutor(3) as threads:
        done = list(threads.map(lambda _: extract(bank.database, tmp_path, chunk_rows=2).rows, range(3)))
    assert sorted(done) == [0, 0, 7]
    assert len(references(bank.database, tmp_path)) == 7


def test_a_directory_of_another_database_is_refused(bank: Bank, tmp_path: Path, owner_url: str) -> None:
    extract(bank.database, tmp_path)
    (tmp_path / "dataset.json").write_text('{"format": 1, "dataset": "00000000-0000-0000-0000-000000000000"}')
    with pytest.raises(HistoryError, match="another database"):
        extract(bank.database, tmp_path)
    with pytest.raises(HistoryError, match="another database"), open_history(bank.database, tmp_path):
        pass


def test_a_missing_file_is_noticed(bank: Bank, tmp_path: Path) -> None:
    bank.structure("W1", 0, 2)
    extract(bank.database, tmp_path)
    next(tmp_path.glob("day=*/part-*.parquet")).unlink()
    with pytest.raises(HistoryError, match="2 of the 3 files"), open_history(bank.database, tmp_path):
        pass


def test_a_damaged_file_is_named(bank: Bank, tmp_path: Path) -> None:
    bank.post(Operation.CASH_IN, "A1", "W1", 1.0, START)
    extract(bank.database, tmp_path)
    path = max(tmp_path.glob("day=*/*.parquet"))
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"x" * 1000):
        path.write_bytes(content)
        with pytest.raises(HistoryError, match=path.name):
            references(bank.database, tmp_path)


def test_too_little_memory_is_told(bank: Bank, tmp_path: Path) -> None:
    extract(bank.database, tmp_path)
    rows = "SELECT range AS n, repeat('x', 1000) AS x FROM range(1000000)"
    with (
        pytest.raises(HistoryError, match="16MB"),
        open_history(bank.database, tmp_path, memory_limit="16MB") as history,
    ):
        history.engine.raw_sql(f"SELECT list(x) FROM ({rows}) GROUP BY n % 2").fetchall()


def test_an_empty_history_can_be_opened(database: Database, tmp_path: Path) -> None:
    assert extract(database, tmp_path).rows == 0
    assert references(database, tmp_path) == []


def test_the_application_cannot_rewrite_what_was_extracted(bank: Bank, tmp_path: Path) -> None:
    extract(bank.database, tmp_path)
    for statement in ("UPDATE aml.extraction SET rows = 0", "DELETE FROM aml.extraction"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), bank.database.connection() as connection:
            connection.execute(statement)


@pytest.fixture(scope="module")
def gate() -> QualityGate:
    return QualityGate()


@pytest.mark.parametrize(
    ("column", "value", "expectation"),
    [
        ("transfer_id", None, "not_be_null"),
        ("transfer_id", "same", "be_unique"),
        ("amount", 0, "be_between"),
        ("currency", None, "not_be_null"),
        ("at", None, "not_be_null"),
        ("operation", "barter", "be_in_set"),
        ("credit_kind", None, "not_be_null"),
        ("credit_account", "debit", "be_in_set on debit and credit differ"),
    ],
)
def test_rows_that_break_an_expectation_are_refused(
    column: str, value: Any, expectation: str, gate: QualityGate
) -> None:
    book = Book()
    for number in range(4):
        book.cash_in("W1", 10 + number, number)
    gate.check(book.table())
    for row in book.rows[1:3]:
        row[column] = row["debit_account"] if value == "debit" else value
    with pytest.raises(QualityError, match=expectation) as refused:
        gate.check(pa.Table.from_pylist(book.rows, schema=COLUMNS))
    assert refused.value.unexpected == 2
    assert "nothing was admitted" in str(refused.value)


def test_a_refused_chunk_admits_nothing_of_the_extraction(bank: Bank, tmp_path: Path, owner_url: str) -> None:
    bank.structure("W1", 0, 3)
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE ledger.transfer SET operation = 'barter' WHERE reference = 'T4'")
    with pytest.raises(QualityError, match="operation"):
        extract(bank.database, tmp_path, chunk_rows=1)
    assert references(bank.database, tmp_path) == []
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE ledger.transfer SET operation = 'cash_in' WHERE reference = 'T4'")
    assert extract(bank.database, tmp_path).rows == 4
    assert len(references(bank.database, tmp_path)) == 4
