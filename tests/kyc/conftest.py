"""An enrolment desk with a clock that stands still, and money to move."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from attacks import Attacker, attacking
from shipped import PACKS

from emoney.kyc import Enrolment, NewWallet, Pack, open_wallets
from emoney.ledger import (
    IMPORT_ROLE,
    AccountKind,
    Database,
    Ledger,
    NewAccount,
    Operation,
    Outcome,
    Transfer,
)
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.transfers.money import to_minor
from emoney.privacy import Vault, open_keyring

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)

AMA = {
    "external_ref": "P-1",
    "currency": "GHS",
    "name": "Ama Serwaa Quartey",
    "birth_date": "1987-03-14",
    "phone": "+233 24 477 1902",
    "id_kind": "national_id",
    "id_number": "GHA-718293746-4",
    "address": "14 Nkrumah Lane, Cape Coast",
}


@pytest.fixture
def ama() -> dict[str, Any]:
    """A person's details, as JSON brings them."""
    return dict(AMA)


@pytest.fixture
def vault(database: Database, home: Path) -> Vault:
    with database.connection() as connection:
        return Vault(open_keyring(home, connection))


@pytest.fixture
def desk(database: Database, vault: Vault) -> Enrolment:
    return Enrolment(database, vault, lambda: NOW, packs=PACKS)


@pytest.fixture
def attacker(owner_url: str) -> Iterator[Attacker]:
    """A login that is a member of the application's role."""
    with attacking(owner_url) as found:
        yield found


Counted = Callable[[str], int]


@pytest.fixture
def count(database: Database) -> Counted:
    """How many rows a table has."""

    def counted(table: str) -> int:
        with database.connection() as connection:
            [number] = connection.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,)
        return int(number)

    return counted


@pytest.fixture
def until_waiting(owner_url: str) -> Callable[[int], None]:
    """Returns when so many connections wait for a lock, so that a race has one course only."""

    def wait(connections: int) -> None:
        query = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        with psycopg.connect(owner_url, autocommit=True) as connection:
            for _ in range(12_000):
                if connection.execute(query).fetchone() == (connections,):
                    return
                time.sleep(0.01)
        raise AssertionError(f"{connections} connections never waited at once")

    return wait


@dataclass
class Till:
    """A ledger with unlimited counterparties in one currency; amounts as decimals."""

    database: Database
    ledger: Ledger
    currency: str
    parties: dict[AccountKind, UUID]
    peer: UUID

    def wallet(self, pack: Pack, tier: str, ref: str | None = None) -> UUID:
        account_id = new_id()
        with self.database.connection() as connection:
            open_wallets(connection, pack, [NewWallet(account_id, ref or str(account_id), tier, NOW)])
        return account_id

    def load(self, wallet: UUID, amount: str, at: datetime = NOW) -> Outcome:
        return self._move(self.parties[AccountKind.SAFEGUARDING], wallet, amount, Operation.LOAD, at)

    def send(self, wallet: UUID, amount: str, operation: Operation, at: datetime = NOW) -> Outcome:
        to = {
            Operation.CASH_OUT: self.parties[AccountKind.AGENT],
            Operation.P2P: self.peer,
            Operation.FEE: self.parties[AccountKind.FEES],
            Operation.REDEEM_CASH: self.parties[AccountKind.SAFEGUARDING],
            Operation.REDEEM_BANK: self.parties[AccountKind.SAFEGUARDING],
            Operation.REDEEM_OWN_BANK: self.parties[AccountKind.SAFEGUARDING],
        }.get(operation, self.parties[AccountKind.MERCHANT])
        return self._move(wallet, to, amount, operation, at)

    def pay(self, wallet: UUID, payee: UUID, amount: str, operation: Operation) -> Outcome:
        return self._move(wallet, payee, amount, operation, NOW)

    def receive(self, wallet: UUID, amount: str, operation: Operation, at: datetime = NOW) -> Outcome:
        return self._move(self.peer, wallet, amount, operation, at)

    def _move(self, payer: UUID, payee: UUID, amount: str, operation: Operation, at: datetime) -> Outcome:
        minor = to_minor(amount, self.currency)
        self.ledger.clock = lambda: max(at, NOW)  # nothing counts before it has happened
        sent = Transfer(new_id(), payer, payee, minor, self.currency, operation, "receipt", effective_at=at)
        if at >= NOW:
            return self.ledger.post([sent])[0]
        history = Database(self.database.url, role=IMPORT_ROLE)  # before the accounts were opened, too
        try:
            return Ledger(history, self.ledger.clock).post([sent])[0]
        finally:
            history.close()


@pytest.fixture
def till(database: Database) -> Callable[[str], Till]:
    """A till in a currency."""

    def opened(currency: str) -> Till:
        kinds = (
            AccountKind.SAFEGUARDING,
            AccountKind.MERCHANT,
            AccountKind.AGENT,
            AccountKind.CUSTOMER,
            AccountKind.FEES,
        )
        parties = {kind: new_id() for kind in kinds}
        with database.connection() as connection:
            accounts.open_without_limits(
                connection,
                [NewAccount(account_id, kind, currency, NOW) for kind, account_id in parties.items()],
            )
        ledger = Ledger(database, lambda: NOW)
        made = Till(database, ledger, currency, parties, parties[AccountKind.CUSTOMER])
        made.load(made.peer, "1000000")
        return made

    return opened
