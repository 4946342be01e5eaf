"""Serves the shop from two workers that were forked after all was opened, and shops there."""

import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import Request, urlopen
from wsgiref.simple_server import WSGIRequestHandler, make_server

import models
from models import Person, Wallet
from shop import Shop
from sqlalchemy import text
from sqlmodel import Session, SQLModel

from emoney import Emoney, metadata
from emoney.ledger import AccountKind, Operation, Transfer
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.testing import open_without_limits

WORKERS, PURCHASES = 2, 40
home = Path(sys.argv[1])


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


assert set(SQLModel.metadata.tables) == {"person", "wallet", "purchase"}
assert "kyc.person" in metadata().tables
assert set(SQLModel.metadata.tables) == {"person", "wallet", "purchase"}

engine = models.engine()
emoney = Emoney.open(models.URL, home)
bank, till, paid = (
    open_without_limits(emoney.ledger, kind, "EUR", name)
    for kind, name in (
        (AccountKind.SAFEGUARDING, "bank"),
        (AccountKind.MERCHANT, "till"),
        (AccountKind.CUSTOMER, "ama"),
    )
)
emoney.receipts.record(bank, "slip", 10 * PURCHASES, actor="treasury-1", reason="credited")
loaded = Transfer(new_id(), bank, paid, 10 * PURCHASES, "EUR", Operation.LOAD, "slip")
assert emoney.ledger.post([loaded])[0].posted
with Session(engine) as session, session.begin():
    session.add(Wallet(account=paid, owner=Person(name="Ama")))

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # a SystemExit may be lost where it is raised
server = make_server("127.0.0.1", 0, Shop(engine, emoney, till), handler_class=Quiet)
workers = []
for _ in range(WORKERS):
    worker = os.fork()
    if worker == 0:
        engine.dispose(close=False)  # the shop's own pool is the shop's to care for
        server.serve_forever()
    workers.append(worker)


def ask(method, path):
    request = Request(f"http://127.0.0.1:{server.server_port}{path}", method=method)
    with urlopen(request, timeout=60) as answer:
        return json.load(answer)


with ThreadPoolExecutor(4) as pool:
    answers = list(pool.map(lambda _: ask("POST", f"/buy?wallet={paid}&amount=10"), range(PURCHASES)))
assert all(each == {"posted": True, "where": ["the shop's jobs", "the shop's data"]} for each in answers)
assert not ask("POST", f"/buy?wallet={paid}&amount=10")["posted"]
assert ask("GET", "/wallets") == [{"name": "Ama", "wallets": 1}]
for worker in workers:
    os.kill(worker, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == 0

with emoney.database.connection() as connection:  # the parent's, which was there before the workers
    assert accounts.get(connection, paid).balance == 0
    assert accounts.get(connection, till).balance == 10 * PURCHASES
with engine.connect() as connection:
    assert connection.scalar(text("SELECT count(*) FROM purchase")) == PURCHASES
emoney.close()
print("sold", PURCHASES)
