"""Every way of calling the ledger, against the plain functions that a careful hand would write instead.

Single transfers against `bare.post`, batches against `bare.walk` (`benchmarks/bare.sql`): no limits, no
library, one round trip and one durable commit a call. The ways take turns; the median of the turns counts.
Eight processes at once are eight clients with a ledger, or a connection, of their own.
"""

import multiprocessing
import random
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.synchronize import Barrier
from typing import Any
from uuid import UUID

from benchmarks import population as people
from benchmarks.bare import Function, Walk, make_tables
from benchmarks.figures import Figure, Turns, frozen
from benchmarks.scratch import scratch_server, settle, tidy
from emoney.ledger import Database, Ledger, Transfer

PROCESSES, BATCH, A_TURN = 8, 1_000, 10
START_S, TURN_S = 0.5, 2.0
A_CLIENT = 1_500
"""Transfers made for a second of one of eight clients, more than any machine posted yet."""

Post = Callable[[Transfer], bool]


def measure(*, smoke: bool) -> list[Figure]:
    """Rates of each way, with their ratio to the plain function."""
    wallets, turns, turn_s = (500, 1, 0.2) if smoke else (10_000, 3, TURN_S)
    with scratch_server() as fresh:
        database = fresh("ways")
        ledger = Ledger(database)
        ids = people.open_wallets(database, wallets)
        merchant = people.open_merchant(ledger)
        make_tables(database.url, [*ids, merchant])
        pairs, chance = people.between(ids), random.Random(3)
        with closing(Function(database.url)) as function, closing(Walk(database.url)) as walk:

            def alone(post: Post) -> float:
                made = people.batch(pairs, int(6_000 * turn_s), chance)
                since, posted = time.perf_counter(), 0
                for transfer in made:
                    assert post(transfer)
                    posted += 1
                    if time.perf_counter() > since + turn_s:
                        break
                return posted / (time.perf_counter() - since)

            def batches(post: Callable[[list[list[Transfer]]], None]) -> float:
                made = [people.batch(pairs, BATCH, chance) for _ in range(2 if smoke else A_TURN)]
                since = time.perf_counter()
                post(made)
                return BATCH * len(made) / (time.perf_counter() - since)

            def together(plain: bool, to: UUID | None = None) -> float:
                return _together(database.url, to, turn_s, plain=plain, processes=PROCESSES)

            ways: dict[str, Callable[[], float]] = {
                "function": lambda: alone(function.post),
                "single": lambda: alone(lambda t: ledger.post([t])[0].posted),
                "function, 8 processes": lambda: together(True),
                "single, 8 processes": lambda: together(False),
                "function, hot": lambda: together(True, merchant),
                "single, hot": lambda: together(False, merchant),
                "walk": lambda: batches(lambda made: [walk.post(each) for each in made] and None),
                "post": lambda: batches(lambda made: [people.post(ledger, each) for each in made] and None),
                "post_all": lambda: batches(lambda made: list(ledger.post_all(made)) and None),
            }
            rates = Turns(ways)
            for turn in range(turns + 1):
                for name in rates.order():
                    with frozen():
                        rate = ways[name]()
                    if turn or smoke:
                        rates.add(name, rate)
                tidy(database) if turn else settle(database)

    def figure(what: str, way: str, baseline: str) -> Figure:
        return Figure(what, rates.rate(way), "transfers/s", rates.rate(way) / rates.rate(baseline), baseline)

    return [
        figure("single post, one client", "single", "function"),
        figure("single post, eight processes", "single, 8 processes", "function, 8 processes"),
        figure("eight processes, one hot merchant", "single, hot", "function, hot"),
        figure("post of 1,000, one after the other", "post", "walk"),
        figure("post_all, batches of 1,000", "post_all", "walk"),
    ]


def _together(url: str, merchant: UUID | None, turn_s: float, *, plain: bool, processes: int) -> float:
    """Transfers a second of several processes, each of which has begun before the clock starts."""
    served = multiprocessing.get_context("forkserver")
    served.set_forkserver_preload([__name__])  # else each client would import everything anew
    barrier, told = served.Barrier(processes), served.Queue()
    started = [
        served.Process(
            target=_client, args=(url, merchant, turn_s, plain, number, barrier, told), daemon=True
        )
        for number in range(processes)
    ]
    for process in started:
        process.start()
    rates = [told.get(timeout=120) for _ in started]
    for process in started:
        process.join()
    return sum(rates)


def _client(
    url: str,
    merchant: UUID | None,
    turn_s: float,
    plain: bool,
    number: int,
    barrier: Barrier,
    told: Any,
) -> None:
    database = Database(url)
    wallets = people.wallets_of(database)
    make = people.between(wallets) if merchant is None else people.to_merchant(wallets, merchant)
    chance = random.Random(1_000 * number + time.time_ns())
    transfers = people.batch(make, int(A_CLIENT * (START_S + turn_s)), chance)
    ledger = Ledger(database)
    function = Function(url)
    post: Post = function.post if plain else lambda t: ledger.post([t])[0].posted
    barrier.wait(timeout=120)
    began, posted = time.perf_counter(), 0
    for transfer in transfers:
        assert post(transfer)
        now = time.perf_counter()
        posted += now > began + START_S
        if now > began + START_S + turn_s:
            break
    told.put(posted / turn_s)
