from collections.abc import Iterator

import pytest
from books import Books

from emoney.ledger import Database
from emoney.testing import copy_of


@pytest.fixture
def books(database: Database, owner_url: str) -> Books:
    """An empty ledger with a clock of its own."""
    return Books(database, owner_url)


@pytest.fixture(scope="module")
def shared_books(template: str) -> Iterator[Books]:
    """A ledger shared by a module's tests that do not care what else is in it."""
    with copy_of(template) as url:
        database = Database(url)
        yield Books(database, url)
        database.close()
