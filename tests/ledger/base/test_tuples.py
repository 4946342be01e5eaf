"""Over a caller's connection that reads rows as dicts, readers read what they always do."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from books import NOON, Books
from psycopg.rows import dict_row
from sqlmodel import select

from emoney.ledger import account_changes, two_persons
from emoney.ledger.accounts import account as accounts
from emoney.ledger.accounts import freezes
from emoney.ledger.base.postgres import sessions
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.outbox.tables import EventRow
from emoney.ledger.reports import statements

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("ledger", "privacy", "kyc", "aml")
OF_BASE = {
    "database.py",
    "savepoints.py",
    "tuples.py",
    "sessions.py",
    "binary_queries.py",
    "migration.py",
    "cursors.py",
}


READING = {"all_or_nothing", "reads_tuples", "without_expired"}


@pytest.fixture
def own(books: Books) -> Iterator[Any]:
    with psycopg.connect(books.owner_url, row_factory=dict_row) as connection:
        connection.execute("SET ROLE emoney_app")
        yield connection


def test_readers_read_tuples(books: Books, own: Any) -> None:
    wallet = books.funded(1_000)
    said = {"actor": "agent-7", "reason": "as asked"}
    account_changes.freeze(books.ledger, wallet, **said)
    two_persons.ask(own, "unfreezing", wallet, {"kind": "compliance"}, at=NOON, **said)
    readers = (
        lambda c: accounts.get(c, wallet),
        lambda c: freezes.standing(c, wallet),
        lambda c: account_changes.changes(c, wallet),
        lambda c: two_persons.waiting(c, NOON, ["unfreezing"]),
        lambda c: list(statements.lines(c, wallet)),
        lambda c: sessions.read(c, select(EventRow.kind)),
    )
    own.commit()
    with books.database.connection() as connection:
        expected = [read(connection) for read in readers]
    assert all(expected)
    assert [read(own) for read in readers] == expected
    assert own.row_factory is dict_row


def test_between_rows_the_caller_reads_as_it_likes(own: Any) -> None:
    @reads_tuples
    def numbers(connection: Connection) -> Iterator[int]:
        for number in (1, 2):
            yield connection.execute("SELECT %s::int", [number]).fetchone()[0]  # type: ignore[index]

    for number in numbers(own):
        assert own.execute("SELECT %s::int AS n", [number]).fetchone() == {"n": number}


def test_an_error_gives_the_caller_its_rows_back(own: Any) -> None:
    @reads_tuples
    def failing(connection: Connection) -> None:
        connection.execute("SELECT 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        failing(own)
    assert own.row_factory is dict_row


def _asks(function: ast.FunctionDef) -> bool:
    """Whether it has a cursor of its parameter `connection` made."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"execute", "cursor"}:
            assert isinstance(node.func, ast.Attribute)
            if any(getattr(each, "id", "") == "connection" for each in ast.walk(node.func.value)):
                return True
    return False


def _unread(path: Path) -> set[str]:
    """The public functions that ask over their `connection`, or whose private ones do, as they come."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tops = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
    functions = {node.name: node for top in tops for node in top.body if isinstance(node, ast.FunctionDef)}

    def asks(name: str, seen: frozenset[str] = frozenset()) -> bool:
        called = {
            getattr(node.func, "attr", None) or getattr(node.func, "id", "")
            for node in ast.walk(functions[name])
            if isinstance(node, ast.Call)
        }
        private = {each for each in called if each.startswith("_") and each in functions} - seen - {name}
        return _asks(functions[name]) or any(asks(each, seen | {name}) for each in private)

    return {
        name
        for name, node in functions.items()
        if not name.startswith("_")
        and "connection" in [each.arg for each in node.args.args]
        and not {"all_or_nothing", "reads_tuples", "without_expired"}
        & {getattr(each, "id", "") for each in node.decorator_list}
        and asks(name)
    }


def test_every_function_that_reads_over_a_callers_connection_reads_tuples() -> None:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name not in OF_BASE and "migrations" not in path.parts and (unread := _unread(path)):
                found[str(path.relative_to(ROOT))] = unread
    assert found == {}
