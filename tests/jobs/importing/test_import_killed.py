"""An import that is killed, wherever, and run again ends in the ledger of one clean run."""

import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from shipped import PACKS

from emoney.jobs.importing import run_import

PACK = PACKS.pack("gh-bog-2024")
ROWS, WALLETS, BATCH_ROWS = 2_000, 40, 50
CHILD = """
import sys
from pathlib import Path
from emoney.jobs.importing import run_import
from emoney.kyc import PackLibrary
from emoney.ledger.base.postgres.database import Database

url, transfers, accounts, batch_rows = sys.argv[1:]
run_import(
    Database(url),
    Path(transfers),
    accounts_file=Path(accounts),
    format="mobile-money",
    currency="GHS",
    pack=PackLibrary.of().pack("gh-bog-2024"),
    batch_rows=int(batch_rows),
    progress=lambda phase, done, of: print(phase, done, flush=True),
)
"""


@pytest.mark.parametrize("seed", range(3))
def test_killed_and_run_again(database, other_database, operator, dump, seed):
    chance = random.Random(seed)
    make_history(operator, chance)
    transfers, accounts = operator.write()
    clean = run_import(
        other_database,
        transfers,
        accounts_file=accounts,
        format="mobile-money",
        currency="GHS",
        pack=PACK,
        batch_rows=BATCH_ROWS,
    )
    assert "funds" in clean.refused_by_rule
    assert len(clean.refused_by_rule) >= 3  # limits of a day, a month or the balance

    survived = 0
    # one kill while reading or checking, one while opening, the others anywhere later
    for told in (chance.randrange(3), chance.randrange(3, 6), *(chance.randrange(6, 40) for _ in range(3))):
        arguments = [database.url, transfers, accounts, BATCH_ROWS]
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, *map(str, arguments)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(told):
            child.stdout.readline()
        time.sleep(chance.random() * 0.05)
        child.kill()
        child.stdout.close()
        survived += child.wait() == 0
    result = run_import(
        database,
        transfers,
        accounts_file=accounts,
        format="mobile-money",
        currency="GHS",
        pack=PACK,
        batch_rows=BATCH_ROWS,
    )

    assert survived < 5
    assert dump(database) == dump(other_database)
    assert result.posted + result.replayed == clean.posted
    assert (result.refused, result.refused_by_rule) == (clean.refused, clean.refused_by_rule)
    assert result.refusals == clean.refusals


def make_history(operator, chance):
    """Transfers between wallets that are often short of funds and sometimes over their daily limit."""
    del operator.accounts[1:], operator.transfers[1:]
    operator.accounts += [
        f"W{n},wallet,0,2025-01-{1 + n % 28:02},R1,D,C{n},{chance.randrange(3000)}" for n in range(WALLETS)
    ]
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for n in range(ROWS):
        at += timedelta(minutes=chance.randrange(5))
        payer, payee = chance.sample(range(WALLETS), 2)
        operator.transfers.append(
            f"T{n},{at.isoformat()},P2P,{chance.randrange(1, 900)}.{n % 100:02},W{payer},W{payee},,R1,D"
        )
