"""A writer that posts for months, in a process of its own whose memory is then its own: run by `history`.

    python -m benchmarks.writer URL TRANSFERS FIRST_DAY

Posts TRANSFERS between the wallets that the ledger has, in batches of 1,000, ten a day from FIRST_DAY on:
at 10,000 wallets each makes one transfer a day, so that counters of days and months pile up as they would.
Tells on standard output, as a line of JSON for every hundredth part: transfers posted, seconds spent in
posting and the most memory so far.
"""

import json
import random
import resource
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks import population as people
from emoney.ledger import Database, Ledger

BATCH, BATCHES_A_DAY = 1_000, 10
_STATUS = Path("/proc/self/status")


def main() -> None:
    """Post."""
    url, transfers, first_day = sys.argv[1], int(sys.argv[2]), datetime.fromisoformat(sys.argv[3])
    database = Database(url)
    at = first_day
    ledger, chance, seconds = Ledger(database, lambda: at), random.Random(1), 0.0
    make = people.between(people.wallets_of(database))
    part = max(1, transfers // BATCH // 100) * BATCH
    for posted in range(BATCH, transfers + 1, BATCH):
        at = first_day + timedelta(days=(posted // BATCH - 1) / BATCHES_A_DAY)
        batch = people.batch(make, BATCH, chance)
        began = time.perf_counter()
        people.post(ledger, batch)
        seconds += time.perf_counter() - began
        if posted % part == 0 or posted == transfers:
            line = {"posted": posted, "seconds": seconds, "peak_mib": peak_mib()}
            print(json.dumps(line), flush=True)
    database.close()


def days(transfers: int) -> timedelta:
    """How long the writer's transfers take by the ledger's clock."""
    return timedelta(days=transfers / BATCH / BATCHES_A_DAY)


def peak_mib() -> float:
    """The most memory that this process has had resident.

    Where the kernel tells it of this program alone: what getrusage gives includes the parent's before it.
    """
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
