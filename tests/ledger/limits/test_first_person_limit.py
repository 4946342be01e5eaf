"""The first limits of a person that a process meets, while its other threads are at work."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from books import Books, profile, rule, until

from emoney.ledger import Ledger, Operation, holds
from emoney.ledger.base.ids import new_id
from emoney.ledger.holds import Hold
from emoney.ledger.limits.rules import Direction, Metric, Scope, Window

Ask = Callable[[Ledger, Books, UUID, UUID], bool]


def batched(ledger: Ledger, books: Books, payer: UUID, payee: UUID) -> bool:
    transfer = books.transfer(payer, payee, 10)
    return ledger.run(lambda connection: ledger.post_in(connection, [transfer]))[0].posted


def reserved(ledger: Ledger, books: Books, payer: UUID, payee: UUID) -> bool:
    hold = Hold(new_id(), payer, payee, 10, "EUR", Operation.P2P, books.now + timedelta(hours=1))
    return holds.place(ledger, hold).posted


@pytest.mark.parametrize("ask", [batched, reserved])
def test_who_waits_for_an_account_meanwhile_is_answered(books: Books, ask: Ask) -> None:
    """Whoever asked for accounts alone reads the answer as that, whatever others have learnt since."""
    a_day = rule(Metric.FLOW, 100, Direction.OUT, Window.DAY, scope=Scope.PERSON)
    limited = books.funded(100, profile=profile(a_day), holder=new_id())
    payer, payee, other = books.funded(100), books.account(), books.account()
    ledger = Ledger(books.database, lambda: books.now)
    with ThreadPoolExecutor(1) as pool:
        with books.locked(payer):
            asked = pool.submit(ask, ledger, books, payer, payee)
            until(lambda: books.waiting_for_locks() == 1)
            assert batched(ledger, books, limited, other)
        assert asked.result(30)
    books.check()
