"""Hand-made histories: a few transfers, written as an analyst would tell them."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from emoney.aml.alerts.episodes import Episode
from emoney.aml.history.transfers import COLUMNS
from emoney.aml.scenarios import Scenario
from emoney.ledger import AccountKind, Database, Ledger, NewAccount, Operation, Transfer
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import derived_id

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
_NAMESPACE = uuid.UUID("6f1e0a54-2f0f-4d37-9d0e-000000000001")


def account_id(ref: str) -> str:
    """The account's id: the same for the same reference."""
    return str(uuid.uuid5(_NAMESPACE, ref))


def kind_of(ref: str) -> str:
    """A for agents, M for merchants; everyone else is a customer."""
    return {"A": "agent", "M": "merchant"}.get(ref[0], "customer")


class Book:
    """Collects transfers; times are hours after START, amounts in major units of a two-digit currency."""

    def __init__(self, currency: str = "GHS") -> None:
        self.currency = currency
        self.rows: list[dict[str, Any]] = []

    def add(self, operation: str, payer: str, payee: str, amount: float, hours: float) -> None:
        """One transfer."""
        number = len(self.rows)
        self.rows.append(
            {
                "transfer_id": str(uuid.uuid5(_NAMESPACE, f"transfer {number}")),
                "reference": f"T{number}",
                "at": START + timedelta(hours=hours),
                "operation": operation,
                "amount": round(amount * 100),
                "currency": self.currency,
                "debit_account": account_id(payer),
                "credit_account": account_id(payee),
                "debit_ref": payer,
                "credit_ref": payee,
                "debit_kind": kind_of(payer),
                "credit_kind": kind_of(payee),
                "debit_opened": None,
                "credit_opened": None,
            }
        )

    def cash_in(self, wallet: str, amount: float, hours: float, agent: str = "A1") -> None:
        self.add("cash_in", agent, wallet, amount, hours)

    def cash_out(self, wallet: str, amount: float, hours: float, agent: str = "A1") -> None:
        self.add("cash_out", wallet, agent, amount, hours)

    def p2p(self, payer: str, payee: str, amount: float, hours: float) -> None:
        self.add("p2p", payer, payee, amount, hours)

    def table(self) -> pa.Table:
        return pa.Table.from_pylist(self.rows, schema=COLUMNS)

    def references(self, episode: Episode) -> list[str | None]:
        return [each.reference for each in episode.evidence]


Search = Callable[[Scenario, Book], list[Episode]]


class Bank:
    """A small wallet operator on a real ledger: an agent with float and as many wallets as are named."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.ledger = Ledger(database)
        self.opened: dict[str, uuid.UUID] = {}
        self.count = 0
        self._open("safe", AccountKind.SAFEGUARDING)
        self._open("A1", AccountKind.AGENT)
        self.post(Operation.LOAD, "safe", "A1", 1_000_000, START - timedelta(days=1))

    def _open(self, ref: str, kind: AccountKind) -> None:
        self.opened[ref] = derived_id(START, ref)
        with self.database.connection() as connection:
            accounts.open_without_limits(
                connection, [NewAccount(self.opened[ref], kind, "GHS", START - timedelta(days=9), ref)]
            )

    def transfer(self, operation: Operation, payer: str, payee: str, amount: float, at: datetime) -> Transfer:
        for ref in (payer, payee):
            if ref not in self.opened:
                self._open(ref, AccountKind.AGENT if ref[0] == "A" else AccountKind.CUSTOMER)
        self.count += 1
        return Transfer(
            derived_id(at, str(self.count)),
            self.opened[payer],
            self.opened[payee],
            round(amount * 100),
            "GHS",
            operation,
            f"T{self.count}",
            effective_at=at,
        )

    def post(self, operation: Operation, payer: str, payee: str, amount: float, at: datetime) -> None:
        outcomes = self.ledger.post([self.transfer(operation, payer, payee, amount, at)])
        assert all(outcome.posted for outcome in outcomes)

    def structure(self, wallet: str, first_day: int, times: int) -> None:
        """Cash brought in just below 5,000 on `times` days in a row."""
        for number in range(times):
            at = START + timedelta(days=first_day + number)
            self.post(Operation.CASH_IN, "A1", wallet, 4_800 + number, at)
