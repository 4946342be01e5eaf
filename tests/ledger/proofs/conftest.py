from collections.abc import Iterator
from pathlib import Path

import pytest
from books import Books
from logs import Log

from emoney.ledger import Database
from emoney.testing import copy_of


@pytest.fixture
def log(books: Books, home: Path) -> Log:
    """An empty log on a ledger with a funded wallet."""
    return Log(books, home)


@pytest.fixture(scope="module")
def lived_once(
    template: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Log]:
    """A log with what the module's `live` has it live through, for copies."""
    with copy_of(template) as url:
        database = Database(url)
        log = Log(Books(database, url), tmp_path_factory.mktemp("lived"))
        request.module.live(log)
        database.close()
        yield log


@pytest.fixture
def lived(lived_once: Log, home: Path) -> Iterator[Log]:
    """A copy of what the module's `live` makes, for one test."""
    with lived_once.copied(home) as log:
        yield log
