"""The scheduled jobs, and the one process that runs them.

A job runs once at a time; what was missed while it ran or while the machine slept runs once, not many times.
A job that fails is reported and tried again at its next time; the others go on.
"""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.cron import CronTrigger

from aml import history, monitoring
from jobs import webhooks
from jobs.emoney import Emoney
from ledger import holds, proofs
from ledger.errors import InvalidInput

MISFIRE_GRACE_S = 3600
DELIVERY_S_MAX = 50.0
"""A delivery run ends before the next minute's begins."""

Observe = Callable[[str, int, int | None], None]


class UnknownJob(InvalidInput):
    """A job name that is not on the list."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job: `cron` in UTC; `run` does it once and returns counts worth telling.

    `wanted` is asked when the schedule starts: a job that nothing is configured for is left out.
    """

    name: str
    title: str
    cron: str
    run: Callable[[Emoney, Observe], dict[str, Any]]
    wanted: Callable[[], bool] = lambda: True


def _extract(emoney: Emoney, observe: Observe) -> dict[str, Any]:
    done = history.extract(emoney.database, emoney.history, clock=emoney.clock)
    observe("extracting", done.rows, done.rows)
    return {"rows": done.rows, "files": done.files}


def _monitor(emoney: Emoney, observe: Observe) -> dict[str, Any]:
    extracted = _extract(emoney, observe)
    found = monitoring.run(emoney.database, emoney.history, clock=emoney.clock)
    return {"extracted": extracted["rows"], **found.counts}


def _deliver(emoney: Emoney, observe: Observe) -> dict[str, Any]:
    end = time.monotonic() + DELIVERY_S_MAX
    sent = webhooks.deliver(
        emoney.database,
        webhooks.Webhook.from_environment(),
        clock=emoney.clock,
        stop=lambda: time.monotonic() > end,
    )
    observe("delivering", sent.delivered, sent.delivered)
    return {"delivered": sent.delivered, "dead letters": sent.dead, "waiting": int(sent.retry_at is not None)}


def _expire_holds(emoney: Emoney, observe: Observe) -> dict[str, Any]:
    expired = 0
    while batch := holds.expire_due(emoney.ledger):
        expired += batch
        observe("expiring", expired, None)
    return {"expired": expired}


def _seal(emoney: Emoney, observe: Observe) -> dict[str, Any]:
    with emoney.database.connection() as connection:
        key = proofs.signing_key(connection, emoney.home)
    sealed = proofs.seal(emoney.database, key, clock=emoney.clock, progress=partial(observe, "sealing"))
    return {"leaves added": sealed.added, "log size": sealed.size}


JOBS = {
    job.name: job
    for job in (
        Job("expire-holds", "Give back what is held past its deadline", "* * * * *", _expire_holds),
        Job("seal", "Add what was written to the proof log, and sign it", "* * * * *", _seal),
        Job("extract", "Extract new transfers to the AML history", "*/15 * * * *", _extract),
        Job("monitor", "Extract, then run all AML scenarios", "5 * * * *", _monitor),
        Job("deliver", "Send new events to the webhook", "* * * * *", _deliver, webhooks.configured),
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
    wanted = [job for job in JOBS.values() if job.wanted()]
    for job in wanted:
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
    for job in wanted:
        tell(f"{job.name}: {job.cron} (UTC)  {job.title}")
    scheduler.start()


def _unobserved(_phase: str, _done: int, _of: int | None) -> None:
    """Nobody watches a scheduled run."""
