"""The demo, end to end and small: what it finds, what it does not tell, and what it leaves alone."""

import io
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import psutil
import pyarrow.parquet as pq
import pytest
from passable import passable
from rich.console import Console

from emoney.jobs.demo import DemoResult, OccupiedDirectory, render, run_demo
from emoney.jobs.demo.home import MARKER, fresh_home
from emoney.jobs.demo.laundering import reporting_threshold
from emoney.jobs.demo.population import LOOK_ALIKES, SCENARIO_OF, Population, Role, personal_values, populate
from emoney.jobs.demo.run import START
from emoney.jobs.demo.simulation import Simulation
from emoney.jobs.demo.world import SAFEGUARDING
from emoney.ledger import Database
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres import embedded
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Outcome, Transfer

SEED, PERSONS, DAYS = 7, 80, 10
PHASES = ["prepare", "enrol", "post", "extract", "monitor", "report", "check"]

Row = tuple[object, ...]


@dataclass
class Ran:
    result: DemoResult
    told: list[tuple[str, int, int]]
    history: list[Row]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return passable(tmp_path_factory.mktemp("demo")) / "out"


@pytest.fixture(scope="module")
def ran(out: Path) -> Ran:
    told: list[tuple[str, int, int]] = []
    result = run_demo(
        out,
        seed=SEED,
        persons=PERSONS,
        days=DAYS,
        progress=lambda phase, done, total: told.append((phase, done, total)),
    )
    return Ran(result, told, history_rows(out))


@pytest.fixture(scope="module")
def people() -> Population:
    return populate(Random(SEED), PERSONS, START.date())


def history_rows(out: Path) -> list[Row]:
    """The extracted transfers without the wallets' account ids, which are made at enrolment."""
    columns = ["transfer_id", "reference", "at", "operation", "amount", "debit_ref", "credit_ref"]
    rows: list[Row] = []
    for part in sorted((out / "home" / "history").glob("day=*/*.parquet")):
        rows += [tuple(row.values()) for row in pq.read_table(part, columns=columns).to_pylist()]
    return sorted(rows, key=str)


def test_it_ends_in_balanced_and_safeguarded_books(ran: Ran) -> None:
    assert ran.result.balanced
    assert ran.result.safeguarded
    assert ran.result.outstanding == ran.result.backing


def test_every_person_reaches_the_tier_of_their_evidence(ran: Ran, people: Population) -> None:
    assert ran.result.persons_by_tier == Counter(person.tier for person in people.persons)
    assert list(ran.result.persons_by_tier) == ["minimum", "medium", "enhanced"]
    assert ran.result.persons == PERSONS


def test_transfers_are_posted_and_some_refused_by_several_rules(ran: Ran) -> None:
    assert ran.result.posted == len(ran.history) > 500
    assert 0 < ran.result.refused < ran.result.posted / 10
    assert {"funds", "gh-bog-2024/minimum/balance"} < set(ran.result.refused_by_rule)


def test_the_planted_launderers_are_found(ran: Ran) -> None:
    assert set(ran.result.planted) == set(SCENARIO_OF.values())
    for planted in ran.result.planted.values():
        assert planted.planted >= 3
        assert planted.found == planted.planted
    assert ran.result.others_alerted <= 2
    assert ran.result.look_alikes_alerted < ran.result.look_alikes / 2


def test_launderers_stay_under_the_limits(ran: Ran, people: Population, out: Path) -> None:
    launderers = [person.ref for person in people.of(*SCENARIO_OF)]
    database = Database(embedded.start(out / "home"))
    with database.connection() as connection:
        refused = connection.execute(
            """
            SELECT count(*) FROM ledger.refusal AS r
            JOIN ledger.account AS a ON a.id IN (r.debit_account, r.credit_account)
            WHERE a.external_ref = ANY(%s)
            """,
            (launderers,),
        ).fetchone()
    database.close()
    assert embedded.stop(out / "home")
    assert refused == (0,)


