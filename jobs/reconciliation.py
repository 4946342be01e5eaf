"""The daily reconciliation of safeguarded funds as a job: when it runs, and in whose calendar days."""

import os
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from emoney.jobs.installation import Emoney
from emoney.ledger import safeguarding
from emoney.ledger.base.errors import ConfigurationError, InvalidInput
from emoney.ledger.reports import as_of
from emoney.ledger.safeguarding import Reconciliation
from emoney.ledger.safeguarding.reconciliation import TRANSIT_DAYS_MAX

AT = "EMONEY_SAFEGUARDING_AT"
TIME_ZONE = "EMONEY_SAFEGUARDING_TIME_ZONE"
TRANSIT_DAYS = "EMONEY_SAFEGUARDING_TRANSIT_DAYS"
DEFAULT_AT = "09:00"
CATCH_UP_DAYS_MAX = 7
"""After a longer pause only so many days are reconciled; earlier ones by hand."""


@dataclass(frozen=True, slots=True)
class Settings:
    """At which time of which zone's day, HH:MM, and how many days an item may be in transit."""

    at: str
    time_zone: str
    transit_days: int

    @classmethod
    def from_environment(cls) -> Self:
        """What the environment says; 09:00 UTC and the default number of days where it says nothing.

        Raises ConfigurationError, naming the variable.
        """
        at = os.environ.get(AT) or DEFAULT_AT
        zone = os.environ.get(TIME_ZONE) or "UTC"
        days = os.environ.get(TRANSIT_DAYS) or str(TRANSIT_DAYS_MAX)
        if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", at):
            raise ConfigurationError(f"{AT} is {at!r}: write a time of the day such as 09:00.")
        if not re.fullmatch(r"[0-9]{1,3}", days):
            raise ConfigurationError(f"{TRANSIT_DAYS} is {days!r}: write a number of days such as 3.")
        try:
            as_of.zone(zone)
        except InvalidInput as error:
            raise ConfigurationError(f"{TIME_ZONE}: {error}.") from None
        return cls(at, zone, int(days))

    @property
    def cron(self) -> str:
        """Once a day, in `time_zone`."""
        hour, minute = self.at.split(":")
        return f"{int(minute)} {int(hour)} * * *"


def reconcile_due(emoney: Emoney, settings: Settings) -> list[Reconciliation]:
    """Reconcile yesterday, and before it the days since the last one that was reconciled."""
    yesterday = emoney.clock().astimezone(as_of.zone(settings.time_zone)).date() - timedelta(days=1)
    with emoney.database.connection() as connection:
        last = safeguarding.last_day(connection, settings.time_zone)
    day: date = yesterday
    if last is not None:
        earliest = yesterday - timedelta(days=CATCH_UP_DAYS_MAX - 1)
        day = min(yesterday, max(last + timedelta(days=1), earliest))
    found = []
    while day <= yesterday:
        with emoney.database.connection() as connection:
            found.append(
                safeguarding.reconcile(
                    connection,
                    day,
                    time_zone=settings.time_zone,
                    transit_days_max=settings.transit_days,
                    clock=emoney.clock,
                )
            )
        day += timedelta(days=1)
    return found
