"""Sixteen writers in four processes on the same wallets, persons and counters, in three currencies."""

import json
import subprocess
import sys
from collections import defaultdict
from uuid import UUID

import pytest
from books import Books, profile, rule

from emoney.ledger import AccountKind, Operation, account_changes
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.limits.rules import Direction, Metric, Scope, Window

OPENING = 400
BOUNDS = {"EUR": (600, 450, "account.ceiling"), "GHS": (600, 10_000, "day"), "UGX": (10_000, 10_000, "funds")}
"""What each payer begins with; what a person, who has two such wallets, may send in a day, what a payee may
hold, and the rule that ends it. The writers ask for several times as much."""

WRITER = """
import json, random, sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import UUID
from emoney.ledger import Database, Ledger, Operation, Transfer
from emoney.ledger.group_commit.commit import GroupCommit
from emoney.ledger.base.ids import new_id

url, way, seed, now, plan = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], json.loads(sys.argv[5])
now = datetime.fromisoformat(now)
ledger = Ledger(Database(url), lambda: now)

def transfers(chance, count):
    for _ in range(count):
        currency = chance.choice(sorted(plan))
        payers, payees = plan[currency]
        sides = UUID(chance.choice(payers)), UUID(chance.choice(payees))
        yield Transfer(new_id(), *sides, chance.randint(1, 30), currency, Operation.P2P)

def work(number):
    chance = random.Random(16 * seed + number)
    told = []
    if way == "batches":
        for outcomes in ledger.post_all([list(transfers(chance, 10)) for _ in range(12)]):
            told += outcomes
    elif way == "group commit":
        told += [commits.post(each) for each in transfers(chance, 120)]
    else:
        told += [ledger.post([each])[0] for each in transfers(chance, 120)]
    return told

print("ready", flush=True)
sys.stdin.readline()
with GroupCommit(ledger) as commits, ThreadPoolExecutor(4) as pool:
    told = [outcome for outcomes in pool.map(work, range(4)) for outcome in outcomes]
rules = [None if outcome.refusal is None else outcome.refusal.rule for outcome in told]
print(json.dumps({rule or "posted": rules.count(rule) for rule in set(rules)}))
"""


def opened(books: Books, currency: str, persons: list[UUID]) -> tuple[list[UUID], list[UUID]]:
    """Two wallets of each person, and two payees."""
    flow, ceiling, _ = BOUNDS[currency]
    limited = profile(
        rule(Metric.FLOW, flow, Direction.OUT, Window.DAY, name="day", scope=Scope.PERSON), currency=currency
    )
    bank = books.account(AccountKind.SAFEGUARDING, currency)
    payers = [
        books.account(currency=currency, profile=limited, holder=person) for person in persons for _ in "12"
    ]
    for payer in payers:
        books.posted(
            books.transfer(bank, payer, OPENING, Operation.LOAD, reference="slip", currency=currency)
        )
    payees = [books.account(currency=currency) for _ in range(2)]
    for payee in payees:
        account_changes.set_bounds(
            books.ledger, payee, floor=None, ceiling=ceiling, actor="test", reason="a stress test"
        )
    return payers, payees


@pytest.mark.parametrize("round_", range(2))
def test_no_bound_is_passed_by_writers_in_several_processes(books: Books, round_: int) -> None:
    persons = [new_id(), new_id()]
    plan = {currency: opened(books, currency, persons) for currency in BOUNDS}
    told = json.dumps({c: [list(map(str, side)) for side in sides] for c, sides in plan.items()})
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, books.database.url, way, str(seed), books.now.isoformat(), told],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed, way in enumerate(("batches", "group commit", "one by one", "group commit"), 10 * round_)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    counted: defaultdict[str, int] = defaultdict(int)
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        said, _ = writer.communicate(timeout=120)
        assert writer.returncode == 0
        for why, times in json.loads(said).items():
            counted[why] += times
    assert sum(counted.values()) == 16 * 120
    assert counted.keys() >= {"posted", *(why for _, _, why in BOUNDS.values())}

    with books.database.connection() as connection:
        for currency, (payers, payees) in plan.items():
            flow, ceiling, _ = BOUNDS[currency]
            left = [accounts.get(connection, payer).balance for payer in payers]
            held = [accounts.get(connection, payee).balance for payee in payees]
            assert min(left) >= 0
            assert max(held) <= ceiling
            assert sum(left) + sum(held) == OPENING * len(payers)
            for first in range(0, len(payers), 2):
                assert 2 * OPENING - sum(left[first : first + 2]) <= flow
    books.check()