def test_both_reports_are_written(ran: Ran, out: Path) -> None:
    assert ran.result.monitoring_report == out / "monitoring.html"
    assert ran.result.privacy_report == out / "privacy-assessment.html"
    for report in (ran.result.monitoring_report, ran.result.privacy_report):
        assert report.read_text(encoding="utf-8").startswith("<!")
    assert not list(out.glob("*.part"))


def test_no_personal_value_is_readable_in_reports_or_history(ran: Ran, people: Population, out: Path) -> None:
    secrets = personal_values(people.persons)
    assert len(secrets) > 2 * PERSONS
    texts = [path.read_text(encoding="utf-8") for path in out.glob("*.html")]
    texts += [repr(pq.read_table(part).to_pydict()) for part in (out / "home").rglob("*.parquet")]
    assert len(texts) > 2
    for text in texts:
        assert not [secret for secret in secrets if secret in text]


def test_no_phone_or_id_number_is_readable_in_any_file(ran: Ran, out: Path) -> None:
    written = re.compile(rb"\+233[0-9]{9}|GHA-[0-9]{9}-[0-9]")
    files = [path for path in out.rglob("*") if path.is_file()]
    assert any(path.name.startswith("0000000100") for path in files), "the write-ahead log is among them"
    assert [str(path) for path in files if written.search(path.read_bytes())] == []


def test_progress_is_told_phase_by_phase(ran: Ran) -> None:
    assert list(dict.fromkeys(phase for phase, _, _ in ran.told)) == PHASES
    for phase in PHASES:
        steps = [(done, total) for told, done, total in ran.told if told == phase]
        assert all(done <= total for done, total in steps)
        assert steps[-1][0] == steps[-1][1]
    assert set(ran.result.seconds) == {*PHASES, "simulate"}


def test_the_table_tells_it_all_in_eighty_columns(ran: Ran) -> None:
    console = Console(width=80, file=io.StringIO())
    with console.capture() as printed:
        console.print(render(ran.result))
    text = printed.get().replace("\n", "")
    for part in (
        f"{ran.result.posted:,}",
        "minimum/balance",
        "structuring",
        "fan-in",
        "pass-through",
        "ledger balanced",
        "3 of 3",
        str(ran.result.monitoring_report),
        str(ran.result.privacy_report),
    ):
        assert part in text


def test_the_same_seed_gives_the_same_ledger_and_a_former_demo_makes_way(
    ran: Ran, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMONEY_DATABASE_URL", "postgresql://nobody@localhost:1/not-the-demos")
    again = run_demo(out, seed=SEED, persons=PERSONS, days=DAYS)
    assert history_rows(out) == ran.history
    for name in (
        "posted",
        "refused_by_rule",
        "alerts_by_scenario",
        "planted",
        "persons_by_tier",
        "outstanding",
    ):
        assert getattr(again, name) == getattr(ran.result, name)


def test_a_directory_that_is_not_the_demos_is_left_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "keyring.json").write_text("precious")
    with pytest.raises(OccupiedDirectory, match=MARKER):
        run_demo(tmp_path, persons=PERSONS, days=DAYS)
    assert [path.name for path in home.iterdir()] == ["keyring.json"]


def test_reports_that_are_not_the_demos_are_kept(tmp_path: Path) -> None:
    (tmp_path / "monitoring.html").write_text("a real report")
    with pytest.raises(OccupiedDirectory, match="did not write"):
        run_demo(tmp_path, persons=60, days=7)
    assert [path.name for path in tmp_path.iterdir()] == ["monitoring.html"]


def test_a_link_to_another_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / MARKER).touch()
    (tmp_path / "home").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OccupiedDirectory, match="plain directory"):
        run_demo(tmp_path, persons=PERSONS, days=DAYS)
    assert (tmp_path / "elsewhere" / MARKER).exists()


def test_a_place_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OccupiedDirectory, match="cannot be written"):
        run_demo(tmp_path / "out", persons=PERSONS, days=DAYS)


