"""What checking the books costs as history grows: the same day after a short history and after a long one.

The history is filled in as in the growth measurement, totalled and sealed; then the library posts a day under
all controls. From the last total, a check must cost the same after both; deep, it costs what there is.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psycopg

from benchmarks import growth
from benchmarks import population as people
from benchmarks.figures import Figure
from benchmarks.scratch import Fresh, scratch_server, settle
from emoney.ledger import Database, Ledger, totals
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.proofs import seal, signing_key

WALLETS, DAY, SIZES, TURNS = 5_000, 20_000, (100_000, 400_000), 3
WALLETS_SMOKE, DAY_SMOKE, SIZES_SMOKE = 500, 1_000, (2_000, 4_000)
BATCH = 1_000
_COUNT_FROM_NOW = (
    # what was filled in is not counted, as of wallets that come under limits afterwards
    "UPDATE ledger.account SET counted_from = version, counters = NULL, counted_on = NULL"
    " WHERE kind = 'customer'",
    "DELETE FROM ledger.usage_day",
)


def measure(*, smoke: bool) -> list[Figure]:
    """Seconds of each check by the size of the history, and the ratio of the longer to the shorter."""
    sizes = SIZES_SMOKE if smoke else SIZES
    figures = []
    with scratch_server() as fresh:
        databases = {size: _lived(fresh, size, smoke) for size in sizes}
        short, long = sizes
        for name, check in _checks().items():
            taken: dict[int, list[float]] = {size: [] for size in sizes}
            for _ in range(1 if smoke else TURNS):
                for size, database in databases.items():
                    taken[size].append(_seconds(database, check))
            of_short, of_long = median(taken[short]), median(taken[long])
            figures.append(
                Figure(
                    f"{name}, {long:,} before", 1000 * of_long, "ms", of_long / of_short, f"{short:,} before"
                )
            )
    return figures


def _checks() -> dict[str, Callable[[Connection], bool]]:
    def balanced(connection: Connection) -> bool:
        found = totals.trial_balance(connection)
        return found.balanced and found.start is not None

    def verified(connection: Connection) -> bool:
        found = totals.verify(connection)
        return found.ok and found.start is not None

    return {
        "trial balance from the last total": balanced,
        "trial balance, deep": lambda connection: totals.trial_balance(connection, deep=True).balanced,
        "verify from the last total": verified,
        "verify, deep": lambda connection: totals.verify(connection, deep=True).ok,
        "a day's total": _total,
    }


def _total(connection: Connection) -> bool:
    made = connection.execute("SELECT ledger.make_day_total_v1() IS NOT NULL").fetchone()
    connection.rollback()
    return bool(made and made[0])


def _seconds(database: Database, check: Callable[[Connection], bool]) -> float:
    with database.connection() as connection:
        began = time.perf_counter()
        assert check(connection)
        return time.perf_counter() - began


def _lived(fresh: Fresh, size: int, smoke: bool) -> Database:
    """A ledger with `size` transfers of the last three months, totalled and sealed, and a day after it."""
    database, chance = fresh(f"checking_{size}"), random.Random(3)
    now = datetime.now(UTC)
    wallets = people.open_wallets(database, WALLETS_SMOKE if smoke else WALLETS, at=now - timedelta(days=92))
    growth.fill(database, size, now - timedelta(days=91), now - timedelta(days=1), lambda _: None)
    with psycopg.connect(database.url) as owner:
        owner.execute("SET session_replication_role = replica")
        for statement in _COUNT_FROM_NOW:
            owner.execute(statement)
    with TemporaryDirectory() as home:
        with database.connection() as connection:
            key = signing_key(connection, Path(home))
        assert totals.make(database) is not None
        seal(database, key)
    ledger, make = Ledger(database), people.between(wallets)
    for _ in range(0, DAY_SMOKE if smoke else DAY, BATCH):
        people.post(ledger, people.batch(make, BATCH, chance))
    settle(database)
    return database
