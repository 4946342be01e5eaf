from pathlib import Path

import pytest
from books import Books
from logs import Log


@pytest.fixture
def log(books: Books, home: Path) -> Log:
    """An empty log on a ledger with a funded wallet."""
    return Log(books, home)
