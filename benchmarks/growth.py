"""Growth: the rate of batches on a ledger of millions of transfers against one that has only been opened.

The transfers are filled in as the database's owner with its triggers off, several times faster than posting:
claims, transfers, entries and balances as posting would have left them, so the trial balance holds.
"""

import random
import threading
import time
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from benchmarks import population as people
from benchmarks.figures import Turns, frozen
from benchmarks.plans import explained
from benchmarks.scale import Scale, Tell
from benchmarks.scratch import Fresh, settle
from emoney.ledger import Database, Ledger
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.reports import as_of
from emoney.ledger.reports.trial_balance import trial_balance

BATCH, BATCHES_A_TURN, WARM_UP = 1_000, 5, 15
_ROUNDS_A_STEP = 10

_queries = queries_beside(__file__)


def fill(database: Database, count: int, first: datetime, last: datetime, tell: Tell) -> int:
    """Add about `count` transfers between the customers' wallets, spread from `first` to `last`; how many.

    A whole number for each wallet. `first` must be later than all that was posted.
    """
    with psycopg.connect(database.url) as owner:
        owner.execute(_queries.prepare.sql)
        (wallets,) = owner.execute(_queries.wallet_count.sql).fetchone() or (0,)
    rounds = max(1, round(count / wallets))
    span = {"start": first, "step": (last - first) / rounds}
    failed: list[BaseException] = []
    _checkpoints(database, "'1h'", "'64GB'")

    def insert(*statements: str) -> None:
        try:
            with psycopg.connect(database.url) as owner:
                owner.execute("SET session_replication_role = replica")
                for start in range(0, rounds, _ROUNDS_A_STEP):
                    for statement in statements:
                        owner.execute(
                            statement, span | {"first": start, "last": min(start + _ROUNDS_A_STEP, rounds)}
                        )
                    if len(statements) > 1:
                        tell(f"growth: filling, {start * wallets:,} of {rounds * wallets:,}")
        except psycopg.Error as error:
            failed.append(error)

    entries = threading.Thread(target=insert, args=(_queries.insert_entries.sql,))
    entries.start()
    insert(_queries.insert_claims.sql, _queries.insert_transfers.sql)
    entries.join()
    _checkpoints(database, "DEFAULT", "DEFAULT")
    if failed:
        raise failed[0]
    with psycopg.connect(database.url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(_queries.move_accounts.sql, span | {"rounds": rounds})
        owner.execute(_queries.finish.sql)
    return int(rounds * wallets)


def _checkpoints(database: Database, timeout: str, log_size: str) -> None:
    """How often the server writes checkpoints: hardly, while filling, or pages are logged again and again."""
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute(f"ALTER SYSTEM SET checkpoint_timeout = {timeout}")
        owner.execute(f"ALTER SYSTEM SET max_wal_size = {log_size}")
        owner.execute("SELECT pg_reload_conf()")


def measure(full: Database, fresh: Fresh, scale: Scale, tell: Tell) -> dict[str, Any]:
    """`full`, a ledger filled before, against an empty one; and the plans of a balance on it."""
    empty = fresh("empty")
    people.open_wallets(empty, scale.wallets)
    databases = {"empty": empty, "full": full}
    wallets = {name: people.wallets_of(database) for name, database in databases.items()}
    makes = {name: people.between(of_one) for name, of_one in wallets.items()}
    turns, chance = Turns(databases), random.Random(2)
    for name, database in databases.items():
        tell(f"growth: vacuum and statistics of the {name} ledger")
        settle(database)
    ledgers = {name: Ledger(database) for name, database in databases.items()}
    with frozen():
        for turn in range(scale.batch_turns + 1):
            tell(f"growth: turn {turn} of {scale.batch_turns}" if turn else "growth: warming up")
            for name in turns.order():
                count = BATCHES_A_TURN if turn or scale.smoke else WARM_UP
                batches = [people.batch(makes[name], BATCH, chance) for _ in range(count)]
                began = time.perf_counter()
                for each in batches:
                    people.post(ledgers[name], each)
                if turn or scale.smoke:
                    turns.add(name, count * BATCH / (time.perf_counter() - began))
    if scale.smoke:
        with full.connection() as connection:
            assert trial_balance(connection).balanced
    return {
        "ratio": turns.rate("full") / turns.rate("empty"),
        "per_second": turns.rate("full"),
        "empty_per_second": turns.rate("empty"),
        "quartiles": turns.quartiles("full"),
        "plans": _plans(full, wallets["full"][0]),
    }


def _plans(database: Database, account_id: UUID) -> dict[str, str]:
    with database.connection() as connection:
        moment = connection.execute(
            "SELECT min(posted_at) + (max(posted_at) - min(posted_at)) / 2 FROM ledger.transfer"
        ).fetchone()
    assert moment is not None
    return {
        "balance": explained(database, lambda connection: accounts.get(connection, account_id)),
        "balance as of": explained(
            database, lambda connection: as_of.position(connection, account_id, moment[0])
        ),
    }
