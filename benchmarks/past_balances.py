"""What a balance at a past moment costs as an account grows: one of many entries against one of few.

The accounts are filled in as in the growth measurement; of one more, every tenth transfer counts a minute
before it was posted. The moment is in the middle of each account's history.
"""

import time
from datetime import UTC, datetime, timedelta
from statistics import median

import psycopg

from benchmarks import growth
from benchmarks import population as people
from benchmarks.figures import Figure
from benchmarks.scratch import Fresh, scratch_server, settle
from emoney.ledger import Database
from emoney.ledger.reports import as_of
from emoney.ledger.reports.as_of import TimeBasis

FEW, MANY, MANY_SMOKE, ASKED = 1_000, 200_000, 4_000, 101
_EVERY_TENTH_LATE = (
    "UPDATE ledger.transfer SET effective_at = posted_at - interval '1 minute' WHERE debit_version % 10 = 3"
)


def measure(*, smoke: bool) -> list[Figure]:
    """Milliseconds of a balance by each time, and the ratio of an account of many entries to one of few."""
    many = MANY_SMOKE if smoke else MANY
    figures = []
    with scratch_server() as fresh:
        accounts = {
            "few": _account(fresh, "few", FEW),
            "many": _account(fresh, "many", many),
            "few, late": _account(fresh, "few_late", FEW, _EVERY_TENTH_LATE),
            "many, late": _account(fresh, "many_late", many, _EVERY_TENTH_LATE),
        }
        for basis, late in (
            (TimeBasis.POSTED, ""),
            (TimeBasis.EFFECTIVE, ""),
            (TimeBasis.EFFECTIVE, ", late"),
        ):
            few, of_many = (_seconds(accounts[f"{which}{late}"], basis) for which in ("few", "many"))
            name = f"balance by {basis} time, {many:,} entries" + (", a tenth late" if late else "")
            figures.append(Figure(name, 1000 * of_many, "ms", of_many / few, f"{FEW:,} entries"))
    return figures


def _account(fresh: Fresh, name: str, entries: int, *changes: str) -> Database:
    """A ledger of two wallets, each with so many entries of the last three months."""
    database, now = fresh(f"balances_{name}"), datetime.now(UTC)
    people.open_wallets(database, 2, at=now - timedelta(days=92))
    growth.fill(database, entries, now - timedelta(days=91), now - timedelta(days=1), lambda _: None)
    with psycopg.connect(database.url) as owner:
        owner.execute("SET session_replication_role = replica")
        for change in changes:
            owner.execute(change)
    settle(database)
    return database


def _seconds(database: Database, basis: TimeBasis) -> float:
    moment, taken = datetime.now(UTC) - timedelta(days=46), []
    with database.connection() as connection:
        found = connection.execute("SELECT id FROM ledger.account WHERE kind = 'customer' LIMIT 1").fetchone()
        assert found is not None
        for _ in range(ASKED):
            began = time.perf_counter()
            as_of.balance(connection, found[0], moment, basis=basis)
            taken.append(time.perf_counter() - began)
    return median(taken)
