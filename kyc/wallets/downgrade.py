"""Downgrades: wallets above the cap of their tier go through their stages on their dates, or are let go.

The first stage begins with the downgrade itself (`kyc.wallets.wallet.change_tier`); `advance` makes the later
steps and lifts what has no cause any more. One wallet, one transaction: no step waits for another wallet's.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.wallets.restrictions import Downgrades, RestrictionStage, downgrades
from emoney.kyc.wallets.wallet import review_restriction
from emoney.ledger.base.clock import Clock, from_then
from emoney.ledger.base.paging import FIRST, PAGE_ROWS, pages
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.base.progress import Progress, silent

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
    progress: Progress = silent,
    clock: Clock | None = None,
) -> Advanced:
    """Bring every restricted wallet into the stage it should be in at `at`.

    `clock`: for a run of more than a moment (`ledger.base.clock.from_then`).
    """
    policies, now = policies or downgrades(), from_then(at, clock)
    counted = stopped = lifted = 0
    for account_id, pack_id in chain.from_iterable(pages(database, _queries.restricted.sql)):
        with database.connection() as connection:
            pack = packs.pack(pack_id)
            stage = review_restriction(connection, account_id, pack, at=now(), policy=policies.of(pack_id))
        counted += 1
        stopped += stage is not None and stage.stage is RestrictionStage.DEBITS_STOPPED
        lifted += stage is None
        progress("restricted wallets", counted, None)
    return Advanced(counted, stopped, lifted)


@reads_tuples
def restricted_wallets(
    connection: Connection, *, after: UUID = FIRST, most: int = PAGE_ROWS
) -> list[Restricted]:
    """The restricted wallets with every step so far, in id order."""
    rows = connection.execute(_queries.listed.sql, {"after": after, "most": most})
    return [Restricted(*row) for row in rows]
