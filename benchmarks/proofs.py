"""The proof log: how fast it is sealed and verified, and what a proof costs as it grows.

Baseline of sealing and verifying: reading the same rows out of the database, every column, by binary COPY; of
a large transaction: a smaller one.
"""

import random
import time
from collections.abc import Callable
from statistics import median
from uuid import UUID

from benchmarks import population as people
from benchmarks.figures import Figure
from benchmarks.scratch import scratch_database
from emoney.ledger import Database, Ledger, Transfer
from emoney.ledger.proofs import SigningKey, audit, proofs_of, seal, signing_key, verify

WALLETS, BATCH = 2_000, 1_000
SIZES, SIZES_SMOKE = (1_000, 10_000, 100_000, 1_000_000), (1_000, 3_000)
LARGE, LARGE_SMOKE = (20_000, 320_000), (1_000, 4_000)
"""Transfers in one transaction."""
PROOFS = 200


def measure(*, smoke: bool) -> list[Figure]:
    """Rows per second of sealing and verifying, bytes per leaf, and milliseconds per proof by size."""
    sizes = SIZES_SMOKE if smoke else SIZES
    figures = []
    chance = random.Random(1)
    with scratch_database() as (database, folder):
        wallets = people.open_wallets(database, WALLETS if not smoke else BATCH, tier=None)
        ledger, make = Ledger(database), people.between(wallets)
        with database.connection() as connection:
            key = signing_key(connection, folder)
        posted: list[UUID] = []
        for size in sizes:
            while len(posted) < size:
                batch = people.batch(make, BATCH, chance)
                ledger.post(batch)
                posted += [transfer.id for transfer in batch]
            began = time.perf_counter()
            sealed = seal(database, key)
            seconds, added = time.perf_counter() - began, sealed.added
            figures.append(
                Figure(
                    f"one proof in a log of {sealed.size:,}", _proof_ms(database, posted, chance) * 1000, "us"
                )
            )
        large = _large(database, ledger, key, lambda: people.batch(make, BATCH, chance), smoke=smoke)
        sealed = seal(database, key)
        scanned = _timed(lambda: _scan(database))
        with database.connection() as connection:
            began = time.perf_counter()
            found = audit(connection, key.public)
            audited = time.perf_counter() - began
            assert found.sound
            assert found.rows == sealed.size
            some = [chance.choice(posted) for _ in range(1_000)]
            many = _timed(lambda: proofs_of(connection, some))
            row = connection.execute(
                "SELECT pg_total_relation_size('ledger.leaf_block')"
                " + pg_total_relation_size('ledger.tree_node')"
            ).fetchone()
            made = proofs_of(connection, some).to_json()
        scan = sealed.size / scanned
        checked = _timed(lambda: verify(made, key.public))
    assert row is not None
    return [
        Figure("sealing", added / seconds, "rows/s", added / seconds / scan, "reading the rows"),
        Figure(
            "verifying the database",
            found.rows / audited,
            "rows/s",
            found.rows / audited / scan,
            "reading the rows",
        ),
        Figure("proofs, 1,000 at once", len(some) / many, "proofs/s"),
        Figure("verifying proofs offline", len(made["leaves"]) / checked, "proofs/s"),
        Figure("the log on disk", row[0] / sealed.size, "bytes/leaf"),
        *figures,
        large,
    ]


def _large(
    database: Database, ledger: Ledger, key: SigningKey, batch: Callable[[], list[Transfer]], *, smoke: bool
) -> Figure:
    """Sealing the rows of one transaction of many, per row, beside one of fewer."""
    rates = []
    few, many = LARGE_SMOKE if smoke else LARGE
    for count in (few, many):
        with database.connection() as connection:
            for _ in range(count // BATCH):
                ledger.post_in(connection, batch())
        began = time.perf_counter()
        added = seal(database, key).added
        rates.append(added / (time.perf_counter() - began))
    told = f"sealing a transaction of {many:,}"
    return Figure(told, rates[1], "rows/s", rates[1] / rates[0], f"one of {few:,}")


def _proof_ms(database: Database, posted: list[UUID], chance: random.Random) -> float:
    """Median milliseconds of a proof asked for alone, with nothing at hand from the one before."""
    taken = []
    with database.connection() as connection:
        for _ in range(PROOFS):
            one = [chance.choice(posted)]
            began = time.perf_counter()
            proofs_of(connection, one)
            taken.append(time.perf_counter() - began)
    return 1000 * median(taken)


def _scan(database: Database) -> None:
    with (
        database.connection() as connection,
        connection.cursor().copy("COPY (SELECT * FROM ledger.transfer) TO STDOUT (FORMAT BINARY)") as copy,
    ):
        for _ in copy:
            pass


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
