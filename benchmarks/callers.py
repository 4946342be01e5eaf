"""Callers with one transfer each: alone, against one function call, and many through group commit.

Durable commits. The ways take turns; the median of the turns counts, of rates and of 99th percentiles:

- `function`: one client, one `SELECT function()` a transfer, no limits: the baseline of `single`;
- `single`: one client, one transfer a call, `Ledger.post`: the baseline of group commit, rate and latency;
- `threads`: 64 threads with `GroupCommit.post`, each sending its next transfer when it has its answer;
- `hot`: the same, all paying one merchant;
- `tasks`: 64 and 256 tasks of one event loop with `GroupCommit.apost`.

Callers and writer share one process: each call's checking, queueing and waking is Python, counted in the
rate; making the transfers is not, as it is not of batches. Nor are the first moments of a turn, in which the
callers start one after the other, on caches that another way has left. One client and group commit have a
database each: the writer remembers accounts, and would read those again to which one client has posted
beside it.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from statistics import median, quantiles
from typing import Any

from benchmarks import population as people
from benchmarks.bare import Function, make_tables
from benchmarks.figures import Turns, frozen
from benchmarks.population import Make
from benchmarks.scale import Scale, Tell
from benchmarks.scratch import Fresh, settle, tidy
from emoney.ledger import Ledger, Transfer
from emoney.ledger.group_commit.commit import GroupCommit

CALLERS, CALLERS_MANY = 64, 256

MADE_PER_S = 30_000
"""Transfers made for a turn, more than any machine posted yet: with the last one, too, the turn is over."""

FEWEST = 2
"""Calls of a turn that are measured at least, however slow the machine is: a percentile needs two."""

Post = Callable[[Transfer], bool]
Apost = Callable[[Transfer], Awaitable[bool]]
Way = Callable[[Iterator[Transfer], float, float], list[float]]
"""Posts one after the other until a moment; gives the latency of each begun since another, in seconds."""


def measure(fresh: Fresh, scale: Scale, tell: Tell) -> dict[str, Any]:
    """`single`, `group_commit_64`, `hot_group_commit`, and the tasks of an event loop."""
    alone, shared = fresh("one_client"), fresh("callers")
    singly, ledger = Ledger(alone), Ledger(shared)
    own, wallets = (people.open_wallets(database, scale.wallets) for database in (alone, shared))
    own_pair = people.between(own)
    pair, payment = people.between(wallets), people.to_merchant(wallets, people.open_merchant(ledger))
    make_tables(alone.url, own)
    with closing(Function(alone.url)) as function, GroupCommit(ledger) as commits:
        commit, acommit = through(commits)
        ways: dict[str, tuple[Make, Way]] = {
            "function": (own_pair, partial(_caller, function.post)),
            "single": (own_pair, partial(_caller, lambda t: singly.post([t])[0].posted)),
            "threads": (pair, partial(threads, commit, CALLERS)),
            "hot": (payment, partial(threads, commit, CALLERS)),
            "tasks": (pair, partial(tasks, acommit, CALLERS)),
            "many tasks": (pair, partial(tasks, acommit, CALLERS_MANY)),
        }
        turns = Turns(ways)
        p99: dict[str, list[float]] = {name: [] for name in ways}
        chance = random.Random(7)
        for turn in range(scale.caller_turns + 1):
            tell(f"callers: turn {turn} of {scale.caller_turns}" if turn else "callers: warming up")
            for name in turns.order():
                make, way = ways[name]
                seconds = scale.caller_start_s + scale.caller_turn_s
                transfers = people.batch(make, int(MADE_PER_S * seconds), chance)
                with frozen():
                    since = time.perf_counter() + scale.caller_start_s
                    waited = way(iter(transfers), since, since + scale.caller_turn_s)
                    took = time.perf_counter() - since
                if turn or scale.smoke:
                    turns.add(name, len(waited) / took)
                    p99[name].append(quantiles(waited, n=100)[98])
            for database in (alone, shared):
                tidy(database) if turn else settle(database)

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


def _caller(post: Post, transfers: Iterator[Transfer], since: float, until: float) -> list[float]:
    """One caller, in this thread."""
    latencies = []
    for transfer in transfers:
        began = time.perf_counter()
        posted = post(transfer)
        assert posted
        now = time.perf_counter()
        if began >= since:
            latencies.append(now - began)
        if now > until and len(latencies) >= FEWEST:
            break
    return latencies


def through(commits: GroupCommit) -> tuple[Post, Apost]:
    """Ways to post through group commit, for threads and for tasks: whether it was posted."""

    async def apost(transfer: Transfer) -> bool:
        return (await commits.apost(transfer)).posted

    return lambda transfer: commits.post(transfer).posted, apost


def threads(
    post: Post, callers: int, transfers: Iterator[Transfer], since: float, until: float
) -> list[float]:
    """Callers in threads, each with one transfer after the other."""
    with ThreadPoolExecutor(callers) as pool:
        work = partial(_caller, post, transfers, since, until)
        started = [pool.submit(work) for _ in range(callers)]
        return [each for some in started for each in some.result()]


def tasks(
    post: Apost, callers: int, transfers: Iterator[Transfer], since: float, until: float
) -> list[float]:
    """The same in tasks of one event loop."""
    latencies: list[float] = []

    async def work() -> None:
        for transfer in transfers:
            began = time.perf_counter()
            assert await post(transfer)
            now = time.perf_counter()
            if began >= since:
                latencies.append(now - began)
            if now > until:
                break

    async def main() -> None:
        await asyncio.gather(*(work() for _ in range(callers)))

    asyncio.run(main())
    return latencies
