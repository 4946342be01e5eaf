from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

import pytest
from books import Books, Force

from emoney.ledger import Database, Ledger, Transfer
from emoney.ledger.posting import locked, optimistic, single
from emoney.ledger.posting.account_state import Accounts
from emoney.ledger.posting.decide import Decision, decide
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


@pytest.fixture
def force(books: Books, monkeypatch: pytest.MonkeyPatch) -> Force:
    """Post what limits forbid, as one could who held guard and decision down for a moment."""
    lax = (
        "UPDATE ledger.guard SET day_most = array_fill(NULL::bigint, ARRAY[slots]), single_out_most = NULL,"
        " span_most = array_fill(NULL::bigint, ARRAY[slots]), balance_most = NULL, apart_codes = 0"
    )

    def decide_nothing_refused(
        todo: Sequence[Transfer], states: Accounts, now: datetime, **_: bool
    ) -> list[Decision]:
        for state in states.values():
            state.profile = None
        return list(decide(todo, states, now))

    def post(payer: UUID, payee: UUID, amount: int) -> UUID:
        books.owner("CREATE TABLE kept AS SELECT * FROM ledger.guard", lax)
        transfer = books.transfer(payer, payee, amount)
        with monkeypatch.context() as patched:
            patched.setattr(locked, "decide", decide_nothing_refused)
            patched.setattr(optimistic, "decide", decide_nothing_refused)
            patched.setattr(single, "decide", decide_nothing_refused)
            forced = Ledger(books.database, lambda: books.now)  # what it remembers is wrong, and forgotten
            assert forced.post([transfer])[0].posted
        books.owner(
            "DELETE FROM ledger.guard", "INSERT INTO ledger.guard SELECT * FROM kept", "DROP TABLE kept"
        )
        return transfer.id

    return post