@pytest.mark.parametrize(("persons", "days"), [(49, 10), (50_001, 10), (80, 6), (80, 367)])
def test_numbers_out_of_range_are_refused_before_anything_is_made(
    persons: int, days: int, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=r"give \d+ to \d+"):
        run_demo(tmp_path / "out", persons=persons, days=days)
    assert not (tmp_path / "out").exists()


def test_the_server_of_a_killed_demo_is_stopped_before_its_home_is_removed(tmp_path: Path) -> None:
    home = fresh_home(passable(tmp_path) / "home")
    script = (
        "import pathlib, sys, time\nfrom emoney.ledger.base.postgres import embedded\n"
        "embedded.start(pathlib.Path(sys.argv[1]))\nprint('up', flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, text=True
    ) as demo:
        try:
            assert demo.stdout is not None
            assert demo.stdout.readline() == "up\n"
            with pytest.raises(OccupiedDirectory, match="another process"):
                fresh_home(home)
        finally:
            demo.kill()
    server = int((home / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
    fresh_home(home)
    assert [path.name for path in home.iterdir()] == [MARKER]
    assert not psutil.pid_exists(server) or psutil.Process(server).status() == psutil.STATUS_ZOMBIE


def simulated_days(seed: int, people: Population) -> Iterator[list[Transfer]]:
    """The days when nothing is refused, without a ledger."""
    refs = [person.ref for person in people.persons]
    accounts = {ref: uuid4() for ref in (*refs, *people.agents, *people.merchants, SAFEGUARDING)}
    simulation = Simulation(Random(seed), people, accounts, seed=seed, start=START, days=DAYS)
    for number in range(DAYS):
        transfers = simulation.day(number)
        simulation.learn(transfers, [Outcome(transfer.id) for transfer in transfers])
        yield transfers


def test_each_day_holds_its_own_transfers_in_order_of_time(people: Population) -> None:
    ids = set()
    for number, transfers in enumerate(simulated_days(1, people)):
        times = [transfer.effective_at for transfer in transfers if transfer.effective_at]
        assert len(times) == len(transfers)
        assert times == sorted(times)
        assert START + timedelta(number) <= times[0]
        assert times[-1] < START + timedelta(number + 1)
        for transfer in transfers:
            transfer.check()
            ids.add(transfer.id)
    assert len(ids) == sum(len(transfers) for transfers in simulated_days(1, people))


def test_nights_are_quiet(people: Population) -> None:
    hours = Counter(
        transfer.effective_at.hour
        for transfers in simulated_days(1, people)
        for transfer in transfers
        if transfer.effective_at
    )
    assert sum(hours[hour] for hour in range(4)) < sum(hours[hour] for hour in range(12, 16)) / 10


def test_structurers_bring_in_cash_just_below_the_threshold(people: Population) -> None:
    refs = [person.ref for person in people.persons]
    accounts = {ref: uuid4() for ref in (*refs, *people.agents, *people.merchants, SAFEGUARDING)}
    structurers = {accounts[person.ref] for person in people.of(Role.STRUCTURER)}
    simulation = Simulation(Random(1), people, accounts, seed=1, start=START, days=DAYS)
    amounts = [
        transfer.amount
        for number in range(DAYS)
        for transfer in simulation.day(number)
        if transfer.operation is Operation.CASH_IN and transfer.credit_account in structurers
    ]
    assert len(amounts) >= 3 * len(structurers)
    assert all(0.8 * reporting_threshold() <= amount < reporting_threshold() for amount in amounts)


def test_references_do_not_tell_who_launders(people: Population) -> None:
    refs = [person.ref for person in people.persons]
    assert refs == [f"w{number:06d}" for number in range(1, PERSONS + 1)]
    planted = [number for number, person in enumerate(people.persons) if person.role in SCENARIO_OF]
    assert planted != list(range(len(planted)))
    assert {person.role for person in people.of(*LOOK_ALIKES)} == set(LOOK_ALIKES)
