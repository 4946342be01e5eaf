"""The scheduled jobs, and the one process that runs them.

A job runs once at a time; what was missed while it ran or while the machine slept runs once, not many times.
A job that fails is reported and tried again at its next time; the others go on. Settings and policy packs are
read anew by each job that needs them.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from emoney.jobs import cosigning, webhooks
from emoney.jobs import reconciliation as reconciling
from emoney.jobs.installation import Emoney
from emoney.jobs.settings.sections import OFF
from emoney.jobs.settings.settings import Settings
from emoney.kyc.evidence import refresh
from emoney.kyc.evidence.risk_rating import risk_policy
from emoney.kyc.life import dormancy
from emoney.kyc.life.dormancy_rules import dormancy_rules
from emoney.kyc.parties import guardians
from emoney.kyc.parties.settings import parties
from emoney.kyc.persons import duplicates
from emoney.kyc.wallets import downgrade, end_of_day
from emoney.kyc.wallets import reassignment as rebinding
from emoney.kyc.wallets import retiering as following
from emoney.kyc.wallets.restrictions import downgrades
from emoney.ledger import holds, proofs, totals
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.extras import demanded, installed
from emoney.ledger.base.paging import steps
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.progress import Progress, silent
from emoney.ledger.posting import partitions
from emoney.ledger.safeguarding.reconciliation import SHORTFALLS

DELIVERY_S_MAX = 50.0
"""A delivery run ends before the next minute's begins."""

DUPLICATES_BACK = timedelta(hours=25)
"""How far back enrolments are looked at again: two at the same moment do not see each other."""


_log = logging.getLogger(__name__)


class UnknownJob(InvalidInput):
    """A job name that is not on the list."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job: `cron` in UTC; `work` does it once and returns counts worth telling.

    `needed`: whether the settings give it anything to do. `set_at`: its cron and time zone by a setting of
    their own, which go before `cron`. `alarms`: counts of what is wrong with the operator's affairs, when
    they are above zero.
    """

    name: str
    title: str
    cron: str
    work: Callable[[Emoney, Progress], dict[str, Any]]
    needed: Callable[[Settings], bool] = lambda _settings: True
    set_at: Callable[[Settings], tuple[str, str]] | None = None
    alarms: tuple[str, ...] = ()

    def wanted(self, settings: Settings) -> bool:
        """Whether it is to run under these settings."""
        return self.needed(settings) and self._own_cron(settings) != OFF

    def when(self, settings: Settings) -> tuple[str, str]:
        """Its cron, or "off", and the time zone that is meant in."""
        if own := self._own_cron(settings):
            return own, "UTC"
        return self.set_at(settings) if self.set_at else (self.cron, "UTC")

    def _own_cron(self, settings: Settings) -> str | None:
        return next((cron for name, cron in settings.schedule.cron.items() if name == self.name), None)

    def run(self, emoney: Emoney, progress: Progress) -> dict[str, Any]:
        """Do it once; returns its counts."""
        _log.info("job %s begins", self.name)
        try:
            counts = self.work(emoney, progress)
        except Exception as error:
            _log.warning("job %s failed: %s", self.name, type(error).__name__)
            raise
        _log.info("job %s done: %s", self.name, ", ".join(f"{key} {value}" for key, value in counts.items()))
        return counts


