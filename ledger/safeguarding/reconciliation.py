"""The daily reconciliation: outstanding e-money, the funds behind it in the books, and the same funds at the
banks.

As of the end of one calendar day, from one snapshot of the database:

- **requirement**, per currency: the sum of each holder's own balance at the day's end. A balance below zero
  does not lower what is owed to the others.
- **internal**: the requirement against safeguarding and in-transit accounts in the books.
- **external**: each safeguarding account in the books against its bank's last statement, entry by entry
  (`ledger.safeguarding.matching`). What one side has and the other not yet is in transit up to
  `transit_days_max` days, and a break from then on.
- **at the banks**, per currency: the requirement against what the banks hold, plus items in transit to them,
  less items on their way out and receipts at the bank that no holder has been credited with.

The result is stored with its items; each shortfall and each break is a row of `ledger.safeguarding_event`
and, under the same id, an event of the outbox (`safeguarding.shortfall`, …) about the reconciliation, unless
the look at the day before it found the same.
Sources of the method: the UK's CASS 15 (internal and external reconciliation, the requirement built from each
customer's balance), Directive 2009/110/EC art. 7.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.outbox import append
from emoney.ledger.reports import as_of
from emoney.ledger.safeguarding import earlier
from emoney.ledger.safeguarding.matching import Item, Side, open_items
from emoney.ledger.transfers.chart import OUTSTANDING, AccountKind

TRANSIT_DAYS_MAX = 3
"""How many days an item may be in transit before it is a break, unless the caller says otherwise."""

SETTLES_WITHIN = timedelta(minutes=1)
"""A posting that took its time before the day's end has been committed by then."""

_queries = queries_beside(__file__)


class EventKind(StrEnum):
    """A shortfall or a break."""

    SHORTFALL = "shortfall"
    """The books hold less than the requirement. `amount`: what is missing."""
    SHORTFALL_AT_BANKS = "shortfall_at_banks"
    """The banks hold less than the requirement, items in transit counted. `amount`: what is missing."""
    NO_STATEMENT = "no_statement"
    """No statement of the bank reaches the day. `since`: the last one's closing day or, where there never was
    one, the day of the account's first entry. `amount`: the books'."""
    STATEMENT_GAP = "statement_gap"
    """A statement does not open with what the one before closed with. `amount`: the difference."""
    NOT_AT_BANK = "not_at_bank"
    """Booked, and too long not at the bank."""
    NOT_IN_BOOKS = "not_in_books"
    """At the bank, and too long not booked."""
    AMOUNT_DIFFERS = "amount_differs"
    """Booked and at the bank under one reference with different amounts. `amount`: bank less books."""
    UNEXPLAINED = "unexplained"
    """Books less bank beyond all items: an opening difference, or entries missing from statements."""


SHORTFALLS = frozenset({EventKind.SHORTFALL, EventKind.SHORTFALL_AT_BANKS})
"""Too little money; the other kinds are breaks between two records of it."""

OF_ITEMS = frozenset({EventKind.NOT_AT_BANK, EventKind.NOT_IN_BOOKS, EventKind.AMOUNT_DIFFERS})
"""Breaks of single entries, whose day is theirs."""


@dataclass(frozen=True, slots=True)
class Event:
    """A finding somebody has to act on. `amount`: minor units. `account_id`: None for a currency as a
    whole.

    `since`: the day of the entry, the statement or the first booking that began it; of a shortfall and of
    what is unexplained, the first day from which every recorded reconciliation has it. `age_days`: from then
    to the day that was reconciled, 0 on the first day.
    """

    kind: EventKind
    currency: str
    amount: int
    since: date
    age_days: int
    account_id: UUID | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class AccountFinding:
    """One safeguarding account, minor units. `bank`, `unexplained`: None without a statement.

    `items`: what one side has and the other has not, in transit or overdue, oldest first.
    """

    account_id: UUID
    name: str
    currency: str
    books: int
    bank: int | None
    statement_id: UUID | None
    statement_day: date | None
    unexplained: int | None
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class CurrencyFinding:
    """One currency, minor units. `available_at_banks`: `at_banks` as the requirement may count on it."""

    currency: str
    requirement: int
    safeguarded: int
    in_transit: int
    at_banks: int
    available_at_banks: int

    @property
    def resource(self) -> int:
        """What covers the requirement in the books."""
        return self.safeguarded + self.in_transit


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The day's result. `clean`: no shortfall and no break."""

    id: UUID
    day: date
    time_zone: str
    as_of: datetime
    made_at: datetime
    transit_days_max: int
    currencies: tuple[CurrencyFinding, ...]
    accounts: tuple[AccountFinding, ...]
    events: tuple[Event, ...]

    @property
    def clean(self) -> bool:
        return not self.events


