"""Every way of calling the ledger, against the plain functions that a careful hand would write instead.

Single transfers against `bare.post`, batches against `bare.walk` (`benchmarks/bare.sql`), group commit
against one written by hand on the walk: no limits, no library, one round trip and one durable commit a call.
The ways take turns; the median of the turns counts. Several processes at once are as many clients with a
ledger, or a connection, of their own.
"""

import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import UUID

from benchmarks import population as people
from benchmarks.bare import Function, Walk, make_tables
from benchmarks.by_hand import GroupCommitByHand
from benchmarks.callers import CALLERS, MADE_PER_S, Post, tasks, threads, through
from benchmarks.figures import Figure, Turns, frozen
from benchmarks.scratch import scratch_server, settle, tidy
from emoney.ledger import Database, Ledger, Transfer
from emoney.ledger.group_commit.commit import GroupCommit

PLOT = Path(__file__).parents[1] / "docs" / "benchmarks" / "ways.svg"

PROCESSES, BATCH, A_TURN = 8, 1_000, 10
START_S, TURN_S = 0.5, 2.0
A_CLIENT = 1_500
"""Transfers made for a second of one of eight clients, more than any machine posted yet."""
A_WRITER = 25
"""Batches made for a second of one that writes batches; the same."""

COMPARED = (
    ("single post, one client", "single", "function", 0.70),
    ("single post, eight processes", "single, 8 processes", "function, 8 processes", 0.60),
    ("eight processes, one hot merchant", "single, hot", "function, hot", 0.60),
    ("post of 1,000, one after the other", "post", "walk", 0.55),
    ("post_all, batches of 1,000", "post_all", "walk", 0.75),
    ("group commit, 64 threads", "threads", "threads, by hand", 0.90),
    ("group commit, 64 tasks", "tasks", "tasks, by hand", 0.90),
    ("two batch writers, same wallets", "two writers", "one writer", 1.20),
)
"""What is compared with what, and the ratio that is wanted."""

Way = Callable[[], float]


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
        waited: dict[str, list[float]] = {}
        with (
            closing(Function(database.url)) as function,
            closing(Walk(database.url)) as walk,
            closing(GroupCommitByHand(database.url)) as by_hand,
            GroupCommit(ledger) as commits,
        ):
            commit, acommit = through(commits)

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

            def callers(name: str, way: Callable[[Iterator[Transfer], float, float], list[float]]) -> float:
                made = people.batch(pairs, int(MADE_PER_S * (START_S + turn_s)), chance)
                since = time.perf_counter() + START_S
                latencies = way(iter(made), since, since + turn_s)
                rate = len(latencies) / (time.perf_counter() - since)
                waited.setdefault(name, []).append(1_000 * quantiles(latencies, n=100)[98])
                return rate

            def together(processes: int, how: str, to: UUID | None = None) -> float:
                return _together(processes, (database.url, how, to, turn_s))

            ways: dict[str, Way] = {
                "function": lambda: alone(function.post),
                "single": lambda: alone(lambda t: ledger.post([t])[0].posted),
                "function, 8 processes": lambda: together(PROCESSES, "function"),
                "single, 8 processes": lambda: together(PROCESSES, "single"),
                "function, hot": lambda: together(PROCESSES, "function", merchant),
                "single, hot": lambda: together(PROCESSES, "single", merchant),
                "walk": lambda: batches(lambda made: [walk.post(each) for each in made] and None),
                "post": lambda: batches(lambda made: [people.post(ledger, each) for each in made] and None),
                "post_all": lambda: batches(lambda made: list(ledger.post_all(made)) and None),
                "threads, by hand": lambda: callers(
                    "threads, by hand", partial(threads, by_hand.post, CALLERS)
                ),
                "threads": lambda: callers("threads", partial(threads, commit, CALLERS)),
                "tasks, by hand": lambda: callers("tasks, by hand", partial(tasks, by_hand.apost, CALLERS)),
                "tasks": lambda: callers("tasks", partial(tasks, acommit, CALLERS)),
                "one writer": lambda: together(1, "batches"),
                "two writers": lambda: together(2, "batches"),
            }
            rates = Turns(ways)
            for turn in range(turns + 1):
                for name in rates.order():
                    with frozen():
                        rate = ways[name]()
                    if turn or smoke:
                        rates.add(name, rate)
                tidy(database) if turn else settle(database)

    def figure(what: str, way: str, baseline: str, wanted: float) -> Figure:
        rate = rates.rate(way)
        return Figure(what, rate, "transfers/s", rate / rates.rate(baseline), baseline, wanted)

    later = [
        Figure(f"99th percentile, {CALLERS} {name}", each, "ms", each / by_hand_ms, f"{name}, by hand")
        for name in ("threads", "tasks")
        for each, by_hand_ms in [(median(waited[name]), median(waited[f"{name}, by hand"]))]
    ]
    return [figure(*compared) for compared in COMPARED] + later


def _together(processes: int, what: tuple[str, str, UUID | None, float]) -> float:
    """Transfers a second of several processes, each of which has begun before the clock starts."""
    served = multiprocessing.get_context("forkserver")
    served.set_forkserver_preload([__name__])  # else each client would import everything anew
    barrier, told = served.Barrier(processes), served.Queue()
    started = [
        served.Process(target=_client, args=(*what, number, barrier, told), daemon=True)
        for number in range(processes)
    ]
    for process in started:
        process.start()
    rates: list[float] = [told.get(timeout=120) for _ in started]
    for process in started:
        process.join()
    return sum(rates)


def _client(
    url: str, how: str, merchant: UUID | None, turn_s: float, number: int, barrier: Barrier, told: Any
) -> None:
    database = Database(url)
    wallets = people.wallets_of(database)
    make = people.between(wallets) if merchant is None else people.to_merchant(wallets, merchant)
    chance = random.Random(1_000 * number + time.time_ns())
    ledger = Ledger(database)
    size, made = (BATCH, A_WRITER) if how == "batches" else (1, A_CLIENT)
    sent = [people.batch(make, size, chance) for _ in range(int(made * (START_S + turn_s)))]
    post: Callable[[list[Transfer]], object] = partial(people.post, ledger)
    if how == "function":
        function = Function(url)
        post = lambda batch: function.post(batch[0])  # noqa: E731
    barrier.wait(timeout=120)
    began, posted, since = time.perf_counter(), 0, 0.0
    for batch in sent:
        post(batch)
        now = time.perf_counter()
        if since:
            posted += size
        elif now > began + START_S:
            since = now
        if posted and now > began + START_S + turn_s:
            break
    told.put(posted / (now - since))
