"""Runs the demo: an installation of its own, its persons, their days, the monitoring and the reports.

| phase    | what happens                                                                 |
|----------|------------------------------------------------------------------------------|
| prepare  | the embedded PostgreSQL of the demo's own home, with its schema              |
| enrol    | all persons through KYC, before the first day; agents and businesses         |
| simulate | what everyone does on a day                                                  |
| post     | that day's transfers, under the limits of the policy pack                    |
| extract  | the AML history                                                              |
| monitor  | every scenario over it                                                       |
| report   | the monitoring report and the privacy assessment                             |
| check    | the trial balance, from the entries up                                       |
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

from emoney.aml import monitoring
from emoney.aml.alerts.alert import list_alerts
from emoney.aml.history import transfers as history
from emoney.aml.report import write_report as write_monitoring_report
from emoney.jobs import migrate
from emoney.jobs.demo.home import REPORTS, fresh_home
from emoney.jobs.demo.population import (
    CURRENCY,
    LOOK_ALIKES,
    PERSONS_MAX,
    PERSONS_MIN,
    SCENARIO_OF,
    Population,
    populate,
)
from emoney.jobs.demo.result import DemoResult, Planted
from emoney.jobs.demo.simulation import Simulation
from emoney.jobs.demo.world import SAFEGUARDING
from emoney.jobs.installation import Emoney
from emoney.jobs.tables import metadata
from emoney.kyc.wallets.wallet import wallets_per_tier
from emoney.ledger import clock_policy
from emoney.ledger.accounts import account as accounts
from emoney.ledger.accounts.account import NewAccount
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.extras import require
from emoney.ledger.base.ids import derived_id
from emoney.ledger.base.postgres import embedded
from emoney.ledger.base.progress import Progress, silent
from emoney.ledger.reports.trial_balance import trial_balance
from emoney.ledger.transfers.chart import AccountKind
from emoney.ledger.transfers.money import to_decimal
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Transfer
from emoney.privacy.assessment.report import write_report as write_privacy_report

PACK = "gh-bog-2024"
START = datetime(2026, 9, 1, tzinfo=UTC)
"""The first simulated day; Ghana keeps UTC. Fixed, so that a seed says everything."""

DAYS_MIN, DAYS_MAX = 7, 366
BATCH_TRANSFERS = 5_000
ENROLLED_AT_ONCE = 250

"""Told the phase (prepare, enrol, post, extract, monitor, report, check), how much of it is done, and of how
much.
"""


class _SimulatedClock:
    """A clock that stands where the simulation is."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class _Stopwatch:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] += time.monotonic() - began


def run_demo(
    out: Path,
    *,
    seed: int = 7,
    persons: int = 1500,
    days: int = 30,
    progress: Progress = silent,
) -> DemoResult:
    """Run the demo under `out`: its installation in `out/home`, its reports beside it.

    A former demo's home there is removed first. The same seed, persons and days give the same transfers and
    alerts. The operator's own database (EMONEY_DATABASE_URL) is never touched. Raises InvalidInput for
    numbers out of range, OccupiedDirectory when `out/home` is not a demo's, MissingExtra without the extra.
    """
    if not PERSONS_MIN <= persons <= PERSONS_MAX:
        raise InvalidInput(f"persons is {persons}; give {PERSONS_MIN} to {PERSONS_MAX}")
    if not DAYS_MIN <= days <= DAYS_MAX:
        raise InvalidInput(f"days is {days}; give {DAYS_MIN} to {DAYS_MAX}")
    require("demo")
    out = out.expanduser().absolute()
    home = fresh_home(out / "home")
    watch = _Stopwatch()
    clock = _SimulatedClock(START - timedelta(days=7))
    try:
        with watch.phase("prepare"):
            progress("prepare", 0, 1)
            url = embedded.start(home)
            migrate.upgrade(url)
            house = Emoney.open(url, home, clock)  # by its URL, whatever EMONEY_DATABASE_URL says
            clock_policy.set_policy(
                url, clock_policy.UNBOUNDED, actor="demo", reason="its days are simulated", clock=clock
            )
            house.receipts.set_policy("prefunded", actor="treasury-1", reason="the bank tells sums")
            progress("prepare", 1, 1)
        with house:
            return _Demo(house, clock, out, seed, persons, days, progress, watch).run()
    finally:
        embedded.stop(home)


