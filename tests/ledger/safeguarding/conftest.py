from pathlib import Path
from uuid import UUID

import pytest
from books import Books
from looks import Bank
from treasury import Treasury
from unfunded import unfunded

from emoney.ledger import AccountKind


@pytest.fixture
def funds(books: Books) -> UUID:
    """A safeguarding account in euro."""
    return books.account(AccountKind.SAFEGUARDING, ref="bank-1")


@pytest.fixture
def bank(books: Books, funds: UUID, tmp_path: Path) -> Bank:
    return Bank(books, funds, tmp_path)


@pytest.fixture
def treasury(books: Books) -> Treasury:
    """A ledger under the policy `receipt`, on which nothing was received yet."""
    unfunded(books.owner_url)
    return Treasury(books)
