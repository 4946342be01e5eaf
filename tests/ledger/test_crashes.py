"""Writers and PostgreSQL are killed under load, anywhere; after a restart nothing that was told is lost.

Each round several processes post through group commit and in batches on shared wallets under limits, one
seals the proof log, and then either a writer or the whole server gets SIGKILL. What must hold: every
acknowledged outcome stands; what was not acknowledged stands whole or not at all; sent again, each id has one
outcome, the acknowledged one where there was one; the books balance, no limit is passed, and the proof log
verifies. `make test-long` does fifty rounds.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psutil
import psycopg
import pytest
from books import Books, profile, rule

from jobs.migrate import upgrade
from ledger import Database, Ledger, Operation, Transfer
from ledger.ids import derived_id
from ledger.limits import Direction, LimitProfile, Metric, Window
from ledger.proofs import SigningKey, audit, seal

WALLETS, LIMIT, OPENING = 12, 40_000, 1_000_000
WRITER = """
import sys, threading
from uuid import UUID
from ledger import Database, Ledger, Operation, Transfer
from ledger.errors import Unavailable
from ledger.group_commit import GroupCommit

url, plan, way = sys.argv[1:]
said = threading.Lock()

def tell(outcome):
    with said:
        print(outcome.transfer_id.hex, int(outcome.posted), flush=True)

sent = []
for line in open(plan):
    *ids, amount = line.split()
    sent.append(Transfer(*map(UUID, ids), int(amount), "EUR", Operation.P2P, "x"))
ledger = Ledger(Database(url))
print("ready", flush=True)
try:
    if way != "group commit":
        batches = [sent[first:first + 50] for first in range(0, len(sent), 50)]
        in_a_row = way == "batches in a row"
        for outcomes in ledger.post_all(batches) if in_a_row else map(ledger.post, batches):
            for outcome in outcomes:
                tell(outcome)
    else:
        with GroupCommit(ledger) as commits:
            def work(number):
                for transfer in sent[number::8]:
                    try:
                        tell(commits.post(transfer))
                    except Unavailable:
                        pass
            threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
except Unavailable:
    pass
"""
SEALER = """
import sys
from pathlib import Path
from ledger import Database
from ledger.errors import Unavailable
from ledger.proofs import SigningKey, seal

database, key = Database(sys.argv[1]), SigningKey.load(Path(sys.argv[2]))
print("ready", flush=True)
try:
    while True:
        seal(database, key, batch_rows=500)
except Unavailable:
    pass
