"""Usage: what a wallet has moved, as the rules of its profile measure it.

The database counts, in the statement that writes a posting (`04_limits_guards.sql` of the baseline); here it
is read, and counted on within a batch that is being decided. Nothing that is counted here is written.

What a profile's rules measure makes its slots, one for each kind of thing and window. A wallet has, by slot:

| what                                   | where it stands                                                   |
|----------------------------------------|-------------------------------------------------------------------|
| what it moved on the last day it moved | in its account's row                                              |
| what it moved in the window before     | in its account's row                                              |
| what it moved on each day before       | `ledger.usage_day`; read for a window that rolls, or a past day   |
| what it moved with one payee, by days  | `ledger.usage_day`; read where the profile has rules per payee    |

The lock of the wallet's account covers all of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from emoney.ledger.base.postgres.binary_arrays import Uuids, packing
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.limits.rules import Counter
from emoney.ledger.limits.windows import ROLLING, Window, window_last, window_start

_queries = queries_beside(__file__)

Days = dict[date, list[int]]
"""By day, what was moved, by slot."""

ITSELF = UUID(int=0)
"""Who stands for the other account in rows about the wallet alone."""


class Slot(NamedTuple):
    """What one slot counts: numbers or amounts, of which codes, on a day and in a window."""

    numbers: bool
    mask: int
    window: Window


@dataclass(frozen=True, slots=True)
class Layout:
    """A profile's slots, as the database has laid them out. `payee_slots`: those kept with each payee."""

    slots: tuple[Slot, ...] = ()
    payee_slots: tuple[Slot, ...] = ()
    fiscal_year_starts: int = 1
    rolls: bool = field(init=False)
    """Whether some window rolls, so that a new day asks for the days before."""
    _places: dict[Counter, int] = field(init=False, repr=False, compare=False)
    _counts: tuple[dict[int, tuple[tuple[int, bool], ...]], dict[int, tuple[tuple[int, bool], ...]]] = field(
        default_factory=lambda: ({}, {}), init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "rolls", any(slot.window in ROLLING for slot in self.slots))
        places: dict[Counter, int] = {}
        for per_payee, slots in ((False, self.slots), (True, self.payee_slots)):
            for place, slot in enumerate(slots):
                places[Counter(per_payee, slot.numbers, slot.mask, slot.window)] = place
                places.setdefault(Counter(per_payee, slot.numbers, slot.mask, Window.DAY), place)
        object.__setattr__(self, "_places", places)

    def place(self, counter: Counter) -> int | None:
        """The slot that counts this, from 0; None where none does."""
        return self._places.get(counter)

    def counts(self, code: int) -> tuple[tuple[int, bool], ...]:
        """The slots that a code counts in, and whether each counts numbers."""
        return _counting(self._counts[0], self.slots, code)

    def counts_with_payee(self, code: int) -> tuple[tuple[int, bool], ...]:
        """The same of the slots kept with each payee."""
        return _counting(self._counts[1], self.payee_slots, code)


def _counting(
    known: dict[int, tuple[tuple[int, bool], ...]], slots: Sequence[Slot], code: int
) -> tuple[tuple[int, bool], ...]:
    found = known.get(code)
    if found is None:
        found = known[code] = tuple(
            (place, slot.numbers) for place, slot in enumerate(slots) if slot.mask >> code & 1
        )
    return found


