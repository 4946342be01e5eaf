"""Writers and PostgreSQL are killed under load, anywhere; after a restart nothing that was told is lost.

Each round several processes do an operator's day (`crash_load`) on shared wallets under limits, in three
currencies: transfers one by one, by group commit and in batches, groups of fees, wages and exchanges, holds
placed, captured and voided, refunds. One more seals the proof log. Then a writer, the whole server or one of
its processes gets SIGKILL. What must hold: every acknowledged answer stands as it was given; what was not
acknowledged stands whole or not at all; sent again, each id has one outcome, the acknowledged one where there
was one; the money of each currency is conserved, no bound is passed, limits have counted what was moved; and
the proof log verifies, before anything is sealed anew and after. `make test-long` does sixty rounds.
"""

import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psutil
import psycopg
import pytest
from books import Books, until
from crash_checks import counted_is_what_moved, fingerprint, issued, most_sent, nothing_half_there, standing
from crash_load import (
    ENDED,
    UNKNOWN,
    Answer,
    Key,
    Lane,
    Told,
    Town,
    keys,
    lane,
    send_in_batches,
    transfers_first,
)
from crash_server import Server, ended, first_line, run, with_signal
from crash_writer import GONE
from towns import LIMIT, WALLETS, opened

from emoney.jobs.migrate import upgrade
from emoney.jobs.testing.prefunded import prefund
from emoney.ledger import Database, Ledger
from emoney.ledger.limits.rules import Scope
from emoney.ledger.proofs import Audit, SigningKey, audit, seal

CURRENCIES = ("EUR", "GHS", "UGX")

WRITERS = (("group commit", 8, 40), ("one by one", 3, 60), ("batches", 1, 350), ("batches in a row", 1, 350))
"""How each sends, over how many lanes, of how many steps about. The last two take turns."""

WRITER = Path(__file__).with_name("crash_writer.py")
SEALER = """
import sys, time
from pathlib import Path
from emoney.ledger import Database
from emoney.ledger.base.errors import Unavailable
from emoney.ledger.proofs import SigningKey, seal

database, key = Database(sys.argv[1]), SigningKey.load(Path(sys.argv[2]))
print("ready", flush=True)
while True:
    try:
        seal(database, key, batch_rows=500)
    except Unavailable:
        time.sleep(0.1)
"""


@dataclass(frozen=True, slots=True)
class Log:
    """The proof log's signing key, and the home it lies in."""

    key: SigningKey
    home: Path

    def verified(self, database: Database) -> Audit:
        """Every row and leaf is as it was sealed; what the audit saw."""
        with database.connection() as connection:
            found = audit(connection, self.key.public)
        assert found.sound, found.findings
        return found


@dataclass(frozen=True, slots=True)
class Round:
    """How many answers were told before the end, how many of them refusals, and how many were asked for.

    `sealed`: rows that were in the log by then.
    """

    told: int
    refused: int
    asked: int
    sealed: int


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    home = tmp_path_factory.mktemp("keys")
    return Log(SigningKey.create(home, "crash.example/ledger"), home)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server for one test alone: nobody else's connections are killed."""
    home = Path(tempfile.mkdtemp(prefix="emoney-crash-"))
    home.chmod(0o755)
    made = Server(home)
    made.start()
    upgrade(made.url)
    prefund(made.url)
    yield made
    made.start() if made.keeper is None else None
    pid = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
    made.stop()
    with_signal(psutil.Process(pid), signal.SIGINT) if psutil.pid_exists(pid) else None
    shutil.rmtree(home, ignore_errors=True)


@dataclass(slots=True)
class Writer:
    """A writer's process, what it sends, and where it writes down what it was told."""

    lanes: list[Lane]
    book: Path
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, url: str, folder: Path, way: str, lanes: list[Lane]) -> "Writer":
        plan, book = folder / f"{way}.plan", folder / f"{way}.told"
        plan.write_bytes(pickle.dumps(lanes))
        return cls(lanes, book, run(WRITER, url, plan, book, way))

    def told(self) -> dict[Key, Answer]:
        """What it was told by its end; the last line of a killed one may be half a line."""
        lines = self.book.read_text().splitlines(keepends=True)
        return dict(json.loads(line) for line in lines if line.endswith("\n"))


