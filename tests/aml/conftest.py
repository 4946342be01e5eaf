"""Fixtures for the AML tests: a hand-made book, an engine to search it, and a small operator."""

from collections.abc import Iterator
from typing import Any

import ibis
import pytest
from aml_books import Bank, Book, Search

from emoney.aml.alerts.episodes import Episode, find
from emoney.aml.scenarios import Scenario
from emoney.ledger import Database


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    """An engine that puts the same expression into SQL once: for most, that takes longer than its answer."""
    connection = ibis.duckdb.connect(threads=1)
    compile_, known = connection.compile, {}

    def compiled(expression: Any, /, **options: Any) -> Any:
        wanted = expression.op(), repr(options)
        if wanted not in known:
            known[wanted] = compile_(expression, **options)
        return known[wanted]

    connection.compile = compiled
    yield connection
    connection.disconnect()


@pytest.fixture(scope="module")
def search(engine: Any) -> Search:
    """The episodes that a scenario finds in a book, which is all that the engine has."""

    def run(scenario: Scenario, book: Book) -> list[Episode]:
        engine.con.register("rows", book.table())
        engine.con.execute("CREATE OR REPLACE TABLE transfers AS FROM rows")
        return list(find(scenario, engine, engine.table("transfers")))

    return run


@pytest.fixture
def bank(database: Database) -> Bank:
    return Bank(database)
