"""Own funds for issuing e-money: a share of the average of what is outstanding.

The average is the mean, over every calendar day of the months before, of the e-money outstanding at the day's
end; it is computed on the first of a month and holds for that month. The share and the number of months are
data (`data/safeguarding/own_funds.yaml`), with their source.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil

from emoney.data import read_yaml
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.reports import as_of
from emoney.ledger.reports.as_of import TimeBasis
from emoney.ledger.transfers.chart import OUTSTANDING

_MONTH = re.compile(r"([12]\d{3})-(0[1-9]|1[0-2])", re.ASCII)
_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class OwnFunds:
    """The requirement of one currency for one month, minor units.

    `average`: exact. `required`: rounded up to a minor unit. `complete`: whether the ledger reaches back over
    the whole period; if not, days before its first transfer count as nothing outstanding, and the supervisor
    wants a projection instead.
    """

    currency: str
    month: date
    first_day: date
    last_day: date
    days: int
    average: Fraction
    lowest: int
    highest: int
    percent: Decimal
    required: int
    complete: bool
    source: str


def parse_month(text: str) -> date:
    """The first day of a month written `2026-07`. Raises InvalidInput."""
    named = _MONTH.fullmatch(text)
    if named is None:
        raise InvalidInput(f"{text!r} is not a month such as 2026-07")
    return date(int(named[1]), int(named[2]), 1)


@all_or_nothing
def own_funds(
    connection: Connection,
    month: date,
    *,
    time_zone: str = "UTC",
    basis: TimeBasis = TimeBasis.POSTED,
    clock: Clock = system_clock,
) -> list[OwnFunds]:
    """The own funds required in `month` (any day of it), one per currency.

    `basis`: by posting time the figure stays what it is; by effective time a history imported later counts on
    the days it happened. Reads what was posted (or is effective) since the period began.
    Raises InvalidInput for a month whose six months before are not over.
    """
    method = read_yaml("safeguarding", "own_funds.yaml")
    percent = Decimal(method["percent"])
    month = month.replace(day=1)
    first_day, last_day = _months_before(month, method["months"]), month - timedelta(days=1)
    if as_of.start_of_day(month, time_zone) > clock():
        raise InvalidInput(
            f"{month:%Y-%m} has not begun in {time_zone}; its average is taken on its first day"
        )
    begins_at = as_of.start_of_day(first_day, time_zone)
    parameters = {
        "kinds": sorted(OUTSTANDING),
        "time_zone": time_zone,
        "begins_at": begins_at,
        "first": first_day,
        "last": last_day,
    }
    posted = basis is TimeBasis.POSTED
    daily = _queries.daily_outstanding_posted if posted else _queries.daily_outstanding_effective
    first = _queries.first_transfer_posted if posted else _queries.first_transfer_effective
    by_currency: dict[str, list[int]] = {}
    for currency, _, outstanding in connection.execute(daily.sql, parameters):
        by_currency.setdefault(currency, []).append(outstanding)
    row = connection.execute(first.sql).fetchone()
    began: datetime | None = row[0] if row else None
    return [
        OwnFunds(
            currency,
            month,
            first_day,
            last_day,
            len(days),
            Fraction(sum(days), len(days)),
            min(days),
            max(days),
            percent,
            ceil(Fraction(sum(days), len(days)) * Fraction(percent) / 100),
            began is not None and began < begins_at + timedelta(days=1),
            method["source"],
        )
        for currency, days in by_currency.items()
    ]


def _months_before(month: date, count: int) -> date:
    months = month.year * 12 + month.month - 1 - count
    return date(months // 12, months % 12 + 1, 1)