@all_or_nothing
def reconcile(
    connection: Connection,
    day: date,
    *,
    time_zone: str = "UTC",
    transit_days_max: int = TRANSIT_DAYS_MAX,
    clock: Clock = system_clock,
) -> Reconciliation:
    """Reconcile the end of `day` (a calendar day of `time_zone`) and store the result in the connection's
    transaction, which must not have begun: all of it is read from one snapshot. One at a time: waits for
    another that is under way.

    Raises InvalidInput for a day that has not been over for SETTLES_WITHIN.
    """
    now, moment = clock(), as_of.end_of_day(day, time_zone)
    if moment + SETTLES_WITHIN >= now:
        raise InvalidInput(f"{day} is not over in {time_zone}; it can be reconciled a minute after its end")
    if transit_days_max < 0:
        raise InvalidInput(f"{transit_days_max} is not a number of days that items may be in transit")
    earlier.begin(connection)
    accounts = tuple(_accounts(connection, day, time_zone, moment))
    currencies = tuple(_currencies(as_of.totals(connection, moment), accounts, day, transit_days_max))
    look = _Look(connection, day, time_zone, transit_days_max)
    events = [
        *(event for currency in currencies for event in _shortfalls(look, currency)),
        *(event for account in accounts for event in _breaks(look, account)),
    ]
    result = Reconciliation(
        new_id(), day, time_zone, moment, now, transit_days_max, currencies, accounts, tuple(events)
    )
    _store(connection, result)
    return result


@reads_tuples
def last_day(connection: Connection, time_zone: str) -> date | None:
    """The last day that was reconciled in a time zone; None before the first."""
    row = connection.execute(_queries.last_day.sql, {"time_zone": time_zone}).fetchone()
    return row[0] if row else None


def _accounts(
    connection: Connection, day: date, time_zone: str, moment: datetime
) -> Iterable[AccountFinding]:
    rows = connection.execute(_queries.safeguarding_accounts.sql, {"day": day, "moment": moment}).fetchall()
    for account_id, currency, name, statement_id, statement_day, bank, begins_on in rows:
        books = as_of.position(connection, account_id, moment).balance
        items: list[Item] = []
        unexplained = None
        if bank is not None:
            items = open_items(connection, account_id, day, time_zone, begins_on)
            booked = sum(item.amount for item in items if item.side is Side.BOOKS)
            banked = sum(item.amount for item in items if item.side is Side.BANK)
            unexplained = books - bank - booked + banked
        yield AccountFinding(
            account_id, name, currency, books, bank, statement_id, statement_day, unexplained, tuple(items)
        )


def _currencies(
    totals: list[as_of.KindTotal], accounts: tuple[AccountFinding, ...], day: date, transit_days_max: int
) -> Iterable[CurrencyFinding]:
    for currency in sorted({total.currency for total in totals}):
        of_currency = [total for total in totals if total.currency == currency]
        held = [account for account in accounts if account.currency == currency]
        items = [item for account in held for item in account.items]
        # what is late counts for nothing until it has arrived; what goes out counts at once
        on_the_way = sum(
            item.amount
            for item in items
            if item.side is Side.BOOKS and (item.amount < 0 or _age(item, day) <= transit_days_max)
        )
        unallocated = sum(item.amount for item in items if item.side is Side.BANK and item.amount > 0)
        at_banks = sum(account.bank or 0 for account in held)
        yield CurrencyFinding(
            currency,
            sum(total.positive for total in of_currency if total.kind in OUTSTANDING),
            sum(total.balance for total in of_currency if total.kind is AccountKind.SAFEGUARDING),
            sum(total.balance for total in of_currency if total.kind is AccountKind.IN_TRANSIT),
            at_banks,
            at_banks + on_the_way - unallocated,
        )


class _Look(NamedTuple):
    """The day that is looked at, and how."""

    connection: Connection
    day: date
    time_zone: str
    transit_days_max: int

    def event(
        self,
        kind: EventKind,
        found: CurrencyFinding | AccountFinding,
        amount: int,
        since: date | None = None,
        reference: str | None = None,
    ) -> Event:
        """A finding; without `since`, from when the recorded reconciliations have it."""
        account_id = found.account_id if isinstance(found, AccountFinding) else None
        since = since or earlier.found_since(
            self.connection, self.day, self.time_zone, kind, found.currency, account_id
        )
        return Event(kind, found.currency, amount, since, (self.day - since).days, account_id, reference)


