"""How long commands take to start, in processor time, compared with the libraries they cannot do without.

The baseline is `python -c "import sqlmodel, psycopg, typer"`, in turns with them. `emoney balance` runs in an
installation of its own, whose server is up already: what is measured is the process, not the server.
"""

import os
import resource
import subprocess
import sys
from statistics import median

from benchmarks.figures import Figure
from benchmarks.scratch import scratch_database
from emoney.ledger import AccountKind, Ledger

BASELINE = "import sqlmodel, psycopg, typer"
TURNS, SMOKE_TURNS = 9, 2
ACCOUNT = "bank-1"


def measure(*, smoke: bool) -> list[Figure]:
    """Processor milliseconds of each, the median of its turns."""
    emoney = [sys.executable, "-c", "from emoney.jobs.cli import main; main()"]
    ways = {
        BASELINE: [sys.executable, "-c", BASELINE],
        "emoney --help": [*emoney, "--help"],
        "emoney balance": [*emoney, "balance", ACCOUNT],
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    with scratch_database() as (database, home):
        Ledger(database).open_account(AccountKind.SAFEGUARDING, "GHS", ACCOUNT)
        environment = os.environ | {"EMONEY_DATABASE_URL": database.url, "EMONEY_HOME": str(home)}
        for turn in range((SMOKE_TURNS if smoke else TURNS) + 1):
            for name, command in ways.items():
                milliseconds = _processor_ms(command, environment)
                if turn:  # the first one reads files that the others find in memory
                    taken[name].append(milliseconds)
    baseline = median(taken[BASELINE])
    return [
        Figure(name, median(times), "ms of processor time", median(times) / baseline, BASELINE)
        for name, times in taken.items()
    ]


def _processor_ms(command: list[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
