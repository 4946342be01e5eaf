"""A process that posts, seals and reads from many threads, and forks in the middle of it, again and again."""

import faulthandler
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from uuid import UUID

from emoney import Emoney
from emoney.ledger import GroupCommit, Operation, Transfer
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import raw
from emoney.privacy import Place, Purpose, SealedField

CHILDREN, SECONDS_MAX = 8, 200

url, home, wallets = sys.argv[1], Path(sys.argv[2]), [UUID(each) for each in sys.argv[3:]]
faulthandler.register(signal.SIGALRM, chain=True)
signal.alarm(SECONDS_MAX)  # whoever hangs says where, is killed, and the test sees it
emoney = Emoney.open(url, home)
posted: Counter[str] = Counter()
stop = threading.Event()


def transfer() -> Transfer:
    a, b = random.sample(wallets, 2)
    return Transfer(new_id(), a, b, 1, "EUR", Operation.P2P)


def one_by_one() -> None:
    assert emoney.ledger.post([transfer()])[0].posted
    posted["one by one"] += 1


def in_batches() -> None:
    assert all(outcome.posted for outcome in emoney.ledger.post([transfer() for _ in range(40)]))
    posted["in batches"] += 40


def in_groups() -> None:
    assert commits.post(transfer()).posted
    posted["group commit"] += 1


def sealed_and_opened() -> None:
    subject, place, said = new_id(), Place("kyc.person", "name", new_id()), f"name {new_id()}"
    with emoney.database.connection() as connection:
        sealed = emoney.vault.seal(connection, subject=subject, place=place, value=said)
        item = SealedField(subject, place, sealed)
    with emoney.database.connection() as connection:
        found = emoney.vault.open(connection, [item], purpose=Purpose.SCREENING, actor="load")
    assert found == [said]


def read() -> None:
    with emoney.database.session() as session:
        mine = raw(session).execute("SELECT pg_backend_pid(), %s", ("mine",)).fetchone()
        assert mine == (raw(session).info.backend_pid, "mine")


def again_and_again(work) -> None:
    while not stop.is_set():
        try:
            work()
        except BaseException as error:
            failures.append(f"{work.__name__}: {type(error).__name__}: {error}")
            return


def child() -> list[str]:
    """What a worker of a web server does with all that it inherited. Gives the ids that it made."""
    try:
        commits.post(transfer())
    except ConfigurationError:
        pass
    else:
        raise AssertionError("the parent's writer took a call of its child's")
    with emoney.database.connection() as connection:
        assert connection.info.backend_pid not in servers
        assert accounts.get(connection, wallets[0]).currency == "EUR"
    for _ in range(3):
        one_by_one()
        in_batches()
        sealed_and_opened()
        read()
    threads = [threading.Thread(target=one_by_one) for _ in range(3)]
    with GroupCommit(emoney.ledger) as own:
        for thread in threads:
            thread.start()
        assert own.post(transfer()).posted
    for thread in threads:
        thread.join()
    return [str(new_id()) for _ in range(500)]


failures: list[str] = []
with GroupCommit(emoney.ledger) as commits:
    works = [one_by_one, one_by_one, in_batches, in_groups, in_groups, in_groups, sealed_and_opened, read]
    threads = [threading.Thread(target=again_and_again, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    running: dict[int, int] = {}
    ids: list[str] = []
    for number in range(CHILDREN):
        time.sleep(random.uniform(0.01, 0.15))
        with emoney.database.connection() as connection:
            rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
            servers = {pid for (pid,) in rows}
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            signal.alarm(SECONDS_MAX)
            with os.fdopen(writing, "w") as pipe:
                json.dump(child(), pipe)
            if number % 2:
                os._exit(0)
            stop.set()
            sys.exit(0)  # as gunicorn's workers end: what was registered for the exit runs
        os.close(writing)
        running[pid] = reading
    for pid, reading in running.items():
        with os.fdopen(reading) as pipe:
            said = pipe.read()
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, f"child {pid} failed"
        ids += json.loads(said)
    before = posted.total()
    time.sleep(0.5)
    assert posted.total() > before, "the parent's own load stands still"
    stop.set()
    for thread in threads:
        thread.join()
assert failures == [], failures
ids += [str(new_id()) for _ in range(500)]
assert len(set(ids)) == len(ids)
emoney.close()
print(json.dumps(posted))
