"""A small web shop that emoney is embedded in: tables, names and migrations of its own, in one database."""

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import data  # noqa: TID251
import jobs  # noqa: TID251
from models import Person, Purchase
from sqlalchemy import Engine
from sqlmodel import Session, select

from emoney import Emoney
from emoney.ledger import Operation, Transfer
from emoney.ledger.base.ids import new_id


class Shop:
    """The application: `POST /buy?wallet=…&amount=…` and `GET /wallets`."""

    def __init__(self, engine: Engine, emoney: Emoney, till: UUID) -> None:
        self.engine, self.emoney, self.till = engine, emoney, till

    def __call__(self, environ: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
        asked = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
        answer = self.buy(**asked) if environ["REQUEST_METHOD"] == "POST" else self.wallets()
        respond("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    def buy(self, wallet: str, amount: str) -> dict[str, Any]:
        """A purchase and its payment, in one transaction of the shop's."""
        sent = Transfer(new_id(), UUID(wallet), self.till, int(amount), "EUR", Operation.PAY)
        with Session(self.engine) as session, session.begin():
            session.add(Purchase(id=sent.id, wallet=sent.debit_account, amount=sent.amount))
            session.flush()
            connection = session.connection().connection.driver_connection
            (outcome,) = self.emoney.ledger.post_in(connection, [sent])
            if not outcome.posted:
                session.rollback()
        return {"posted": outcome.posted, "where": [jobs.WHOSE, data.WHOSE]}

    def wallets(self) -> list[dict[str, Any]]:
        with Session(self.engine) as session:
            found = session.exec(select(Person)).all()
            return [{"name": person.name, "wallets": len(person.wallets)} for person in found]
