"""Whose transaction it is: a call in a caller's commits nothing of it, and leaves it as it was."""

import ast
from pathlib import Path

import psycopg
import pytest

from emoney.ledger import Database
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.savepoints import all_or_nothing, attempt

ROOT = Path(__file__).resolve().parents[3]
HELPER = "ledger/base/postgres/savepoints.py"
PACKAGES = ("ledger", "privacy", "kyc", "aml", "jobs")


@pytest.fixture
def database(database: Database, owner_url: str) -> Database:
    with psycopg.connect(owner_url) as owner:
        owner.execute("CREATE TABLE public.own_order (n int PRIMARY KEY)")
        owner.execute("GRANT ALL ON public.own_order TO emoney_app")
    return database


def _write(connection: Connection, n: int) -> None:
    connection.execute("INSERT INTO public.own_order VALUES (%s)", [n])


def _written(database: Database) -> list[int]:
    with database.connection() as connection:
        return [n for (n,) in connection.execute("SELECT n FROM public.own_order ORDER BY n")]


@all_or_nothing
def _attempting(connection: Connection, n: int) -> bool:
    try:
        with attempt(connection):
            _write(connection, n)
    except psycopg.errors.UniqueViolation:
        return False
    return True


def test_an_attempt_that_comes_first_is_the_callers_to_roll_back(database: Database) -> None:
    with database.connection() as connection:
        assert _attempting(connection, 1)
        connection.rollback()
        with attempt(connection):
            _write(connection, 2)
        connection.rollback()
    assert _written(database) == []


def test_an_attempt_that_fails_leaves_the_transaction(database: Database) -> None:
    with database.connection() as connection:
        assert _attempting(connection, 1)
        assert not _attempting(connection, 1)
        assert _attempting(connection, 2)
    assert _written(database) == [1, 2]
    with database.connection() as connection:
        assert not _attempting(connection, 1)
        assert _attempting(connection, 3)
    assert _written(database) == [1, 2, 3]


def test_in_autocommit_an_attempt_is_a_transaction(database: Database) -> None:
    with database.autocommit() as connection:
        with attempt(connection):
            _write(connection, 1)
        assert _attempting(connection, 2)
    assert _written(database) == [1, 2]


def test_product_code_begins_transactions_in_one_place() -> None:
    """psycopg's own block commits where none has begun: `attempt` does not."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if str(path.relative_to(ROOT)) != HELPER
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "transaction"
    ]
    assert found == []
