"""An import that is killed, wherever, and run again ends in the ledger of one clean run."""

import random
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest
from forking import Told
from shipped import PACKS

from emoney.jobs.importing import run_import
from emoney.ledger.base.postgres.database import Database

PACK = PACKS.pack("gh-bog-2024")
ROWS, WALLETS, BATCH_ROWS = 2_000, 40, 50


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
        child = Told(
            lambda tell: run_import(
                Database(database.url),
                transfers,
                accounts_file=accounts,
                format="mobile-money",
                currency="GHS",
                pack=PACK,
                batch_rows=BATCH_ROWS,
                progress=tell,
            )
        )
        for _ in range(told):
            child.line()
        time.sleep(chance.random() * 0.05)
        code = child.kill()
        assert code in (0, -signal.SIGKILL)
        survived += code == 0
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
    assert result.replayed > 0  # of what the killed runs had posted
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
