"""The scheduled jobs, and the one process that runs them.

A job runs once at a time; what was missed while it ran or while the machine slept runs once, not many times.
A job that fails is reported and tried again at its next time; the others go on.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.cron import CronTrigger

from aml import history, monitoring
from jobs.emoney import Emoney
from ledger.errors import InvalidInput

MISFIRE_GRACE_S = 3600

Observe = Callable[[str, int, int | None], None]


class UnknownJob(InvalidInput):
    """A job name that is not on the list."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job: `cron` in UTC; `run` does it once and returns counts worth telling."""

    name: str
    title: str
    cron: str
    run: Callable[[Emoney, Observe], dict[str, Any]]


def _extract(emoney: Emoney, observe: Observe) -> dict[str, Any]:
    done = history.extract(emoney.database, emoney.history, clock=emoney.clock)
    observe("extracting", done.rows, done.rows)
    return {"rows": done.rows, "files": done.files}


def _monitor(emoney: Emoney, observe: Observe) -> dict[str, Any]:
    extracted = _extract(emoney, observe)
    found = monitoring.run(emoney.database, emoney.history, clock=emoney.clock)
    return {"rows extracted": extracted["rows"], **found.counts}


JOBS = {
    job.name: job
    for job in (
        Job("extract", "Extract new transfers to the AML history", "*/15 * * * *", _extract),
        Job("monitor", "Extract, then run all AML scenarios", "5 * * * *", _monitor),
    )
}


def find(name: str) -> Job:
    """The job of this name. Raises UnknownJob."""
    try:
        return JOBS[name]
    except KeyError:
        raise UnknownJob(f"there is no job {name!r}; there are {', '.join(JOBS)}") from None


def start(emoney: Emoney, tell: Callable[[str], None]) -> None:
    """Run all jobs on their schedules; returns after SIGTERM or SIGINT, when the running job is done.

    `tell` is given one line per run.
    """
    scheduler = BlockingScheduler(timezone=UTC)
    for job in JOBS.values():
        scheduler.add_job(
            lambda job=job: job.run(emoney, _unobserved),
            CronTrigger.from_crontab(job.cron, timezone=UTC),
            id=job.name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=MISFIRE_GRACE_S,
        )

    def report(event: JobExecutionEvent) -> None:
        at = f"{emoney.clock():%Y-%m-%d %H:%M:%S}Z {event.job_id}"
        if event.code == EVENT_JOB_EXECUTED:
            tell(f"{at}: " + ", ".join(f"{key} {value}" for key, value in event.retval.items()))
        elif event.code == EVENT_JOB_ERROR:
            tell(f"{at}: failed: {type(event.exception).__name__}: {event.exception}")
        else:
            tell(f"{at}: missed")

    scheduler.add_listener(report, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR | EVENT_JOB_MISSED)

    def stop(_signal: int, _frame: object) -> None:
        scheduler.shutdown(wait=False)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for job in JOBS.values():
        tell(f"{job.name}: {job.cron} (UTC)  {job.title}")
    scheduler.start()


def _unobserved(_phase: str, _done: int, _of: int | None) -> None:
    """Nobody watches a scheduled run."""
