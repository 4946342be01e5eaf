"""Group commit against a single client: how much many callers gain from sharing batches, and what they wait.

Random pairs of limited wallets, durable commits. Each way runs in turns of TURN_S, so that a drift of the
machine hits all, and reports the median of its turns:

- `single`: one client, one transfer a call, `Ledger.post`; the baseline of rates and of latencies;
- `threads`: 64 threads with `GroupCommit.post`, each sending its next transfer when it has its answer;
- `asyncio`: 64 and 256 tasks of one event loop with `GroupCommit.apost`;
- `hot`: 64 threads that all pay one merchant, against `threads`.

Callers and writer share one process: each call's making, queueing and waking is Python, counted in the rate.
What the set-up leaves in memory is kept from the garbage collector, as a service does after its start: a full
collection of all that was imported stops every caller for tens of milliseconds.
"""

import asyncio
import gc
import random
import threading
import time
from collections.abc import Callable
from statistics import median, quantiles
from uuid import UUID

import psycopg

from benchmarks.figures import Figure
from benchmarks.posting import _open_wallets
from benchmarks.scratch import scratch_database
from ledger import AccountKind, Ledger, Operation, Transfer
from ledger.group_commit import GroupCommit
from ledger.ids import new_id

CALLERS, CALLERS_MANY = 64, 256
TURN_S, TURNS = 2.0, 6
AMOUNT_MAX = 100

Make = Callable[[random.Random], Transfer]
Way = Callable[[float], tuple[int, list[float]]]
"""Runs for so many seconds; gives how many transfers were posted, and each one's latency in seconds."""


def measure(*, smoke: bool) -> list[Figure]:
    """Transfers per second and the 99th percentile latency of each way, with their ratios to `single`."""
    wallets, turn_s, turns = (1_000, 0.2, 1) if smoke else (10_000, TURN_S, TURNS)
    with scratch_database() as (database, _):
        ledger = Ledger(database)
        customers = _open_wallets(database, wallets, "enhanced")
        merchant = ledger.open_account(AccountKind.MERCHANT, "GHS", "hot merchant")
        with psycopg.connect(database.url, autocommit=True) as owner:
            owner.execute("VACUUM ANALYZE")
        gc.collect()
        gc.freeze()

        def pair(chance: random.Random) -> Transfer:
            payer, payee = chance.sample(customers, 2)
            return _transfer(payer, payee, Operation.P2P, chance)

        def payment(chance: random.Random) -> Transfer:
            return _transfer(chance.choice(customers), merchant, Operation.PAY, chance)

        with GroupCommit(ledger) as commits:
            ways: dict[str, Way] = {
                "single": lambda seconds: _single(ledger, pair, seconds),
                "threads 64": lambda seconds: _threads(commits, pair, CALLERS, seconds),
                "asyncio 64": lambda seconds: _tasks(commits, pair, CALLERS, seconds),
                "asyncio 256": lambda seconds: _tasks(commits, pair, CALLERS_MANY, seconds),
                "hot threads 64": lambda seconds: _threads(commits, payment, CALLERS, seconds),
                "hot asyncio 64": lambda seconds: _tasks(commits, payment, CALLERS, seconds),
            }
            rates: dict[str, list[float]] = {name: [] for name in ways}
            latencies: dict[str, list[list[float]]] = {name: [] for name in ways}
            names = list(ways)
            for turn in range(turns + 1):
                for name in names:
                    began = time.perf_counter()
                    posted, waited = ways[name](turn_s)
                    if turn or smoke:  # the first turn warms caches and plans
                        rates[name].append(posted / (time.perf_counter() - began))
                        latencies[name].append(waited)
                names.append(names.pop(0))  # each way runs after each other one
        gc.unfreeze()
    return _figures(rates, latencies)


def _figures(rates: dict[str, list[float]], latencies: dict[str, list[list[float]]]) -> list[Figure]:
    rate = {name: median(each) for name, each in rates.items()}
    p99 = {name: median(quantiles(turn, n=100)[98] for turn in each) for name, each in latencies.items()}
    single_s = median(median(turn) for turn in latencies["single"])
    figures = []
    for name in rates:
        baseline = name.removeprefix("hot ") if name.startswith("hot") else "single"
        figures.append(
            Figure(f"group commit, {name}", rate[name], "transfers/s", rate[name] / rate[baseline], baseline)
        )
    for name in rates:
        for baseline, seconds in (
            ("a single call's median", single_s),
            ("a single call's p99", p99["single"]),
        ):
            ratio = p99[name] / seconds
            figures.append(Figure(f"group commit, {name}, p99", p99[name] * 1e6, "us", ratio, baseline))
    figures.append(Figure("group commit, single, median", single_s * 1e6, "us"))
    return figures


def _transfer(payer: UUID, payee: UUID, operation: Operation, chance: random.Random) -> Transfer:
    return Transfer(new_id(), payer, payee, chance.randint(1, AMOUNT_MAX), "GHS", operation, "T")


def _single(ledger: Ledger, make: Make, seconds: float) -> tuple[int, list[float]]:
    return _loop(lambda transfer: ledger.post([transfer])[0].posted, make, time.perf_counter() + seconds)


def _threads(commits: GroupCommit, make: Make, callers: int, seconds: float) -> tuple[int, list[float]]:
    posted, latencies = [0] * callers, [[0.0]] * callers
    until = time.perf_counter() + seconds

    def work(number: int) -> None:
        posted[number], latencies[number] = _loop(lambda t: commits.post(t).posted, make, until)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(posted), [each for some in latencies for each in some]


def _loop(post: Callable[[Transfer], bool], make: Make, until: float) -> tuple[int, list[float]]:
    """Post one after the other until the time `until`."""
    chance, posted, latencies = random.Random(), 0, []
    now = time.perf_counter()
    while now < until:
        transfer = make(chance)
        began = time.perf_counter()
        posted += post(transfer)
        now = time.perf_counter()
        latencies.append(now - began)
    assert posted == len(latencies)
    return posted, latencies


def _tasks(commits: GroupCommit, make: Make, callers: int, seconds: float) -> tuple[int, list[float]]:
    latencies: list[float] = []
    until = time.perf_counter() + seconds

    async def work() -> int:
        chance, posted = random.Random(), 0
        now = time.perf_counter()
        while now < until:
            transfer = make(chance)
            began = time.perf_counter()
            posted += (await commits.apost(transfer)).posted
            now = time.perf_counter()
            latencies.append(now - began)
        return posted

    async def main() -> int:
        return sum(await asyncio.gather(*(work() for _ in range(callers))))

    posted = asyncio.run(main())
    assert posted == len(latencies)
    return posted, latencies