def _shortfalls(look: _Look, found: CurrencyFinding) -> Iterable[Event]:
    if found.resource < found.requirement:
        yield look.event(EventKind.SHORTFALL, found, found.requirement - found.resource)
    at_banks = found.available_at_banks + found.in_transit
    if at_banks < found.requirement:
        yield look.event(EventKind.SHORTFALL_AT_BANKS, found, found.requirement - at_banks)


def _breaks(look: _Look, account: AccountFinding) -> Iterable[Event]:
    parameters = {"account": account.account_id, "day": look.day, "time_zone": look.time_zone}
    if account.statement_day is None:
        if account.books:
            row = look.connection.execute(_queries.first_used_on.sql, parameters).fetchone()
            assert row is not None  # it holds something
            yield look.event(EventKind.NO_STATEMENT, account, account.books, row[0])
        return
    if account.statement_day < look.day:
        yield look.event(EventKind.NO_STATEMENT, account, account.books, account.statement_day)
    for ref, opening_on, difference in look.connection.execute(_queries.statement_gaps.sql, parameters):
        yield look.event(EventKind.STATEMENT_GAP, account, difference, opening_on, ref)
    booked = {item.reference: item for item in account.items if item.side is Side.BOOKS and item.reference}
    for item in account.items:
        other = booked.get(item.reference or "") if item.side is Side.BANK else None
        if other is not None and other.amount != item.amount:
            since = min(item.day, other.day)
            difference = item.amount - other.amount
            yield look.event(EventKind.AMOUNT_DIFFERS, account, difference, since, item.reference)
        if _age(item, look.day) > look.transit_days_max:
            kind = EventKind.NOT_AT_BANK if item.side is Side.BOOKS else EventKind.NOT_IN_BOOKS
            yield look.event(kind, account, item.amount, item.day, item.reference)
    if account.unexplained:
        yield look.event(EventKind.UNEXPLAINED, account, account.unexplained)


def _age(item: Item, day: date) -> int:
    return (day - item.day).days


def _store(connection: Connection, found: Reconciliation) -> None:
    told = earlier.told(connection, found.day, found.time_zone, OF_ITEMS)
    connection.execute(
        _queries.add_reconciliation.sql,
        {
            "id": found.id,
            "day": found.day,
            "time_zone": found.time_zone,
            "as_of": found.as_of,
            "made_at": found.made_at,
            "transit_days_max": found.transit_days_max,
            "clean": found.clean,
        },
    )
    totals = [
        (found.id, c.currency, c.requirement, c.safeguarded, c.in_transit, c.at_banks, c.available_at_banks)
        for c in found.currencies
    ]
    accounts = [
        (found.id, a.account_id, a.books, a.bank, a.statement_id, a.statement_day, a.unexplained)
        for a in found.accounts
    ]
    items = [
        (
            *(found.id, a.account_id, number, i.side.value, i.amount, i.day, _age(i, found.day)),
            *(i.reference, i.transfer_id, i.statement_id, i.entry_number),
        )
        for a in found.accounts
        for number, i in enumerate(a.items, 1)
    ]
    events: list[tuple[Any, ...]] = [
        (
            *(new_id(), found.id, found.made_at, e.kind.value, e.currency, e.account_id, e.amount),
            *(e.since, e.age_days, e.reference),
        )
        for e in found.events
    ]
    copies = ((_queries.copy_totals, totals), (_queries.copy_accounts, accounts))
    for query, rows in (*copies, (_queries.copy_items, items), (_queries.copy_events, events)):
        with connection.cursor().copy(query.sql) as copy:
            for row in rows:
                copy.write_row(row)
    names = {account.account_id: account.name for account in found.accounts}
    with connection.pipeline():
        for row, event in zip(events, found.events, strict=True):
            key = _key(event)
            if told[key] > 0:
                told[key] -= 1
                continue
            # no account's event: to lock one in an old snapshot fails when it has moved since
            payload = _payload(found, event, names)
            append(
                connection,
                f"safeguarding.{event.kind}",
                found.id,
                payload,
                at=found.made_at,
                event_id=row[0],
            )


def _key(event: Event) -> earlier.Key:
    since = event.since if event.kind in OF_ITEMS else None
    return event.kind, event.currency, event.account_id, event.amount, event.reference, since


def _payload(found: Reconciliation, event: Event, names: dict[UUID, str]) -> dict[str, Any]:
    return {
        "reconciliation": str(found.id),
        "day": found.day.isoformat(),
        "minor": event.amount,
        "currency": event.currency,
        "account": names.get(event.account_id) if event.account_id else None,
        "since": event.since.isoformat(),
        "age_days": event.age_days,
        "reference": event.reference,
    }