def _extract(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    with demanded():
        from emoney.aml.history import transfers as history

    done = history.extract(emoney.database, emoney.history, clock=emoney.clock)
    progress("extracting", done.rows, done.rows)
    return {"rows": done.rows, "files": done.files}


def _monitor(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    extracted = _extract(emoney, progress)
    from emoney.aml import monitoring

    found = monitoring.run(emoney.database, emoney.history, clock=emoney.clock)
    return {"extracted": extracted["rows"], **found.counts}


def _deliver(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    end = time.monotonic() + DELIVERY_S_MAX
    sent = webhooks.deliver(
        emoney.database,
        emoney.settings.webhook.target(),
        policy=emoney.settings.webhook.policy,
        clock=emoney.clock,
        stop=lambda: time.monotonic() > end,
    )
    progress("delivering", sent.delivered, sent.delivered)
    return {"delivered": sent.delivered, "dead letters": sent.dead, "waiting": int(sent.retry_at is not None)}


def _expire_holds(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    expired = 0
    while batch := holds.expire_due(emoney.ledger):
        expired += batch
        progress("expiring", expired, None)
    return {"expired": expired}


def _seal(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    with emoney.database.connection() as connection:
        key = proofs.signing_key(connection, emoney.home)
    sealed = proofs.seal(emoney.database, key, clock=emoney.clock, progress=progress)
    behind = sealed.behind
    if behind is not None:
        _log.warning("%s", behind.told)
    waiting = behind.rows if behind else 0
    return {"leaves added": sealed.added, "log size": sealed.size, "rows held up": waiting}


def _cosign(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    done = cosigning.cosign(emoney.database, emoney.settings.proof.addresses, clock=emoney.clock)
    progress("cosigning", len(done), len(done))
    failed = sum(each.failure is not None for each in done)
    return {"cosigned": len(done) - failed, "witnesses failed": failed}


def _day_totals(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    made = totals.make(emoney.database, progress=progress)
    return {"transfers": made.transfers if made else 0, "day total": made.number if made else 0}


def _reconcile(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    found = reconciling.reconcile_due(emoney, emoney.settings.safeguarding)
    progress("reconciling", len(found), len(found))
    kinds = [event.kind for each in found for event in each.events]
    shortfalls = sum(kind in SHORTFALLS for kind in kinds)
    return {"days": len(found), "shortfalls": shortfalls, "breaks": len(kinds) - shortfalls}


def _reconcile_at(settings: Settings) -> tuple[str, str]:
    return settings.safeguarding.cron, settings.safeguarding.time_zone


def _partitions(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    with emoney.database.connection() as connection:
        made = partitions.make(connection, emoney.clock(), 1 + partitions.MONTHS_AHEAD)
    progress("making partitions", made, made)
    return {"made": made}


def _expire_evidence(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    policies, packs, at = downgrades(emoney.home), emoney.packs.reread(), emoney.clock()
    persons, moved = following.expire_evidence(
        emoney.database,
        at,
        packs=packs,
        policies=policies,
        progress=progress,
        clock=emoney.clock,
    )
    moved += following.end_overrides(emoney.database, at, packs=packs, policies=policies, clock=emoney.clock)
    return {"persons": persons, "wallets moved": len(moved)}


def _advance_downgrades(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    done = downgrade.advance(
        emoney.database,
        emoney.clock(),
        packs=emoney.packs.reread(),
        policies=downgrades(emoney.home),
        progress=progress,
        clock=emoney.clock,
    )
    return {"restricted": done.seen, "debits stopped": done.debits_stopped, "lifted": done.lifted}


def _rebind(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    done = rebinding.rebind(
        emoney.database,
        emoney.clock(),
        packs=emoney.packs.reread(),
        policies=downgrades(emoney.home),
        progress=progress,
        clock=emoney.clock,
    )
    left = sum(done.left.values())
    return {"wallets": done.seen, "bound anew": sum(done.rebound.values()), "left as they were": left}


def _end_of_day(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    done = end_of_day.run(
        emoney.database,
        emoney.clock(),
        packs=emoney.packs.reread(),
        steps=end_of_day.end_of_day(emoney.home),
        policies=downgrades(emoney.home),
        progress=progress,
        clock=emoney.clock,
    )
    return {
        "days": done.days,
        "wallets": done.wallets,
        "above": done.above,
        "credits stopped": done.stopped,
        "broken packs": done.broken,
    }


def _dormancy(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    made = dormancy.run(
        emoney.ledger,
        dormancy_rules(emoney.home),
        emoney.clock(),
        progress=progress,
        clock=emoney.clock,
    )
    return {"steps": sum(made.values()), **made}


def _remind(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    policy, sent = risk_policy(emoney.home).refresh, 0
    while True:
        with emoney.database.connection() as connection:
            some = refresh.remind(connection, policy, emoney.clock())
        sent += some
        progress("reminding", sent, None)
        if not some:
            return {"reminders": sent}


def _come_of_age(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    settled, at, grown = parties(emoney.home), emoney.clock(), 0

    def step(connection: Connection, after: UUID) -> tuple[list[UUID], UUID | None]:
        return guardians.come_of_age(connection, emoney.vault, parties=settled, at=at, after=after)

    for found in steps(emoney.database, step):
        grown += len(found)
        progress("coming of age", grown, None)
    return {"of age": grown}


def _find_duplicates(emoney: Emoney, progress: Progress) -> dict[str, Any]:
    at = emoney.clock()
    seen = duplicates.sweep(emoney.database, emoney.vault, since=at - DUPLICATES_BACK, at=at)
    progress("pairs", seen, seen)
    return {"pairs seen": seen}


def _monitoring(_settings: Settings) -> bool:
    """What is not installed is not wanted."""
    return installed("monitoring")


JOBS = {
    job.name: job
    for job in (
        Job("expire-holds", "Give back what is held past its deadline", "* * * * *", _expire_holds),
        Job(
            "seal",
            "Add what was written to the proof log, and sign it",
            "* * * * *",
            _seal,
            alarms=("rows held up",),
        ),
        Job(
            "cosign",
            "Have witnesses cosign the newest checkpoint",
            "*/5 * * * *",
            _cosign,
            needed=lambda settings: bool(settings.proof.witnesses),
            alarms=("witnesses failed",),
        ),
        Job("day-totals", "Total the day that is over, for what is checked later", "10 0 * * *", _day_totals),
        Job("partitions", "Prepare the ledger for the months to come", "30 2 * * *", _partitions),
        Job("evidence-expiry", "Expire evidence and overrides; tiers follow", "10 * * * *", _expire_evidence),
        Job("downgrades", "Move restricted wallets on their dates", "20 * * * *", _advance_downgrades),
        Job(
            "end-of-day",
            "Find who ended the day above a cap, pack by pack",
            "5 * * * *",
            _end_of_day,
            alarms=("broken packs",),
        ),
        Job("rebind", "Bind wallets anew whose pack or rates changed", "45 1 * * *", _rebind),
        Job("find-duplicates", "Look again at who was enrolled lately", "40 * * * *", _find_duplicates),
        Job("dormancy", "Make the steps due for wallets long unused", "30 2 * * *", _dormancy),
        Job("review-reminders", "Remind of reviews that come due", "0 3 * * *", _remind),
        Job("coming-of-age", "End the guardianship of who came of age", "15 3 * * *", _come_of_age),
        Job("extract", "Extract new transfers to the AML history", "*/15 * * * *", _extract, _monitoring),
        Job("monitor", "Extract, then run all AML scenarios", "5 * * * *", _monitor, _monitoring),
        Job(
            "reconcile",
            "Compare outstanding e-money, the books and the banks",
            "0 9 * * *",
            _reconcile,
            set_at=_reconcile_at,
            alarms=("shortfalls", "breaks"),
        ),
        Job(
            "deliver",
            "Send new events to the webhook",
            "* * * * *",
            _deliver,
            needed=lambda settings: settings.webhook.url is not None,
        ),
    )
}


def find(name: str) -> Job:
    """The job of this name. Raises UnknownJob."""
    try:
        return JOBS[name]
    except KeyError:
        raise UnknownJob(f"there is no job {name!r}; there are {', '.join(JOBS)}") from None


def start(
    emoney: Emoney, tell: Callable[[str], None], stoppable: Callable[[Callable[[], None]], object]
) -> None:
    """Run all jobs on their schedules; returns after it is stopped, when the running job is done.

    `tell` is given one line per run. `stoppable` is given what stops it, which may be called from a signal's
    handler or another thread.
    """
    from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MISSED, JobExecutionEvent
    from apscheduler.schedulers.blocking import BlockingScheduler
    from apscheduler.triggers.cron import CronTrigger

    scheduler = BlockingScheduler(timezone=UTC)
    wanted = [job for job in JOBS.values() if job.wanted(emoney.settings)]
    for job in wanted:
        cron, zone = job.when(emoney.settings)
        scheduler.add_job(
            lambda job=job: job.run(emoney, silent),
            CronTrigger.from_crontab(cron, timezone=ZoneInfo(zone)),
            id=job.name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=emoney.settings.schedule.misfire_grace_s,
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

    stoppable(lambda: scheduler.shutdown(wait=False))
    for job in wanted:
        cron, zone = job.when(emoney.settings)
        tell(f"{job.name}: {cron} ({zone})  {job.title}")
    if not installed("monitoring"):
        tell("extract and monitor are left out: pip install 'emoney[monitoring]'")
    scheduler.start()
