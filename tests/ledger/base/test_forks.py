"""A process that forks after it opened the books: each has connections of its own, and neither hangs."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psycopg
import pytest
from books import Books, until
from forking import in_child

from emoney.ledger import Operation
from emoney.ledger.base.errors import Unavailable
from emoney.ledger.base.postgres.database import raw

LOAD = Path(__file__).with_name("forking_load.py")
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def test_forks_in_the_middle_of_a_load(books: Books, tmp_path: Path) -> None:
    wallets = [books.funded(100_000) for _ in range(12)]
    done = subprocess.run(
        [sys.executable, str(LOAD), books.owner_url, str(tmp_path / "home"), *map(str, wallets)],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(json.loads(done.stdout).get(way) for way in ("one by one", "in batches", "group commit"))
    assert "ResourceWarning" not in done.stderr
    books.check()
    assert sum(map(books.balance, wallets)) == 12 * 100_000


def test_a_connection_in_use_while_its_thread_forks_stays_the_parents(books: Books) -> None:
    a, b = books.funded(10), books.account()
    with books.database.connection() as connection:
        books.ledger.post_in(connection, [books.transfer(a, b, 10)])

        def child() -> None:
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
            with pytest.raises(psycopg.OperationalError):
                connection.commit()
            connection.close()
            assert books.balance(b) == 0  # over one of its own, and the parent has not committed

        in_child(child)
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert books.balance(b) == 10


def test_a_lease_that_was_forked_ends_as_unavailable_and_the_pool_goes_on(books: Books) -> None:
    a, b = books.funded(10), books.account()

    def child() -> None:
        with pytest.raises(Unavailable):
            lease.__exit__(None, None, None)
        with books.database.session() as own:
            assert raw(own).execute("SELECT 1").fetchone() == (1,)
        assert books.post(books.transfer(a, b, 1, operation=Operation.P2P))[0].posted

    lease = books.database.connection()
    connection = lease.__enter__()
    connection.execute("SELECT 1")
    in_child(child)
    lease.__exit__(None, None, None)
    assert books.balance(b) == 1


def test_a_parent_that_is_killed_holds_no_lock_through_its_child(books: Books) -> None:
    wallet = books.account()
    script = (
        "import os, sys, time\n"
        "from emoney.ledger import Database\n"
        "with Database(sys.argv[1]).connection() as connection:\n"
        "    connection.execute('SELECT 1 FROM ledger.account WHERE id = %s FOR UPDATE', (sys.argv[2],))\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        time.sleep(120)\n"
        "        os._exit(0)\n"
        "    print(child, flush=True)\n"
        "    time.sleep(120)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, books.owner_url, str(wallet)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        parent.kill()
        parent.wait()
        with psycopg.connect(books.owner_url) as other:
            other.execute("SET lock_timeout = '20s'")
            other.execute("SELECT 1 FROM ledger.account WHERE id = %s FOR UPDATE", (wallet,))
    finally:
        os.kill(child, signal.SIGKILL)
        parent.communicate()


def test_a_pool_whose_connections_others_had_at_the_fork_is_not_exhausted(books: Books) -> None:
    pool, ready, over = books.database.pool, threading.Semaphore(0), threading.Event()

    def hold() -> None:
        with books.database.connection() as connection:
            connection.execute("SELECT 1")
            ready.release()
            over.wait(240)

    threads = [threading.Thread(target=hold) for _ in range(pool.size + pool.overflow)]
    for thread in threads:
        thread.start()
    for _ in threads:
        ready.acquire()

    def child() -> None:
        with books.database.connection(), books.database.connection() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)

    in_child(child)
    over.set()
    for thread in threads:
        thread.join()


EMBEDDED = """
import os, signal, sys, time
from pathlib import Path
import psycopg
from emoney.ledger.base.postgres import embedded
from emoney.ledger.base.postgres.logins import as_owner

home = Path(sys.argv[1])
signal.alarm(100)
url = as_owner(embedded.start(home))

def forked(work):
    child = os.fork()
    if child == 0:
        work()
        sys.exit(0)  # what was registered for the exit runs
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

def look():
    psycopg.connect(url).close()

forked(look)
look()  # the child that ended did not stop it
reading, writing = os.pipe()
parent = os.getpid()
if os.fork() == 0:
    embedded.start(home)  # a user of its own from here on
    os.write(writing, b"!")
    while os.getppid() == parent:
        time.sleep(0.05)
    look()
    print("goes on", flush=True)
    sys.exit(0)
os.read(reading, 1)
"""


def test_the_embedded_server_stops_with_its_users_and_not_with_their_children() -> None:
    with tempfile.TemporaryDirectory(prefix="emoney-") as short:
        Path(short).chmod(0o711)
        done = subprocess.run(
            [sys.executable, "-c", EMBEDDED, short], capture_output=True, text=True, timeout=150
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout == "goes on\n"
        until(lambda: not (Path(short) / "postgres" / "postmaster.pid").exists())
