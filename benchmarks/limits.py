"""What limits cost posting: batches of 1,000 under two packs, against the same run with no limits.

Random pairs of 10,000 wallets each, all other controls on, durable commits, in turns. Nothing is refused.
"""

import random
import time

import psycopg

from benchmarks import population
from benchmarks.figures import Figure, Turns
from benchmarks.scratch import scratch_server
from kyc import load_pack
from kyc.limits import compile_profile
from ledger import Ledger, Operation, Transfer, accounts, profiles
from ledger.ids import new_id

BATCH = 1_000
TIERS = {"gh-bog-2024": "minimum", "in-rbi-ppi-2021": "full_kyc"}
NONE = "no limits"


def measure(*, smoke: bool) -> list[Figure]:
    """Transfers per second under each pack, with their ratio to none."""
    wallets, turns = (1_000, 2) if smoke else (10_000, 15)
    with scratch_server() as fresh:
        ways = {}
        for name in (NONE, *TIERS):
            database = fresh(name.replace(" ", "_"))
            currency = load_pack(name).currency if name in TIERS else population.CURRENCY
            ids = population.open_wallets(database, wallets, tier=None, currency=currency)
            if name in TIERS:
                pack = load_pack(name)
                with database.connection() as connection:
                    profile = profiles.store(connection, compile_profile(pack, pack.tier(TIERS[name])))
                    for wallet in ids:
                        accounts.set_profile(connection, wallet, profile)
            with psycopg.connect(database.url, autocommit=True) as owner:
                owner.execute("VACUUM ANALYZE")
            ways[name] = (Ledger(database), ids, currency)
        rates, chance = Turns(ways), random.Random(1)
        for turn in range(turns + 3):
            for name in rates.order():
                ledger, ids, currency = ways[name]
                batch = [
                    Transfer(
                        new_id(), *chance.sample(ids, 2), chance.randint(1, 100), currency, Operation.P2P, "T"
                    )
                    for _ in range(BATCH)
                ]
                began = time.perf_counter()
                population.post(ledger, batch)
                if turn >= 3 or smoke:  # the first turns warm caches, plans and counters
                    rates.add(name, BATCH / (time.perf_counter() - began))
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
