"""The daily reconciliation of safeguarded funds as a job: when it runs, and in whose calendar days."""

from datetime import date, timedelta

from emoney.jobs.installation import Emoney
from emoney.jobs.settings.sections import SafeguardingSettings
from emoney.ledger import safeguarding
from emoney.ledger.reports import as_of
from emoney.ledger.safeguarding import Reconciliation

CATCH_UP_DAYS_MAX = 7
"""After a longer pause only so many days are reconciled; earlier ones by hand."""


def reconcile_due(emoney: Emoney, settings: SafeguardingSettings) -> list[Reconciliation]:
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
