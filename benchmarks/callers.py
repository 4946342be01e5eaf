"""Callers with one transfer each: alone, against one function call, and many through group commit.

Durable commits. The ways take turns; the median of the turns counts, of rates and of 99th percentiles:

- `function`: one client, one `SELECT function()` a transfer, no limits: the baseline of `single`;
- `single`: one client, one transfer a call, `Ledger.post`: the baseline of group commit, rate and latency;
- `threads`: 64 threads with `GroupCommit.post`, each sending its next transfer when it has its answer;
- `hot`: the same, all paying one merchant;
- `tasks`: 64 and 256 tasks of one event loop with `GroupCommit.apost`.

Callers and writer share one process: each call's making, queueing and waking is Python, counted in the rate.
One client and group commit have a database each: the writer remembers accounts, and what one client posts to
them beside it would have it read them again at the start of each turn.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

from benchmarks import population as people
from benchmarks.bare import Function, make_tables
from benchmarks.figures import Turns, frozen
from benchmarks.population import Make
from benchmarks.scale import Scale, Tell
from benchmarks.scratch import Fresh, settle
from ledger import Ledger, Transfer
from ledger.group_commit import GroupCommit

CALLERS, CALLERS_MANY = 64, 256

Way = Callable[[float], tuple[int, list[float]]]
"""Runs for so many seconds; gives how many transfers were posted, and each one's latency in seconds."""


def measure(fresh: Fresh, scale: Scale, tell: Tell) -> dict[str, Any]:
    """`single`, `group_commit_64`, `hot_group_commit`, and the tasks of an event loop."""
    alone, shared = fresh("one_client"), fresh("callers")
    singly, ledger = Ledger(alone), Ledger(shared)
    own, wallets = (people.open_wallets(database, scale.wallets) for database in (alone, shared))
    own_pair = people.between(own)
    pair, payment = people.between(wallets), people.to_merchant(wallets, people.open_merchant(ledger))
    make_tables(alone.url, own)
    function = Function(alone.url)
    with GroupCommit(ledger) as commits:
        ways: dict[str, Way] = {
            "function": lambda seconds: _alone(function.post, own_pair, seconds),
            "single": lambda seconds: _alone(lambda t: singly.post([t])[0].posted, own_pair, seconds),
            "threads": lambda seconds: _threads(commits, pair, CALLERS, seconds),
            "hot": lambda seconds: _threads(commits, payment, CALLERS, seconds),
            "tasks": lambda seconds: _tasks(commits, pair, CALLERS, seconds),
            "many tasks": lambda seconds: _tasks(commits, pair, CALLERS_MANY, seconds),
        }
        turns = Turns(ways)
        p99: dict[str, list[float]] = {name: [] for name in ways}
        with frozen():
            for turn in range(scale.caller_turns + 1):
                tell(f"callers: turn {turn} of {scale.caller_turns}" if turn else "callers: warming up")
                for name in turns.order():
                    began = time.perf_counter()
                    posted, waited = ways[name](scale.caller_turn_s)
                    if turn or scale.smoke:
                        turns.add(name, posted / (time.perf_counter() - began))
                        p99[name].append(quantiles(waited, n=100)[98])
                if not turn:
                    settle(alone)
                    settle(shared)
    function.close()

    def many(name: str, baseline: str, ratio: str) -> dict[str, Any]:
        p99_s, alone_s = median(p99[name]), median(p99["single"])
        return {
            "per_second": turns.rate(name),
            ratio: turns.rate(name) / turns.rate(baseline),
            "p99_ms": 1000 * p99_s,
            "p99_ratio_to_single": p99_s / alone_s,
            "quartiles": turns.quartiles(name),
        }

    return {
        "single": {
            "per_second": turns.rate("single"),
            "ratio_to_function": turns.rate("single") / turns.rate("function"),
            "function_per_second": turns.rate("function"),
            "p99_ms": 1000 * median(p99["single"]),
            "quartiles": turns.quartiles("single"),
        },
        "group_commit_64": many("threads", "single", "ratio_to_single"),
        "hot_group_commit": many("hot", "threads", "ratio_to_random"),
        "group_commit_64_tasks": many("tasks", "single", "ratio_to_single"),
        "group_commit_256_tasks": many("many tasks", "single", "ratio_to_single"),
    }


def _alone(post: Callable[[Transfer], bool], make: Make, seconds: float) -> tuple[int, list[float]]:
    return _loop(post, make, time.perf_counter() + seconds)


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
