"""How fast a mobile-money file is imported, end to end, and in how much memory.

The development file where it is on the machine, else a made-up one. The baseline is a COPY of the same file's
lines into a table without any key, in the same run.
"""

import gzip
import random
import resource
import time
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.scratch import scratch_database
from emoney.jobs.importing import run_import
from emoney.ledger import Database

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "mobile_money"
ROWS, ROWS_SMOKE = 100_000, 2_000
WALLETS = 10_000
FLOAT_MINOR_UNITS = "900000000"


def measure(*, smoke: bool) -> list[Figure]:
    """Rows per second of a first import and of a second one, and the peak memory of this process."""
    with scratch_database() as (database, folder):
        transfers, accounts = SHARED / "transactions.csv.gz", SHARED / "accounts.csv.gz"
        if smoke or not transfers.is_file():
            transfers, accounts = made_up(folder, ROWS_SMOKE if smoke else ROWS)
        copied = _copy_rate(database, transfers)
        rates = [_import_rate(database, transfers, accounts) for _ in range(2)]
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        Figure("import", rates[0], "rows/s", rates[0] / copied, "COPY of the lines"),
        Figure("import again, all replayed", rates[1], "rows/s", rates[1] / copied, "COPY of the lines"),
        Figure("peak memory so far", peak_mib, "MiB"),
    ]


def _import_rate(database: Database, transfers: Path, accounts: Path) -> float:
    result = run_import(database, transfers, accounts_file=accounts, format="mobile-money", currency="GHS")
    assert result.posted + result.replayed == result.rows
    return result.rows_per_second


def _copy_rate(database: Database, transfers: Path) -> float:
    opened = gzip.open if transfers.suffix == ".gz" else open
    began, rows = time.monotonic(), 0
    with database.connection() as connection:
        connection.execute("CREATE TEMP TABLE line (content text)")
        with opened(transfers, "rb") as lines, connection.cursor().copy("COPY line FROM STDIN") as copy:
            for line in lines:
                copy.write(line)
                rows += 1
    return rows / (time.monotonic() - began)


def made_up(folder: Path, rows: int) -> tuple[Path, Path]:
    """A file of `rows` transfers between WALLETS wallets, from a fixed seed, and its accounts."""
    chance = random.Random(12812)
    accounts, transfers = folder / "accounts.csv", folder / "transactions.csv"
    with accounts.open("w", encoding="utf-8") as out:
        out.write("account_id,kind,kyc_tier,opened,customer_id,opening_balance\n")
        for number in range(WALLETS):
            out.write(f"W{number},wallet,{number % 3},2025-01-01,C{number},{FLOAT_MINOR_UNITS}\n")
    at = datetime(2026, 1, 1)  # noqa: DTZ001  the file's times have no zone
    with transfers.open("w", encoding="utf-8") as out:
        out.write("tx_id,ts,type,amount,from_account,to_account\n")
        for number in range(rows):
            payer = chance.randrange(WALLETS)
            payee = (payer + chance.randrange(1, WALLETS)) % WALLETS
            at += timedelta(seconds=chance.randrange(3))
            amount = f"{chance.randrange(1, 500)}.{chance.randrange(100):02}"
            out.write(f"T{number},{at.isoformat()},P2P,{amount},W{payer},W{payee}\n")
    return transfers, accounts
