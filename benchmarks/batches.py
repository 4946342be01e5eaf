"""Batches: posting against what PostgreSQL can write, and one hot merchant against pairs by chance.

In a row (`Ledger.post_all`), as a job that has many posts them, and one by one (`Ledger.post`).

In turns, so that a drift of the machine hits all; the median of the turns counts. Not timed:
making transfers and the ceiling's rows.
"""

import random
import time
from collections.abc import Callable
from typing import Any

import psycopg

from benchmarks import population as people
from benchmarks.bare import Ceiling, make_tables
from benchmarks.figures import Turns, frozen
from benchmarks.scale import Scale, Tell
from benchmarks.scratch import Fresh, settle
from emoney.ledger import Database, Ledger, Transfer

SMALL, LARGE = 1_000, 10_000
SMALL_A_TURN, LARGE_A_TURN, LARGE_ALONE = 20, 20, 5
"""Batches in one turn: of a row of few, the first and last, which nothing overlaps, would be most."""

Prepare = Callable[[list[Transfer]], Any]
Write = Callable[[list[Any]], None]


def measure(fresh: Fresh, scale: Scale, tell: Tell) -> dict[str, Any]:
    """`batch_1000`, `batch_10000`, `hot_batch`."""
    database = fresh("batches")
    ledger = Ledger(database)
    wallets = people.open_wallets(database, scale.wallets)
    pairs, payments = people.between(wallets), people.to_merchant(wallets, people.open_merchant(ledger))
    make_tables(database.url, wallets)
    ceiling = Ceiling(database.url)

    def in_a_row(batches: list[list[Transfer]]) -> None:
        for outcomes in ledger.post_all(batches):
            assert all(outcome.posted for outcome in outcomes)

    def one_by_one(batches: list[list[Transfer]]) -> None:
        for batch in batches:
            people.post(ledger, batch)

    def written(batches: list[Any]) -> None:
        for rows in batches:
            ceiling.write(rows)

    ways: dict[str, tuple[people.Make, int, int, Prepare, Write]] = {
        "batch_1000": (pairs, SMALL, SMALL_A_TURN, list, in_a_row),
        "alone_1000": (pairs, SMALL, SMALL_A_TURN, list, one_by_one),
        "ceiling_1000": (pairs, SMALL, SMALL_A_TURN, ceiling.prepare, written),
        "hot_1000": (payments, SMALL, SMALL_A_TURN, list, in_a_row),
        "batch_10000": (pairs, LARGE, LARGE_A_TURN, list, in_a_row),
        "alone_10000": (pairs, LARGE, LARGE_ALONE, list, one_by_one),
        "ceiling_10000": (pairs, LARGE, LARGE_A_TURN, ceiling.prepare, written),
    }
    turns = Turns(ways)
    with frozen():
        for turn in range(scale.batch_turns + 1):
            tell(
                f"batches: turn {turn} of {scale.batch_turns}" if turn else "batches: filling and warming up"
            )
            chance = random.Random(turn)
            for name in turns.order():
                make, size, count, prepare, write = ways[name]
                count = min(count, 2) if scale.smoke else count
                prepared = [prepare(people.batch(make, size, chance)) for _ in range(count)]
                began = time.perf_counter()
                write(prepared)
                if turn or scale.smoke:
                    turns.add(name, size * count / (time.perf_counter() - began))
            if not turn:
                settle(database)
    ceiling.close()
    _same_rows(database)
    result: dict[str, Any] = {}
    for size in (SMALL, LARGE):
        result[f"batch_{size}"] = {
            "per_second": turns.rate(f"batch_{size}"),
            "ceiling_per_second": turns.rate(f"ceiling_{size}"),
            "ratio": turns.rate(f"batch_{size}") / turns.rate(f"ceiling_{size}"),
            "one_by_one_per_second": turns.rate(f"alone_{size}"),
            "one_by_one_ratio": turns.rate(f"alone_{size}") / turns.rate(f"ceiling_{size}"),
            "quartiles": turns.quartiles(f"batch_{size}"),
        }
    result["hot_batch"] = {
        "per_second": turns.rate("hot_1000"),
        "ratio_to_random": turns.rate("hot_1000") / turns.rate("batch_1000"),
        "quartiles": turns.quartiles("hot_1000"),
    }
    return result


def _same_rows(database: Database) -> None:
    """The ceiling wrote what it claims to: two entries a transfer, and balances that follow from them."""
    with psycopg.connect(database.url) as owner:
        assert owner.execute(
            "SELECT (SELECT count(*) FROM bare.entry) = 2 * (SELECT count(*) FROM bare.transfer)"
            " AND (SELECT sum(debits_posted) FROM bare.account)"
            "   = (SELECT sum(amount) FROM bare.transfer)"
        ).fetchone() == (True,)
