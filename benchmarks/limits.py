"""What limits cost posting: batches of 1,000 in a row under two packs, against the same run with no limits.

Random pairs of 10,000 wallets each, all other controls on, durable commits, in turns of A_TURN batches.
Nothing is refused.
"""

import random
import time

import psycopg

from benchmarks import population
from benchmarks.figures import Figure, Turns
from benchmarks.scratch import scratch_server
from emoney.kyc import PackLibrary
from emoney.kyc.limits.compile import compile_profile
from emoney.ledger import Ledger, Operation, Transfer, profile_changes
from emoney.ledger.base.clock import system_clock
from emoney.ledger.base.ids import new_id
from emoney.ledger.limits import profiles

BATCH, A_TURN = 1_000, 10
TIERS = {"gh-bog-2024": "minimum", "in-rbi-ppi-2021": "full_kyc"}
NONE = "no limits"
_PAID = Operation.P2P


def measure(*, smoke: bool) -> list[Figure]:
    """Transfers per second under each pack, with their ratio to none."""
    wallets, turns = (1_000, 2) if smoke else (10_000, 8)
    packs = PackLibrary.of()
    with scratch_server() as fresh:
        ways = {}
        for name in (NONE, *TIERS):
            database = fresh(name.replace(" ", "_"))
            currency = packs.pack(name).currency if name in TIERS else population.CURRENCY
            ids = population.open_wallets(database, wallets, tier=None, currency=currency)
            if name in TIERS:
                pack = packs.pack(name)
                with database.connection() as connection:
                    profile = profiles.store(connection, compile_profile(pack, pack.tier(TIERS[name])))
                    profile_changes.put_under(
                        connection,
                        dict.fromkeys(ids, profile),
                        actor="bench",
                        reason="what limits cost",
                        at=system_clock(),
                    )
            with psycopg.connect(database.url, autocommit=True) as owner:
                owner.execute("VACUUM ANALYZE")
            ways[name] = (Ledger(database), ids, currency)
        rates, chance = Turns(ways), random.Random(1)
        for turn in range(turns + 3):
            for name in rates.order():
                ledger, ids, currency = ways[name]
                batches = [
                    [
                        Transfer(
                            new_id(), *chance.sample(ids, 2), chance.randint(1, 100), currency, _PAID, "T"
                        )
                        for _ in range(BATCH)
                    ]
                    for _ in range(1 if smoke else A_TURN)
                ]
                began = time.perf_counter()
                for outcomes in ledger.post_all(batches):
                    assert all(outcome.posted for outcome in outcomes)
                if turn >= 3 or smoke:  # the first turns warm caches, plans and counters
                    rates.add(name, BATCH * len(batches) / (time.perf_counter() - began))
    free = rates.rate(NONE)
    return [
        Figure(
            f"batches of {BATCH:,}, {name}",
            rates.rate(name),
            "transfers/s",
            rates.rate(name) / free,
            NONE,
        )
        for name in ways
    ]
