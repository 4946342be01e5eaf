"""The daily reconciliation as a job: when it runs, which days it takes, what it tells."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from apscheduler.triggers.cron import CronTrigger

from emoney.jobs import schedule
from emoney.jobs.cli.schedule import list_
from emoney.jobs.installation import Emoney
from emoney.jobs.reconciliation import CATCH_UP_DAYS_MAX, reconcile_due
from emoney.jobs.settings import Settings
from emoney.jobs.settings.sections import SafeguardingSettings
from emoney.ledger import AccountKind
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.outbox import Consumer
from emoney.ledger.safeguarding.reconciliation import TRANSIT_DAYS_MAX
from emoney.ledger.transfers import everyday as ops
from emoney.testing import open_without_limits

SETTINGS = SafeguardingSettings(time_zone="Africa/Nairobi")
AT, TIME_ZONE, TRANSIT_DAYS = (f"EMONEY_SAFEGUARDING_{name}" for name in ("AT", "TIME_ZONE", "TRANSIT_DAYS"))


def now() -> datetime:
    """Just past midnight in Nairobi, still the day before in UTC."""
    return datetime(2026, 3, 10, 21, 30, tzinfo=UTC)


def days(emoney: Emoney) -> list[date]:
    """The days that were reconciled, as stored."""
    with emoney.database.connection() as connection:
        rows = connection.execute("SELECT day FROM ledger.reconciliation ORDER BY made_at, day")
        return [day for (day,) in rows]


@pytest.fixture
def clock() -> list[datetime]:
    return [now()]


@pytest.fixture
def emoney(home: Path, owner_url: str, clock: list[datetime], monkeypatch: pytest.MonkeyPatch) -> Emoney:
    monkeypatch.setenv(TIME_ZONE, "Africa/Nairobi")
    return Emoney.open(url=owner_url, home=home, clock=lambda: clock[0])


def test_yesterday_is_the_zones_and_days_that_were_missed_are_made_up(
    emoney: Emoney, clock: list[datetime]
) -> None:
    with emoney:
        assert [found.day for found in reconcile_due(emoney, SETTINGS)] == [date(2026, 3, 10)]
        clock[0] += timedelta(days=3)
        assert [found.day.day for found in reconcile_due(emoney, SETTINGS)] == [11, 12, 13]
        assert [found.day.day for found in reconcile_due(emoney, SETTINGS)] == [13]
        clock[0] += timedelta(days=30)
        made_up = [found.day for found in reconcile_due(emoney, SETTINGS)]
        assert (len(made_up), made_up[-1]) == (CATCH_UP_DAYS_MAX, date(2026, 4, 12))
        assert len(days(emoney)) == 5 + CATCH_UP_DAYS_MAX


def test_the_job_tells_what_it_found_and_each_finding_is_an_event(
    emoney: Emoney, clock: list[datetime]
) -> None:
    clock[0] -= timedelta(days=2)
    with emoney:
        bank = emoney.ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank")
        ama = open_without_limits(emoney.ledger, AccountKind.CUSTOMER, "GHS", "ama")
        load = ops.issue(funds=bank, wallet=ama, amount=6_000, currency="GHS", receipt="slip-1")
        assert emoney.ledger.post([load])[0].posted
        clock[0] += timedelta(days=2)
        told = schedule.find("reconcile").run(emoney, lambda *_: None)
        assert told == {"days": 1, "shortfalls": 1, "breaks": 1}
        events = [event.type for event in Consumer(emoney.database, "test").read()]
    assert events == ["transfer.posted", "safeguarding.shortfall_at_banks", "safeguarding.no_statement"]


def test_its_time_is_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (AT, TIME_ZONE, TRANSIT_DAYS):
        monkeypatch.delenv(name, raising=False)
    found = Settings()
    assert found.safeguarding == SafeguardingSettings(
        at="09:00", time_zone="UTC", transit_days=TRANSIT_DAYS_MAX
    )
    assert TRANSIT_DAYS_MAX == 3
    assert schedule.find("reconcile").when(found) == ("0 9 * * *", "UTC")
    monkeypatch.setenv(AT, "06:45")
    monkeypatch.setenv(TIME_ZONE, "Africa/Nairobi")
    monkeypatch.setenv(TRANSIT_DAYS, "5")
    found = Settings()
    assert found.safeguarding == SafeguardingSettings(at="06:45", time_zone="Africa/Nairobi", transit_days=5)
    cron, zone = schedule.find("reconcile").when(found)
    trigger = CronTrigger.from_crontab(cron, timezone=zone)
    due = trigger.get_next_fire_time(None, datetime(2026, 3, 10, 12, tzinfo=UTC))
    assert due == datetime(2026, 3, 11, 3, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (AT, "24:00"),
        (AT, "9"),
        (TIME_ZONE, "Mars/Olympus"),
        (TRANSIT_DAYS, "-1"),
        (TRANSIT_DAYS, "soon"),
    ],
)
def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        Settings()


def test_the_list_shows_in_which_zone_a_job_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(TIME_ZONE, "Africa/Accra")
    list_(as_json=True)
    zones = {job["name"]: job["time_zone"] for job in json.loads(capsys.readouterr().out)}
    assert (zones["reconcile"], zones["seal"]) == ("Africa/Accra", "UTC")
