from uuid import UUID

import pytest
from books import Books

from ledger import AccountKind


@pytest.fixture
def funds(books: Books) -> UUID:
    """A safeguarding account in euro."""
    return books.account(AccountKind.SAFEGUARDING, ref="bank-1")