class Usage:
    """What a wallet has moved by the slots of a layout.

    `day`: that of `moved`; `before`: in each slot's window before it. `days`: those before, as far as they
    were read. `payees`: by the integer of the other account's id, on any day, as far as they were read.
    """

    __slots__ = ("before", "day", "days", "layout", "moved", "payees")

    def __init__(self, layout: Layout, day: date | None, counters: Sequence[int] | None) -> None:
        slots = len(layout.slots)
        self.layout = layout
        self.day = day
        self.moved = [0] * slots if counters is None else list(counters[:slots])
        self.before = [0] * slots if counters is None else list(counters[slots:])
        self.days: Days = {}
        self.payees: dict[int, Days] = {}

    def asks_for_days(self, day: date) -> bool:
        """Whether to measure on this day takes days before the last one."""
        return self.day is not None and (day < self.day or (self.layout.rolls and day > self.day))

    def measured(self, counter: Counter, day: date, payee: UUID | None) -> int:
        """What a counter has counted in its window, on `day`. Nothing where it is none of the layout's."""
        place = self.layout.place(counter)
        if place is None:
            return 0
        window = counter.window
        assert window is not None
        if counter.per_payee:
            assert payee is not None
            days = self.payees.get(payee.int)
            return 0 if days is None else self._sum(days, place, window, day)
        if day != self.day:
            if self.day is not None and day < self.day:
                first, last = self._span(window, day)
                today = self.moved[place] if first <= self.day <= last else 0
                return today + self._sum(self.days, place, window, day)
            self._begin(day)
        return self.moved[place] if window is Window.DAY else self.moved[place] + self.before[place]

    def count(self, code: int, amount: int, number: int, day: date, payee: UUID) -> None:
        """Count what moved on a day; with negative numbers, take back what this batch counted."""
        if counts := self.layout.counts(code):
            if day != self.day and (self.day is None or day > self.day):
                self._begin(day)
            if day == self.day:
                for place, numbers in counts:
                    self.moved[place] += number if numbers else amount
            else:
                assert self.day is not None
                moved = self.days.setdefault(day, [0] * len(self.moved))
                for place, numbers in counts:
                    more = number if numbers else amount
                    moved[place] += more
                    if day >= self._span(self.layout.slots[place].window, self.day)[0]:
                        self.before[place] += more
        for place, numbers in self.layout.counts_with_payee(code):
            with_payee = self.payees.setdefault(payee.int, {})
            moved = with_payee.setdefault(day, [0] * len(self.layout.payee_slots))
            moved[place] += number if numbers else amount

    def _begin(self, day: date) -> None:
        """Go on to a later day: what was today's moves to what was before, as far as the windows reach."""
        if self.day is not None:
            self.days[self.day] = self.moved
            for place, slot in enumerate(self.layout.slots):
                first = self._span(slot.window, day)[0]
                if slot.window in ROLLING:
                    self.before[place] = sum(
                        moved[place] for on, moved in self.days.items() if first <= on < day
                    )
                else:
                    self.before[place] = self.before[place] + self.moved[place] if self.day >= first else 0
        self.day, self.moved = day, [0] * len(self.moved)

    def _sum(self, days: Days, place: int, window: Window, day: date) -> int:
        first, last = self._span(window, day)
        return sum(moved[place] for on, moved in days.items() if first <= on <= last)

    def _span(self, window: Window, day: date) -> tuple[date, date]:
        return _span(window, day, self.layout.fiscal_year_starts)

    def first_day(self, day: date) -> date:
        """The first day that a measure on `day` may ask for."""
        slots = (*self.layout.slots, *self.layout.payee_slots)
        days = {day, self.day or day}
        return min((self._span(slot.window, each)[0] for slot in slots for each in days), default=day)


@lru_cache(maxsize=65536)
def _span(window: Window, day: date, fiscal_year_starts: int) -> tuple[date, date]:
    return window_start(window, day, fiscal_year_starts), window_last(window, day, fiscal_year_starts)


@reads_tuples
def layouts(connection: Connection, profiles: Iterable[UUID]) -> dict[UUID, tuple[list[Slot], list[Slot]]]:
    """The slots of profiles, of the wallet alone and with each payee, in their order."""
    found: dict[UUID, tuple[list[Slot], list[Slot]]] = {}
    rows = connection.execute(_queries.layouts.sql, {"profiles": list(profiles)})
    for profile_id, per_payee, measure, mask, span in rows:
        slot = Slot(measure == "number", mask, Window(span))
        found.setdefault(profile_id, ([], []))[per_payee].append(slot)
    return found


@reads_tuples
def read_days(
    connection: Connection, usages: Mapping[UUID, Usage], others: Iterable[UUID], since: date
) -> None:
    """Fill the usages with the days from `since` on: their wallets' own, and those with `others`."""
    rows = packing(connection).execute(
        _queries.days.sql,
        {"accounts": Uuids.of(usages), "others": Uuids.of([ITSELF, *others]), "since": since},
        binary=True,
    )
    for account_id, other_id, day, moved in rows:
        usage = usages[account_id]
        days = usage.days if other_id == ITSELF else usage.payees.setdefault(other_id.int, {})
        days[day] = moved
