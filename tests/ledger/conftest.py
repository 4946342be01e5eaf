import os
from collections.abc import Iterator

import psycopg
import pytest
from books import Books
from psycopg.conninfo import make_conninfo

from ledger import Database, embedded


@pytest.fixture
def books(database: Database, owner_url: str) -> Books:
    """An empty ledger with a clock of its own."""
    return Books(database, owner_url)


@pytest.fixture(scope="module")
def shared_books(template: str) -> Iterator[Books]:
    """A ledger shared by a module's tests that do not care what else is in it."""
    name = f"shared{os.getpid()}"
    admin = make_conninfo(template, dbname="postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {embedded.DATABASE}")
    url = make_conninfo(template, dbname=name)
    database = Database(url)
    yield Books(database, url)
    database.close()
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
