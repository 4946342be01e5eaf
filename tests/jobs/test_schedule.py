"""The scheduler process: starts, runs what is due, survives a failing job, stops when told."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from apscheduler.triggers.interval import IntervalTrigger

from jobs import schedule
from jobs.emoney import Emoney
from ledger.errors import InvalidInput


def test_jobs_run_on_time_and_a_failure_stops_nothing(
    home: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_emoney: Emoney, _observe: schedule.Observe) -> dict[str, Any]:
        raise InvalidInput("this job is broken")

    jobs = {
        "extract": schedule.JOBS["extract"],
        "broken": schedule.Job("broken", "Fails", "* * * * *", fail),
    }
    monkeypatch.setattr(schedule, "JOBS", jobs)
    monkeypatch.setattr(
        schedule.CronTrigger, "from_crontab", lambda *_args, **_more: IntervalTrigger(seconds=1)
    )
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
            schedule.start(emoney, told.append)
    finally:
        watcher.join()
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert any("extract: rows 0" in line for line in told)
    assert any("broken: failed: InvalidInput: this job is broken" in line for line in told)
