"""Matching: which booked entry is which entry at the bank.

In two steps, each one to one and with the amount and direction the same:

1. by reference: the transfer's reference is the bank entry's end-to-end reference or, failing that, the
   bank's own. Where several have the same reference and amount, the first goes with the first. Done in the
   database.
2. by amount, for a bank entry that carries no end-to-end reference: the booked entry nearest in time, at most
   `days` apart, the earlier one where two are as near. Never against a reference that says otherwise.

A match says nothing about when: an entry whose partner comes after the day's end is in transit at the day's
end.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples

AMOUNT_MATCH_DAYS = 5

_queries = queries_beside(__file__)


class Side(StrEnum):
    """Who has an entry."""

    BOOKS = "books"
    BANK = "bank"


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of one side. `amount`: minor units, positive where funds came in.

    `transfer_id`: of a booked entry. `statement_id` and `entry_number`: of an entry at the bank.
    """

    side: Side
    day: date
    amount: int
    reference: str | None
    transfer_id: UUID | None = None
    statement_id: UUID | None = None
    entry_number: int | None = None


@reads_tuples
def open_items(
    connection: Connection, account_id: UUID, day: date, time_zone: str, begins_on: date
) -> list[Item]:
    """What one side has by the end of `day` and the other has not, oldest first.

    `begins_on`: the first day that the bank's statements cover; what was booked before and never matched
    belongs to the opening balance. Reads the account's entries and its bank entries once; memory: what no
    reference matches.
    """
    parameters = {
        "account": account_id,
        "day": day,
        "time_zone": time_zone,
        "begins_on": begins_on,
        "days": AMOUNT_MATCH_DAYS,
    }
    in_transit: list[Item] = []
    unmatched: list[Item] = []
    for row in connection.execute(_queries.not_matched_by_reference.sql, parameters):
        item = Item(Side(row[0]), *row[1:-1])
        (in_transit if row[-1] else unmatched).append(item)
    pairs = match_by_amount(unmatched)
    partner_day = {id(item): other.day for pair in pairs for item, other in (pair, pair[::-1])}
    for item in unmatched:
        if item.day > day or partner_day.get(id(item), date.max) <= day:
            continue
        if item.side is Side.BOOKS and item.day < begins_on and id(item) not in partner_day:
            continue
        in_transit.append(item)
    return sorted(in_transit, key=lambda item: (item.day, item.side, item.amount))


def match_by_amount(items: Sequence[Item], days: int = AMOUNT_MATCH_DAYS) -> list[tuple[Item, Item]]:
    """Pairs (booked, at the bank) of the same amount for bank items without a reference, nearest in time
    first.

    Each item is in one pair at most; bank items take their turn by date.
    """
    booked: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for place, item in enumerate(items):
        if item.side is Side.BOOKS:
            insort(booked[item.amount], (item.day.toordinal(), place))
    pairs = []
    at_bank = (item for item in items if item.side is Side.BANK and item.reference is None)
    for item in sorted(at_bank, key=lambda item: item.day):
        near = _nearest(booked[item.amount], item.day.toordinal(), days)
        if near is not None:
            pairs.append((items[booked[item.amount].pop(near)[1]], item))
    return pairs


def _nearest(candidates: Sequence[tuple[int, int]], day: int, days: int) -> int | None:
    """The index of the candidate nearest to `day`, at most `days` away."""
    at = bisect_left(candidates, (day, -1))
    before, after = candidates[at - 1 : at] if at else (), candidates[at : at + 1]
    near: Iterable[tuple[int, int]] = (
        (abs(found[0] - day), index)
        for found, index in ((*((c, at - 1) for c in before), *((c, at) for c in after)))
    )
    best = min(near, default=None)
    return None if best is None or best[0] > days else best[1]
