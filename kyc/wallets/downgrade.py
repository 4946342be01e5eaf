"""Downgrades: wallets above the cap of their tier go through their stages on their dates, or are let go.

The first stage begins with the downgrade itself (`kyc.wallets.wallet.change_tier`); `advance` makes the later
steps and lifts what has no cause any more. One wallet, one transaction: no step waits for another wallet's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.wallets.restrictions import Downgrades, Stage, downgrades
from emoney.kyc.wallets.wallet import review_restriction
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside

READ_AT_ONCE = 1000
_FIRST = UUID(int=0)

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Advanced:
    """What a run saw: restricted wallets, those with debits stopped by now, those let go."""

    seen: int
    debits_stopped: int
    lifted: int


@dataclass(frozen=True, slots=True)
class Restricted:
    """A restricted wallet. `balance`: minor units. `steps`: each with moment, numbers and source."""

    account_id: UUID
    wallet: str | None
    pack: str
    tier: str
    stage: str
    cause: str
    next_at: datetime | None
    balance: int
    currency: str
    steps: list[dict[str, Any]]


def advance(
    database: Database,
    at: datetime,
    *,
    packs: PackLibrary,
    policies: Downgrades | None = None,
    seen: Callable[[int], None] = lambda _: None,
) -> Advanced:
    """Bring every restricted wallet into the stage it should be in at `at`."""
    policies = policies or downgrades()
    counted = stopped = lifted = 0
    for account_id, pack_id in _restricted(database):
        with database.connection() as connection:
            pack = packs.pack(pack_id)
            now = review_restriction(connection, account_id, pack, at=at, policy=policies.of(pack_id))
        counted += 1
        stopped += now is not None and now.stage is Stage.DEBITS_STOPPED
        lifted += now is None
        seen(counted)
    return Advanced(counted, stopped, lifted)


def _restricted(database: Database) -> Iterator[tuple[UUID, str]]:
    after = _FIRST
    while True:
        with database.connection() as connection:
            rows = connection.execute(
                _queries.restricted.sql, {"after": after, "most": READ_AT_ONCE}
            ).fetchall()
        if not rows:
            return
        yield from rows
        after = rows[-1][0]


def restricted_wallets(
    connection: Connection, *, after: UUID = _FIRST, most: int = READ_AT_ONCE
) -> list[Restricted]:
    """The restricted wallets with every step so far, in id order."""
    rows = connection.execute(_queries.listed.sql, {"after": after, "most": most})
    return [Restricted(*row) for row in rows]
