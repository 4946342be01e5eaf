"""Who moves money in the benchmarks: wallets under a tier of Ghana's limits, and transfers between them.

The tier is the pack's lowest, the only one that caps the day, the month and the balance. Amounts are so small
that nothing is ever refused: every control is asked, none ends a transfer early.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from emoney.kyc import PackLibrary
from emoney.kyc.wallets.wallet import profile_id
from emoney.ledger import AccountKind, Database, Ledger, NewAccount, Operation, Transfer
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id

CURRENCY, PACK, TIER = "GHS", "gh-bog-2024", "minimum"
OPENING = 250_000
"""Pesewas in each wallet: half of what the tier lets it hold, thousands of times what a transfer moves."""
AMOUNT_MAX = 100
_CHUNK = 10_000

Make = Callable[[random.Random], Transfer]


def open_wallets(
    database: Database,
    count: int,
    *,
    tier: str | None = TIER,
    at: datetime | None = None,
    currency: str = CURRENCY,
) -> list[UUID]:
    """Open wallets, each holding OPENING; `at`: when, by default now."""
    opened = at or datetime.now(UTC)
    funds, wallets = new_id(), [new_id() for _ in range(count)]
    with database.connection() as connection:
        profile = profile_id(connection, PackLibrary.of().pack(PACK), tier) if tier else None
        accounts.open_without_limits(
            connection,
            [
                NewAccount(funds, AccountKind.SAFEGUARDING, currency, opened),
                *(NewAccount(w, AccountKind.CUSTOMER, currency, opened, profile_id=profile) for w in wallets),
            ],
        )
    ledger = Ledger(database, lambda: opened)
    for start in range(0, count, _CHUNK):
        post(
            ledger,
            [
                Transfer(new_id(), funds, w, OPENING, currency, Operation.OPENING, "opening")
                for w in wallets[start : start + _CHUNK]
            ],
        )
    return wallets


def wallets_of(database: Database) -> list[UUID]:
    """The wallets that a database has."""
    with database.connection() as connection:
        return [
            wallet
            for (wallet,) in connection.execute("SELECT id FROM ledger.account WHERE kind = 'customer'")
        ]


def open_merchant(ledger: Ledger) -> UUID:
    """One merchant, who will be paid by everybody."""
    return ledger.open_account(AccountKind.MERCHANT, CURRENCY, "hot merchant")


def between(wallets: list[UUID]) -> Make:
    """Transfers between two wallets by chance."""

    def make(chance: random.Random) -> Transfer:
        payer, payee = chance.sample(wallets, 2)
        return _transfer(payer, payee, Operation.P2P, chance)

    return make


def to_merchant(wallets: list[UUID], merchant: UUID) -> Make:
    """Payments of wallets by chance to one merchant."""
    return lambda chance: _transfer(chance.choice(wallets), merchant, Operation.PAY, chance)


def batch(make: Make, size: int, chance: random.Random) -> list[Transfer]:
    """`size` transfers."""
    return [make(chance) for _ in range(size)]


def post(ledger: Ledger, transfers: list[Transfer]) -> None:
    """Post a batch of which nothing may be refused."""
    assert all(outcome.posted for outcome in ledger.post(transfers))


def _transfer(payer: UUID, payee: UUID, operation: Operation, chance: random.Random) -> Transfer:
    return Transfer(new_id(), payer, payee, chance.randint(1, AMOUNT_MAX), CURRENCY, operation, "T")