"""
KEEPER = """
import sys
from pathlib import Path
from ledger import embedded
print(embedded.start(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


class Server:
    """An embedded server in a home of its own, which may be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.keeper: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        """Start the server, or recover it."""
        self.keeper = run(KEEPER, self.home)
        assert self.keeper.stdout is not None
        self.url = self.keeper.stdout.readline().strip()
        assert self.url.startswith("postgresql://")

    def kill(self) -> None:
        """SIGKILL to the server and everything it has started, as when the power goes."""
        pid = int((self.home / "postgres" / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(pid)
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with_signal(process, signal.SIGKILL)
        psutil.wait_procs(family, timeout=30)
        self.stop()

    def stop(self) -> None:
        """Let the keeper end, and with it a server that still runs."""
        if self.keeper is not None:
            self.keeper.kill()
            ended(self.keeper)
            self.keeper = None


def with_signal(process: psutil.Process, number: int) -> None:
    """Send a signal to a process that may have ended."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def run(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A Python process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    """What a process has said by its end, for which this waits."""
    said, _ = process.communicate(timeout=120)
    return said


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server for these tests alone: nobody else's connections are killed."""
    home = Path(tempfile.mkdtemp(prefix="emoney-crash-"))
    home.chmod(0o755)
    made = Server(home)
    made.start()
    upgrade(made.url)
    yield made
    made.start() if made.keeper is None else None
    pid = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
    made.stop()
    with_signal(psutil.Process(pid), signal.SIGINT) if psutil.pid_exists(pid) else None
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[SigningKey, Path]:
    """The log's signing key, and the home it lies in."""
    home = tmp_path_factory.mktemp("keys")
    return SigningKey.create(home, "crash.example/ledger"), home


LIMITED: LimitProfile = profile(rule(Metric.FLOW, LIMIT, Direction.OUT, Window.LIFETIME))


def one_round(server: Server, key: tuple[SigningKey, Path], number: int) -> tuple[int, int]:
    """Load, kill, restart, look; returns how many outcomes were told, and how many ids were sent."""
    chance = random.Random(number)
    database = Database(server.url)
    books = Books(database, server.url)
    books.now = datetime.now(UTC)
    wallets = [books.funded(OPENING, profile=LIMITED) for _ in range(WALLETS)]
    plans = [_plan(chance, wallets, f"{number}.{writer}", 600) for writer in range(3)]
    database.close()

    folder = Path(tempfile.mkdtemp(prefix="emoney-plans-"))
    writers = []
    ways = ("group commit", "group commit", "batches in a row" if number % 4 < 2 else "batches")
    for writer, (plan, way) in enumerate(zip(plans, ways, strict=True)):
        file = folder / str(writer)
        lines = [f"{t.id.hex} {t.debit_account.hex} {t.credit_account.hex} {t.amount}" for t in plan]
        file.write_text("\n".join(lines))
        writers.append(run(WRITER, server.url, file, way))
    sealer = run(SEALER, server.url, key[1])
    for process in (*writers, sealer):
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    time.sleep(chance.uniform(0.02, 0.6))
    if number % 2:
        server.kill()
    else:
        os.kill(writers[number % 3].pid, signal.SIGKILL)
    told: dict[UUID, bool] = {}
    for process in writers:
        for line in ended(process).splitlines():
            if len(line) == 34:  # the last line of a killed one may be half a line
                told[UUID(line[:32])] = line[33] == "1"
    sealer.kill()
    ended(sealer)
    shutil.rmtree(folder)
    if server.keeper is None:
        server.start()

    database = Database(server.url)
    books = Books(database, server.url)
    ledger = Ledger(database)
    with database.connection() as connection:
        found = audit(connection, key[0].public)
    assert found.sound, found.findings
    before = _outcomes(server.url)
    assert {each: before.get(each) for each in told} == told
    again = [outcome for plan in plans for outcome in ledger.post(plan)]
    assert {each.transfer_id: each.posted for each in again if each.transfer_id in told} == told
    assert {each.transfer_id for each in again if each.replayed} == set(before) & {
        t.id for p in plans for t in p
    }
    books.check()
    for wallet in wallets:
        _limit_held(server.url, wallet)
    with database.connection() as connection:
        seal(database, key[0])
        found = audit(connection, key[0].public)
    assert found.sound, found.findings
    database.close()
    return len(told), sum(map(len, plans))


def _plan(chance: random.Random, wallets: list[UUID], name: str, count: int) -> list[Transfer]:
    made = []
    for number in range(count):
        payer, payee = chance.sample(wallets, 2)
        transfer_id = derived_id(datetime.now(UTC), name, str(number))
        made.append(Transfer(transfer_id, payer, payee, chance.randint(1, 500), "EUR", Operation.P2P, "x"))
    return made


def _outcomes(url: str) -> dict[UUID, bool]:
    """Every id with its outcome, whether it was posted."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT id, true FROM ledger.transfer UNION ALL SELECT transfer_id, false FROM ledger.refusal"
        ).fetchall()
    assert len({row[0] for row in rows}) == len(rows)
    return dict(rows)


def _limit_held(url: str, wallet: UUID) -> None:
    """What was moved out stays within the limit, and is what was counted."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT coalesce(sum(amount), 0)::bigint, count(*) FROM ledger.transfer"
            " WHERE debit_account = %s AND operation = 'p2p'",
            (wallet,),
        ).fetchone()
        counted = connection.execute(
            "SELECT coalesce(sum(amount), 0)::bigint, coalesce(sum(count), 0)::bigint FROM ledger.usage_cell"
            " WHERE scope_id = %s AND span = 'lifetime' AND direction = 'out'",
            (wallet,),
        ).fetchone()
    assert row is not None
    assert row[0] <= LIMIT
    assert counted == row


@pytest.mark.timeout(600)
def test_nothing_told_is_lost_when_a_writer_or_the_server_is_killed(
    server: Server, key: tuple[SigningKey, Path]
) -> None:
    rounds = [one_round(server, key, number) for number in range(3)]
    assert any(told < sent for told, sent in rounds)  # or nothing was interrupted


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_fifty_kills(server: Server, key: tuple[SigningKey, Path]) -> None:
    rounds = [one_round(server, key, number) for number in range(100, 150)]
    assert sum(told < sent for told, sent in rounds) > 25
