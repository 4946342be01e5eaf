"""The scheduler process: starts, runs what is due, survives a failing job, stops when told."""

import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from emoney.jobs import schedule
from emoney.jobs.cli.schedule import on_signals
from emoney.jobs.installation import Emoney
from emoney.ledger import AccountKind, Operation, holds
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.progress import Progress
from emoney.ledger.transfers import everyday as ops
from emoney.testing import open_without_limits


def test_jobs_run_on_time_and_a_failure_stops_nothing(
    home: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_emoney: Emoney, _progress: Progress) -> dict[str, Any]:
        raise InvalidInput("this job is broken")

    jobs = {
        "extract": schedule.JOBS["extract"],
        "broken": schedule.Job("broken", "Fails", "* * * * *", fail),
    }
    monkeypatch.setattr(schedule, "JOBS", jobs)
    monkeypatch.setattr(CronTrigger, "from_crontab", lambda *_args, **_more: IntervalTrigger(seconds=1))
    told: list[str] = []

    def stop_when_both_ran() -> None:
        for _ in range(600):
            if any(": rows" in line for line in told) and any("failed" in line for line in told):
                break
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    watcher = threading.Thread(target=stop_when_both_ran)
    try:
        with Emoney.open(url=owner_url, home=home) as emoney:
            watcher.start()
            schedule.start(emoney, told.append, on_signals)
    finally:
        watcher.join()
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert any("extract: rows 0" in line for line in told)
    assert any("broken: failed: InvalidInput: this job is broken" in line for line in told)


def test_the_job_gives_back_what_is_held_past_its_deadline(home: Path, owner_url: str) -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    clock = [now]
    with Emoney.open(url=owner_url, home=home, clock=lambda: clock[0]) as emoney:
        bank = emoney.ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank")
        ama, kofi = (
            open_without_limits(emoney.ledger, AccountKind.CUSTOMER, "GHS", name) for name in ("ama", "kofi")
        )
        load = ops.issue(funds=bank, wallet=ama, amount=6_000, currency="GHS", receipt="slip-1")
        assert emoney.ledger.post([load])[0].posted
        hold = holds.Hold(new_id(), ama, kofi, 5_000, "GHS", Operation.P2P, now + timedelta(hours=1))
        assert holds.place(emoney.ledger, hold).posted

        assert schedule.find("expire-holds").run(emoney, lambda *_: None) == {"expired": 0}
        clock[0] += timedelta(hours=1)
        assert schedule.find("expire-holds").run(emoney, lambda *_: None) == {"expired": 1}
        assert schedule.find("expire-holds").run(emoney, lambda *_: None) == {"expired": 0}
        with emoney.database.connection() as connection:
            assert accounts.get(connection, ama, clock[0]).available == 6_000


def test_the_job_prepares_the_ledger_for_the_months_to_come(home: Path, owner_url: str) -> None:
    then = datetime(2031, 5, 3, 12, tzinfo=UTC)
    with Emoney.open(url=owner_url, home=home, clock=lambda: then) as emoney:
        made = schedule.find("partitions").run(emoney, lambda *_: None)["made"]
        assert made > 0
        assert schedule.find("partitions").run(emoney, lambda *_: None) == {"made": 0}
        with emoney.database.connection() as connection:
            there = {
                name
                for (name,) in connection.execute(
                    "SELECT inhrelid::regclass::text FROM pg_inherits"
                    " WHERE inhparent IN ('ledger.transfer'::regclass, 'ledger.entry'::regclass)"
                )
            }
    assert {f"ledger.{table}_2031_{month:02}" for table in ("transfer", "entry") for month in (5, 6)} <= there
