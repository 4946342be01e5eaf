"""How fast a mobile-money file is imported, end to end, and in how much memory.

    python benchmarks/import_rate.py                        the development file; made up without it
    python benchmarks/import_rate.py --rows 2000000         a made-up file of that many rows
    python benchmarks/import_rate.py TRANSACTIONS ACCOUNTS

Runs on a new embedded database with the server's ordinary, durable commits. Prints one JSON object: rows,
seconds, rows per second, and the peak resident memory of this process in MiB, at the start and at the end.
"""

import argparse
import json
import random
import resource
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from jobs.importing import run_import
from jobs.migrate import upgrade
from ledger import embedded
from ledger.database import Database

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "mobile_money"
ROWS = 100_000
WALLETS = 10_000
FLOAT_MINOR_UNITS = "900000000"


def main() -> None:
    """Import and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("transfers", nargs="?", type=Path)
    parser.add_argument("accounts", nargs="?", type=Path)
    parser.add_argument("--rows", type=int, help="make up a file of this many rows")
    parser.add_argument("--again", action="store_true", help="import a second time: everything is a replay")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        transfers, accounts = options.transfers, options.accounts
        if transfers is None or accounts is None:
            transfers, accounts = SHARED / "transactions.csv.gz", SHARED / "accounts.csv.gz"
            if options.rows or not transfers.is_file():
                transfers, accounts = made_up(Path(folder), options.rows or ROWS)
        url = embedded.start(Path(folder))
        upgrade(url)
        database = Database(url)
        for _ in range(2 if options.again else 1):
            start_mib = peak_mib()
            result = run_import(
                database, transfers, accounts_file=accounts, format="mobile-money", currency="GHS"
            )
            report = result.to_json() | {"peak_mib_before": start_mib, "peak_mib": peak_mib()}
            del report["refusals"]
            print(json.dumps(report, indent=2))
        database.close()


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


def peak_mib() -> float:
    """The most resident memory this process has had, MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


if __name__ == "__main__":
    main()