def plans(chance: random.Random, towns: dict[str, Town], number: int) -> list[tuple[str, list[Lane]]]:
    """What each writer is to send in a round."""
    expires_at = datetime.now(UTC) + timedelta(days=1)
    made = []
    for way, lanes, count in (*WRITERS[:2], WRITERS[2 + number // 2 % 2]):
        sent = [lane(chance, towns, expires_at, count) for _ in range(lanes)]
        made.append(
            (way, [transfers_first(each, 75) for each in sent] if way.startswith("batches") else sent)
        )
    return made


def kill(chance: random.Random, server: Server, writers: list[Writer], number: int) -> Writer | None:
    """SIGKILL to a writer, which is returned, to PostgreSQL, or to one of its processes with a client."""
    if number % 3 == 0:
        victim = chance.choice(writers)
        os.kill(victim.process.pid, signal.SIGKILL)
        return victim
    if number % 3 == 1:
        server.kill()
    else:
        with psycopg.connect(server.url) as connection:
            serving = connection.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
        (pid,) = chance.choice(serving)
        with_signal(psutil.Process(pid), signal.SIGKILL)
    return None


def one_round(server: Server, log: Log, number: int) -> Round:
    """Load, kill, restart, look."""
    chance = random.Random(number)
    database = Database(server.url)
    books = Books(database, server.url)
    books.now = datetime.now(UTC)
    scope = Scope.PERSON if number % 4 == 3 else Scope.WALLET
    towns = {currency: opened(books, currency, scope) for currency in CURRENCIES}
    database.close()
    with tempfile.TemporaryDirectory(prefix="emoney-plans-") as folder, sealing(server, log):
        writers = [Writer.start(server.url, Path(folder), *plan) for plan in plans(chance, towns, number)]
        try:
            told = _interrupted(chance, server, writers, number)
        finally:
            for writer in writers:
                writer.process.kill()
                ended(writer.process)
    if server.keeper is None:
        server.start()
    until(lambda: _answers(server.url))

    lanes = [each for writer in writers for each in writer.lanes]
    sealed = _look(server.url, log, lanes, told)
    for town in towns.values():
        _limits_held(server.url, town, scope)
    refused = sum(isinstance(answer, list) for answer in told.values())
    return Round(len(told), refused, sum(len(keys(step)) for each in lanes for step in each), sealed)


def _interrupted(
    chance: random.Random, server: Server, writers: list[Writer], number: int
) -> dict[Key, Answer]:
    """Kill while they write; what all were told by their ends. Who was not killed has no other error."""
    for writer in writers:
        assert first_line(writer.process) == "ready"
    time.sleep(chance.uniform(0.02, 0.8))
    victim = kill(chance, server, writers, number)
    told: dict[Key, Answer] = {}
    for writer in writers:
        ended(writer.process)
        told |= writer.told()
        if writer is not victim:
            assert writer.process.returncode in ((0,) if victim else (0, GONE))
            asked = {key for each in writer.lanes for step in each for key in keys(step)}
            assert writer.process.returncode == GONE or asked == writer.told().keys()
    return told


@contextmanager
def sealing(server: Server, log: Log) -> Iterator[None]:
    """Somebody seals the log meanwhile, whenever the database is there."""
    sealer = run("-c", SEALER, server.url, log.home)
    try:
        assert first_line(sealer) == "ready"
        yield
    finally:
        sealer.kill()
        ended(sealer)


def _answers(url: str) -> bool:
    """Whether PostgreSQL has recovered, which it may do by itself."""
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def _look(url: str, log: Log, lanes: list[Lane], told: dict[Key, Answer]) -> int:
    """What was told stands, the rest is whole or not there; all is sent again, and again.

    Returns how many rows the log had sealed before anything was sealed anew.
    """
    database = Database(url)
    found = log.verified(database)
    stood = standing(url)
    absent = {key: answer for key, answer in told.items() if answer in (UNKNOWN, ENDED)}
    assert {key: stood.get(key, "lost") for key in told.keys() - absent.keys()} | absent == told
    assert absent.keys().isdisjoint(stood)
    nothing_half_there(url, lanes, stood)
    _books_hold(url, database)

    again, replayed = _send_again(Ledger(database), lanes)
    assert {key: again[key] for key in told} == told
    stood = {key: stood[key] for key in again.keys() & stood.keys()}
    assert {key: again[key] for key in stood} == stood
    assert replayed == _decided(stood)
    now = standing(url)
    nothing_half_there(url, lanes, now)
    _books_hold(url, database)
    before = fingerprint(url)
    assert _send_again(Ledger(database), lanes) == (again, _decided(again))
    assert fingerprint(url) == before

    seal(database, log.key)
    assert log.verified(database).unsealed == 0
    database.close()
    return found.size


def _decided(answers: dict[Key, Answer]) -> set[Key]:
    """Those that were accepted or refused."""
    return {key for key, answer in answers.items() if not isinstance(answer, str)}


def _send_again(ledger: Ledger, lanes: list[Lane]) -> tuple[dict[Key, Answer], set[Key]]:
    """Every lane once more, some side by side, in larger batches than before; what were earlier answers."""

    def send(each: Lane) -> list[Told]:
        return [*send_in_batches(ledger, transfers_first(each), lambda b: map(ledger.post, b), 500)]

    with ThreadPoolExecutor(4) as pool:
        told = [each for sent in pool.map(send, lanes) for each in sent]
    return {key: answer for key, answer, _ in told}, {key for key, _, replayed in told if replayed}


def _books_hold(url: str, database: Database) -> None:
    """Every invariant of the books, and all money of each currency is somewhere."""
    Books(database, url).check()
    money = issued(url)
    assert money.keys() == set(CURRENCIES)
    for made, held, banked in money.values():
        assert made == held == banked


def _limits_held(url: str, town: Town, scope: Scope) -> None:
    """What was counted is what was moved, and at no moment more than the limit."""
    counted_is_what_moved(url, town.wallets)
    each: list[list[UUID]] = [[wallet] for wallet in town.wallets]
    if scope is Scope.PERSON:
        each = [town.wallets[first : first + 2] for first in range(0, WALLETS, 2)]
    for wallets in each:
        assert most_sent(url, wallets) <= LIMIT


@pytest.mark.timeout(600)
def test_nothing_told_is_lost_when_a_writer_or_the_server_is_killed(server: Server, log: Log) -> None:
    rounds = [one_round(server, log, number) for number in range(3)]
    assert any(each.told < each.asked for each in rounds)  # or nothing was interrupted
    assert any(each.sealed for each in rounds)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", range(100, 160, 12))
def test_sixty_kills(server: Server, log: Log, first: int) -> None:
    rounds = [one_round(server, log, number) for number in range(first, first + 12)]
    assert sum(each.told < each.asked for each in rounds) > 6
    assert sum(each.refused for each in rounds) > 100