class _Demo:
    """The phases after `prepare`, in an open installation."""

    def __init__(
        self,
        house: Emoney,
        clock: _SimulatedClock,
        out: Path,
        seed: int,
        persons: int,
        days: int,
        tell: Progress,
        watch: _Stopwatch,
    ) -> None:
        self._house, self._clock, self._out, self._tell, self._watch = house, clock, out, tell, watch
        self._seed, self._days = seed, days
        self._random = Random(seed)
        self._population = populate(self._random, persons, START.date())
        self._posted = 0
        self._refused: Counter[str] = Counter()

    def run(self) -> DemoResult:
        """All phases."""
        with self._watch.phase("enrol"):
            opened = self._enrol() | self._open_businesses()
        self._live(opened)
        monitored, privacy = self._watch_over()
        return self._result(monitored, privacy)

    def _enrol(self) -> dict[str, UUID]:
        """Every person, through KYC; returns the wallets."""
        people = self._population.persons
        wallets: dict[str, UUID] = {}
        for begin in range(0, len(people), ENROLLED_AT_ONCE):
            self._tell("enrol", begin, len(people))
            some = people[begin : begin + ENROLLED_AT_ONCE]
            enrolled = self._house.kyc.enrol_many([person.details for person in some], pack_id=PACK)
            wallets.update((each.wallet, each.account_id) for each in enrolled)
            self._clock.now += timedelta(minutes=5)
        self._tell("enrol", len(people), len(people))
        return wallets

    def _open_businesses(self) -> dict[str, UUID]:
        """Agents, merchants and the account at the safeguarding bank."""
        kinds = {SAFEGUARDING: AccountKind.SAFEGUARDING}
        kinds |= dict.fromkeys(self._population.agents, AccountKind.AGENT)
        kinds |= dict.fromkeys(self._population.merchants, AccountKind.MERCHANT)
        at = self._clock()
        ids = {ref: derived_id(at, "emoney demo", str(self._seed), ref) for ref in kinds}
        with self._house.database.connection() as connection:
            accounts.open_accounts(
                connection,
                [NewAccount(ids[ref], kind, CURRENCY, at, external_ref=ref) for ref, kind in kinds.items()],
            )
        return ids

    def _live(self, opened: dict[str, UUID]) -> None:
        """The days, one after the other: each is simulated, posted, and learned from."""
        simulation = Simulation(
            self._random, self._population, opened, seed=self._seed, start=START, days=self._days
        )
        for number in range(self._days):
            self._tell("post", number, self._days)
            with self._watch.phase("simulate"):
                transfers = simulation.day(number)
            self._clock.now = START + timedelta(days=number + 1)
            for begin in range(0, len(transfers), BATCH_TRANSFERS):
                batch = transfers[begin : begin + BATCH_TRANSFERS]
                with self._watch.phase("post"):
                    self._receive(begin, number, batch)
                    outcomes = self._house.ledger.post(batch)
                simulation.learn(batch, outcomes)
                refused = [each.refusal.rule for each in outcomes if each.refusal]
                self._refused.update(refused)
                self._posted += len(outcomes) - len(refused)
        self._tell("post", self._days, self._days)

    def _receive(self, begin: int, number: int, batch: Sequence[Transfer]) -> None:
        """The bank tells what has arrived, before e-money is issued against it."""
        arrived = [each for each in batch if each.operation is Operation.LOAD]
        if arrived:
            self._house.receipts.record(
                arrived[0].debit_account,
                f"day-{number:03d}-{begin:07d}",
                sum(each.amount for each in arrived),
                CURRENCY,
                actor="treasury-1",
                reason="credited by the bank",
            )

    def _watch_over(self) -> tuple[Path, Path]:
        """The monitoring, and both reports."""
        database, directory, clock = self._house.database, self._house.history, self._clock
        with self._watch.phase("extract"):
            self._tell("extract", 0, self._posted)
            history.extract(
                database,
                directory,
                clock=clock,
                progress=lambda _phase, rows, _of: self._tell("extract", rows, self._posted),
            )
        with self._watch.phase("monitor"):
            result = monitoring.run(
                database,
                directory,
                clock=clock,
                progress=lambda _phase, done, of: self._tell("monitor", done, of),
            )
        with self._watch.phase("report"):
            self._tell("report", 0, 2)
            monitored = write_monitoring_report(
                database, directory, self._out / REPORTS[0], result=result, clock=clock
            )
            self._tell("report", 1, 2)
            with database.connection() as connection:
                privacy = write_privacy_report(connection, metadata(), self._out / REPORTS[1], clock=clock)
            self._tell("report", 2, 2)
        return monitored, privacy

    def _result(self, monitored: Path, privacy: Path) -> DemoResult:
        with self._watch.phase("check"):
            self._tell("check", 0, 1)
            with self._house.database.connection() as connection:
                balance = trial_balance(connection)
            with self._house.database.connection() as connection:
                tiers = wallets_per_tier(connection)
                alerts = list_alerts(connection)
            self._tell("check", 1, 1)
        subjects: defaultdict[str, set[str]] = defaultdict(set)
        for alert in alerts:
            subjects[alert.scenario].add(alert.subject)
        honest, look_alikes = _honest(self._population)
        alerted = set().union(*subjects.values())
        (total,) = balance.totals
        return DemoResult(
            seed=self._seed,
            days=self._days,
            currency=CURRENCY,
            pack=PACK,
            persons_by_tier={
                tier.id: tiers.get((PACK, tier.id), 0) for tier in self._house.packs.pack(PACK).tiers
            },
            agents=len(self._population.agents),
            merchants=len(self._population.merchants),
            posted=self._posted,
            refused_by_rule=dict(self._refused.most_common()),
            alerts_by_scenario=dict(Counter(alert.scenario for alert in alerts).most_common()),
            planted=_found(self._population, subjects),
            look_alikes=len(look_alikes),
            look_alikes_alerted=len(look_alikes & alerted),
            others_alerted=len(honest & alerted),
            balanced=balance.balanced,
            safeguarded=balance.safeguarded,
            outstanding=to_decimal(total.outstanding, CURRENCY),
            backing=to_decimal(total.backing, CURRENCY),
            seconds=dict(self._watch.seconds),
            home=self._house.home,
            monitoring_report=monitored,
            privacy_report=privacy,
        )


def _honest(population: Population) -> tuple[set[str], set[str]]:
    """References of plain honest persons, and of look-alikes."""
    look_alikes = {person.ref for person in population.of(*LOOK_ALIKES)}
    launderers = {person.ref for person in population.of(*SCENARIO_OF)}
    return {person.ref for person in population.persons} - look_alikes - launderers, look_alikes


def _found(population: Population, subjects: dict[str, set[str]]) -> dict[str, Planted]:
    """By scenario, how many launderers of its kind there are and how many of them it alerts on."""
    found = {}
    for role, scenario in SCENARIO_OF.items():
        refs = {person.ref for person in population.of(role)}
        found[scenario] = Planted(len(refs), len(refs & subjects.get(scenario, set())))
    return found
