"""The holders as a population: the records that a release is made from, and the questions that counts answer.

A holder is one natural person, by any of the records linked to it; what is told of it is told of its oldest
open wallet, so that each is there once. No sealed field is opened. Counts leave out whose processing is
restricted; a release does so with its records.
"""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import TypedDict
from uuid import UUID

from emoney.kyc.packs.library import PackLibrary
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.transfers.money import to_decimal
from emoney.privacy.releases.counts import Question

_queries = queries_beside(__file__)


class HolderRecord(TypedDict):
    """One holder. `balance` in the currency's own units, `transfers` in and out since the beginning."""

    holder: UUID
    enrolled_on: date
    pack: str
    tier: str
    currency: str
    balance: Decimal
    transfers: int


@reads_tuples
def records(connection: Connection) -> Iterator[HolderRecord]:
    """One record for each holder of an open wallet. Cost: one pass over the wallets."""
    for holder, enrolled_on, pack, tier, currency, balance, transfers in connection.execute(
        _queries.holders.sql
    ):
        yield HolderRecord(
            holder=holder,
            enrolled_on=enrolled_on,
            pack=pack,
            tier=tier,
            currency=currency,
            balance=to_decimal(balance, currency),
            transfers=transfers,
        )


def holders() -> Question:
    """How many natural persons hold an open wallet."""
    return Question("holders of an open wallet", ["all"], _counts("count_all", {}))


def holders_by_tier(packs: PackLibrary, pack_id: str) -> Question:
    """How many of them are in each tier of a pack. Raises UnknownPack."""
    tiers = [str(tier.id) for tier in packs.pack(pack_id).tiers]
    return Question(
        f"holders of an open wallet under {pack_id}, by tier",
        tiers,
        _counts("count_by_tier", {"pack": pack_id}),
    )


def holders_active_since(day: date) -> Question:
    """How many of them have had a transfer, in or out, since the first moment of a day in UTC."""
    return Question(
        f"holders with a transfer since {day}", ["all"], _counts("count_active_since", {"day": day})
    )


def _counts(query: str, values: dict[str, object]) -> Callable[[Connection], dict[str, int]]:
    return lambda connection: dict(connection.execute(getattr(_queries, query).sql, values).fetchall())
