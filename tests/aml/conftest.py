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


@pytest.fixture
def engine() -> Iterator[Any]:
    connection = ibis.duckdb.connect(threads=1)
    yield connection
    connection.disconnect()


@pytest.fixture
def search(engine: Any) -> Search:
    """The episodes that a scenario finds in a book."""

    def run(scenario: Scenario, book: Book) -> list[Episode]:
        return list(find(scenario, engine, ibis.memtable(book.table())))

    return run


@pytest.fixture
def bank(database: Database) -> Bank:
    return Bank(database)
