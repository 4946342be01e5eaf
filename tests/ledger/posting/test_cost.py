"""What posting and asking cost, in round trips and probes: counted, never timed."""

import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from benchmarks.plans import plan, steps
from books import Books, profile, rule
from psycopg.pq import Trace

from emoney.ledger import AccountKind, Operation
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.limits.rules import Metric, Window
from emoney.ledger.reports import as_of

ROUND_TRIPS_MAX = 10
"""A batch without refusals, the transaction's begin and commit included; a COPY is two."""

ASKS = ("Query", "Sync", "CopyDone")
"""What a client sends before it waits for an answer, in the words of libpq's trace."""


@pytest.fixture(scope="module")
def wallets(shared_books: Books) -> list[UUID]:
    """Under limits of the day and the month, with money and a history, in a ledger with its statistics."""
    limits = profile(
        *(rule(Metric.FLOW, 10**12, window=window, name=window) for window in Window), name="counted"
    )
    found = [shared_books.account(profile=limits) for _ in range(300)]
    funds = shared_books.account(AccountKind.SAFEGUARDING)
    shared_books.posted(
        *(shared_books.transfer(funds, each, 10**6, Operation.LOAD, reference="receipt") for each in found)
    )
    for _ in range(6):
        post(shared_books, found, 1_000)
    with psycopg.connect(shared_books.owner_url, autocommit=True) as owner:
        owner.execute("VACUUM (ANALYZE)")
    return found


def post(books: Books, wallets: list[UUID], size: int) -> None:
    pairs = [random.sample(wallets, 2) for _ in range(size)]
    books.posted(*(books.transfer(payer, payee, 1) for payer, payee in pairs))


def messages(books: Books, wallets: list[UUID], size: int) -> Counter[str]:
    """What one batch sends to the server, from the transaction's begin to its commit, by kind of message."""
    pairs = [random.sample(wallets, 2) for _ in range(size)]
    batch = [books.transfer(payer, payee, 1) for payer, payee in pairs]
    with tempfile.TemporaryFile("w+") as traced, psycopg.connect(books.owner_url) as connection:
        for _ in range(12):  # statements are prepared, and profiles read, once a connection
            books.ledger.post_in(connection, [books.transfer(*random.sample(wallets, 2), 1)])
            connection.commit()
        connection.pgconn.trace(traced.fileno())
        connection.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        outcomes = books.ledger.post_in(connection, batch)
        connection.commit()
        connection.pgconn.untrace()
        assert all(outcome.posted for outcome in outcomes)
        traced.seek(0)
        return Counter(re.findall(r"^F\t\d+\t(\w+)", traced.read(), re.MULTILINE))


@pytest.mark.skipif(sys.platform != "linux", reason="libpq's trace needs Linux")
def test_a_batch_of_any_size_costs_the_same_few_round_trips(shared_books: Books, wallets: list[UUID]) -> None:
    counted = {size: messages(shared_books, wallets, size) for size in (1, 100, 1_000)}
    asks = {size: sum(sent[kind] for kind in ASKS) for size, sent in counted.items()}
    statements = {size: sent["Execute"] + sent["Query"] for size, sent in counted.items()}
    for each in (asks, statements):
        assert each[1] <= each[100] == each[1_000], each
    assert asks[1_000] <= ROUND_TRIPS_MAX


Ask = Callable[[Connection, UUID, datetime], Any]


def balance(connection: Connection, account_id: UUID, _: datetime) -> Any:
    return accounts.get(connection, account_id)


@pytest.mark.parametrize("ask", [balance, as_of.position, as_of.balance])
def test_a_balance_is_found_by_probes_of_an_index(shared_books: Books, wallets: list[UUID], ask: Ask) -> None:
    """Now and as of a moment: no table is scanned, however many rows of others it has."""
    moment = shared_books.now
    plans = plan(shared_books.database, lambda connection: ask(connection, wallets[7], moment))
    assert plans
    scans = [step for planned in plans for step in steps(planned) if "Relation Name" in step]
    # the hierarchy and open holds, which have no rows here, are read whole whatever the query
    scans = [scan for scan in scans if scan["Relation Name"] not in ("account_parent", "open_hold")]
    assert {scan["Relation Name"] for scan in scans} <= {"account", "entry_before"}
    assert scans
    for scan in scans:
        assert scan["Node Type"] in ("Index Scan", "Index Only Scan"), scan
        assert "Index Cond" in scan
