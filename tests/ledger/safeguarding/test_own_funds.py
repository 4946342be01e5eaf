"""Own funds: two per cent of the mean of the days' ends over six calendar months."""

import random
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import ceil
from uuid import UUID

import pytest
from books import Books

from emoney.ledger import AccountKind, Operation
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.reports.as_of import TimeBasis
from emoney.ledger.safeguarding import OwnFunds, own_funds
from emoney.ledger.safeguarding.own_funds import parse_month

JULY = date(2026, 7, 1)


def asked(
    books: Books, month: date = JULY, basis: TimeBasis = TimeBasis.POSTED, time_zone: str = "UTC"
) -> list[OwnFunds]:
    with books.database.connection() as connection:
        return own_funds(connection, month, basis=basis, time_zone=time_zone, clock=lambda: books.now)


def test_a_constant_balance_is_its_own_average(books: Books, funds: UUID) -> None:
    books.now = datetime(2025, 12, 31, 12, tzinfo=UTC)
    books.posted(books.transfer(funds, books.account(), 10_000, Operation.LOAD, reference="r"))
    books.now = datetime(2026, 7, 1, tzinfo=UTC)
    (found,) = asked(books)
    assert (found.first_day, found.last_day, found.days) == (date(2026, 1, 1), date(2026, 6, 30), 181)
    assert (found.average, found.required, found.complete) == (10_000, 200, True)
    assert found.source.startswith("Directive 2009/110/EC")


@pytest.mark.parametrize("basis", TimeBasis)
@pytest.mark.parametrize("time_zone", ["UTC", "Asia/Kolkata"])
def test_the_average_is_the_mean_of_every_days_end(
    books: Books, funds: UUID, basis: TimeBasis, time_zone: str
) -> None:
    chance = random.Random(7)
    wallet, shop = books.account(), books.account(AccountKind.MERCHANT)
    changes: list[tuple[datetime, int]] = []
    books.now = datetime(2025, 12, 20, 20, tzinfo=UTC)
    while books.now < datetime(2026, 7, 4, tzinfo=UTC):
        amount = chance.randrange(100, 5000)
        at = books.now - timedelta(days=9) if basis is TimeBasis.EFFECTIVE else None
        books.posted(
            books.transfer(funds, wallet, amount, Operation.LOAD, reference="r", at=at),
            books.transfer(wallet, shop, amount // 2, Operation.PAY, at=at),
            books.transfer(shop, funds, amount // 3, Operation.REDEEM_BANK, at=at),
        )
        changes.append((at or books.now, amount - amount // 3))
        books.now += timedelta(hours=chance.randrange(1, 200))
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(181)]
    shift = timedelta(hours=5, minutes=30) if time_zone == "Asia/Kolkata" else timedelta()
    ends = [sum(change for at, change in changes if (at + shift).date() <= day) for day in days]
    (found,) = asked(books, basis=basis, time_zone=time_zone)
    assert found.average == Fraction(sum(ends), 181)
    assert (found.lowest, found.highest) == (min(ends), max(ends))
    assert found.required == ceil(Fraction(sum(ends), 181) / 50)


def test_a_ledger_younger_than_the_period_says_so(books: Books, funds: UUID) -> None:
    books.now = datetime(2026, 6, 30, 12, tzinfo=UTC)
    books.posted(books.transfer(funds, books.account(), 1810, Operation.LOAD, reference="r"))
    books.now = datetime(2026, 7, 1, tzinfo=UTC)
    (found,) = asked(books)
    assert (found.average, found.required, found.complete) == (10, 1, False)


def test_an_empty_ledger_has_nothing_to_report(books: Books) -> None:
    books.now = datetime(2026, 7, 1, tzinfo=UTC)
    assert asked(books) == []


def test_a_month_that_has_not_begun_is_refused(books: Books) -> None:
    books.now = datetime(2026, 6, 30, 23, 59, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="2026-07 has not begun"):
        asked(books)


@pytest.mark.parametrize("text", ["2026", "2026-13", "2026-00", "26-07", "2026-07-01", "July", ""])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="month such as 2026-07"):
        parse_month(text)
    assert parse_month("2026-07") == JULY
