import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import fmean

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emoney.ledger.base.errors import InvalidRequest, MissingExtra
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.proofs import SigningKey, audit, seal
from emoney.privacy.pseudonyms.errors import InvalidDomain
from emoney.privacy.releases.counts import (
    Budget,
    Published,
    Question,
    _Noise,
    _within,
    budgets,
    every,
    open_budget,
    publish,
)
from emoney.privacy.releases.errors import BudgetSpent, InvalidBudget, InvalidCount

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TRUE = {"basic": 100, "full": 7}


def question(
    count: Callable[..., dict[str, int]] = lambda _: dict(TRUE), text: str = "persons by tier"
) -> Question:
    return Question(text, ["basic", "medium", "full"], count)


@pytest.fixture
def budget(database: Database) -> str:
    opened(database, "annual", "1")
    return "annual"


def opened(database: Database, name: str, epsilon: str) -> None:
    with database.connection() as connection:
        open_budget(connection, name, purpose="annual report", epsilon=epsilon, actor="dpo-1", at=NOW)


def ask(database: Database, budget: str, epsilon: str = "0.1", asked: Question | None = None) -> Published:
    return publish(database, budget, asked or question(), epsilon=epsilon, actor="dpo-1", clock=lambda: NOW)


def state(database: Database, name: str = "annual") -> Budget:
    with database.connection() as connection:
        return next(each for each in budgets(connection) if each.name == name)


def answers(database: Database) -> list[Published]:
    with database.connection() as connection:
        return every(connection)


def test_an_answer_has_every_cell_and_its_epsilon_is_spent(database: Database, budget: str) -> None:
    told = ask(database, budget, "0.4")
    assert list(told.cells) == ["basic", "medium", "full"]
    assert all(abs(number - TRUE.get(cell, 0)) < 200 for cell, number in told.cells.items())
    seen = state(database)
    assert (seen.epsilon, seen.spent, seen.left, seen.answers) == (1, Decimal("0.4"), Decimal("0.6"), 1)
    assert answers(database) == [told]


def test_a_budget_is_spent_to_its_end_and_not_a_step_further(database: Database, budget: str) -> None:
    ask(database, budget, "0.9")
    with pytest.raises(BudgetSpent, match=r"0\.1 is left"):
        ask(database, budget, "0.100001")
    ask(database, budget, "0.1")
    with pytest.raises(BudgetSpent):
        ask(database, budget, "0.000001")
    assert (state(database).left, len(answers(database))) == (0, 2)
    opened(database, "other", "1")
    assert ask(database, "other", "0.5").budget == "other"
    assert state(database).left == 0


@pytest.mark.parametrize("looked_before", [True, False])
def test_askers_at_once_cannot_spend_more_than_there_is(
    database: Database, budget: str, looked_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if looked_before:  # all saw a full budget: the database alone stands in the way
        monkeypatch.setattr("emoney.privacy.releases.counts._demand_left", lambda *_: None)

    def attempt(_: int) -> bool:
        try:
            ask(database, budget, "0.3")
        except BudgetSpent:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(attempt, range(8)))
    assert sum(told) == 3
    assert (state(database).spent, len(answers(database))) == (Decimal("0.9"), 3)


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.integers(1, 700_000), min_size=1, max_size=12))
def test_what_was_answered_adds_up_to_what_is_spent_and_never_above_the_budget(
    database: Database, steps: list[int]
) -> None:
    name = f"b-{os.urandom(6).hex()}"
    opened(database, name, "1")
    left = Decimal(1)
    for step in steps:
        epsilon = Decimal(step) / 10**6
        try:
            ask(database, name, str(epsilon))
        except BudgetSpent:
            assert epsilon > left
        else:
            left -= epsilon
            assert left >= 0
        assert state(database, name).left == left
    told = [each.epsilon for each in answers(database) if each.budget == name]
    assert sum(told, Decimal()) == 1 - left


def test_nothing_is_told_before_it_is_committed(database: Database, budget: str, owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'disk full'; END $$"
        )
        owner.execute(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON privacy.published_count"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()"
        )
    with pytest.raises(psycopg.Error, match="disk full"):
        ask(database, budget)
    assert (state(database).spent, answers(database)) == (0, [])


def test_a_count_that_fails_spends_nothing(database: Database, budget: str) -> None:
    def fails(_: object) -> dict[str, int]:
        raise LookupError

    with pytest.raises(LookupError):
        ask(database, budget, asked=question(fails))
    for wrong in ({"basic": -1}, {"basic": 1 << 60}, {"unnamed": 1}):
        with pytest.raises(InvalidCount) as refused:
            ask(database, budget, asked=question(lambda _, wrong=wrong: wrong))
        assert "unnamed" not in str(refused.value), "a cell found in the data tells that someone is in it"
    assert (state(database).spent, answers(database)) == (0, [])


def test_the_application_cannot_give_a_budget_back_and_nobody_can_shrink_what_is_spent(
    database: Database, budget: str, owner_url: str
) -> None:
    ask(database, budget, "0.5")
    for statement in (
        "UPDATE privacy.count_spent SET spent = 0",
        "DELETE FROM privacy.published_count",
        "INSERT INTO privacy.published_count SELECT * FROM privacy.published_count",
        "INSERT INTO privacy.count_budget SELECT * FROM privacy.count_budget",
        "UPDATE privacy.count_budget SET epsilon = 10",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.connection() as connection:
            connection.execute(statement)
    for statement in (
        "UPDATE privacy.count_spent SET spent = 0",
        "UPDATE privacy.count_spent SET epsilon = 10",
        "UPDATE privacy.count_spent SET spent = 2",
        "DELETE FROM privacy.count_spent",
        "UPDATE privacy.count_budget SET epsilon = 10",
    ):
        with psycopg.connect(owner_url) as owner, pytest.raises(psycopg.Error):
            owner.execute(statement)
    for epsilon in ("0", "-0.5", "0.0000004", "NaN", None):
        with pytest.raises(psycopg.Error), database.connection() as connection:
            connection.execute(
                "SELECT privacy.publish_count_v1"
                "(gen_random_uuid(), 'annual', 'q', %s, 1, '{}', 'dpo-1', now())",
                (epsilon and Decimal(epsilon),),
            )
    assert state(database).spent == Decimal("0.5")


@pytest.mark.parametrize("epsilon", ["0.1", "1", "0.7"])
def test_the_noise_is_as_wide_as_epsilon_says(epsilon: str) -> None:
    """Of 4,000 draws: mean, mean distance and the share beyond `within`, each within five sigma."""
    noise = _Noise(Decimal(epsilon))
    draws = noise.on([0] * 4000)
    q = math.exp(-float(epsilon))
    sigma = math.sqrt(2 * q) / (1 - q)
    assert abs(fmean(draws)) < 5 * sigma / math.sqrt(4000)
    assert fmean(map(abs, draws)) == pytest.approx(2 * q / (1 - q * q), abs=5 * sigma / math.sqrt(4000))
    beyond = sum(abs(draw) >= noise.within for draw in draws) / 4000
    assert beyond < 0.05 + 5 * math.sqrt(0.05 * 0.95 / 4000)


@given(st.integers(1, 10**7))
def test_the_scale_never_promises_less_privacy_than_is_charged(millionths: int) -> None:
    epsilon = Decimal(millionths) / 10**6
    noise = _Noise(epsilon)
    assert noise._measurement.map(1) <= float(epsilon)
    assert noise.scale == pytest.approx(1 / float(epsilon), rel=1e-9)


@given(st.floats(0.05, 10**6))
def test_within_is_the_least_bound_that_holds_in_95_of_100(scale: float) -> None:
    q, w = math.exp(-1 / scale), _within(scale)
    assert 2 * q**w / (1 + q) <= 0.05 + 1e-9
    assert w == 1 or 2 * q ** (w - 1) / (1 + q) > 0.05 - 1e-9


def test_a_forked_process_draws_noise_of_its_own() -> None:
    script = (
        "import os, sys, json; from decimal import Decimal\n"
        "from emoney.privacy.releases.counts import _Noise\n"
        "noise = _Noise(Decimal('0.000001')); noise.on([0])\n"
        "r, w = os.pipe(); child = os.fork()\n"
        "drawn = noise.on([0] * 20)\n"
        "if child == 0: os.write(w, json.dumps(drawn).encode()); os._exit(0)\n"
        "os.waitpid(child, 0); print(json.dumps([drawn, json.loads(os.read(r, 65536))]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=240, check=True
    )
    parent, child = json.loads(done.stdout)
    assert len(set(parent) & set(child)) <= 1  # of millions of values


def test_a_published_count_and_its_budget_are_in_the_proof_log(
    database: Database, budget: str, owner_url: str, tmp_path: Path
) -> None:
    ask(database, budget)
    key = SigningKey.create(tmp_path, "wallet.example/ledger")
    seal(database, key)
    with database.connection() as connection:
        assert audit(connection, key.public).sound
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE privacy.count_budget SET epsilon = 9")
        owner.execute("DELETE FROM privacy.published_count")
    with database.connection() as connection:
        found = {(each.what, each.subject.split()[0]) for each in audit(connection, key.public).findings}
    assert {what for what, _ in found} >= {"altered", "removed"}, found


def test_bad_input_is_refused_before_anything_is_written(database: Database, budget: str) -> None:
    for epsilon in ("0", "-1", "10.000001", "0.0000001", "NaN", "inf", "a lot", "", None):
        with pytest.raises(InvalidBudget):
            opened(database, "other", epsilon)  # type: ignore[arg-type]
        with pytest.raises(InvalidCount):
            ask(database, budget, epsilon)  # type: ignore[arg-type]
    with pytest.raises(InvalidBudget, match="already"):
        opened(database, "annual", "2")
    with pytest.raises(InvalidDomain):
        opened(database, "Annual Report", "1")
    with pytest.raises(InvalidBudget, match="no such budget"):
        ask(database, "nowhere")
    with pytest.raises(InvalidRequest):
        publish(database, budget, question(), epsilon="0.1", actor="two words")
    for asked in (Question("q", [], dict), Question("q", ["a", "a"], dict), Question("", ["a"], dict)):
        with pytest.raises(InvalidCount):
            ask(database, budget, asked=asked)
    assert (state(database).spent, answers(database)) == (0, [])


def test_without_the_extra_the_error_says_what_to_install(
    database: Database, budget: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opendp.prelude", None)
    with pytest.raises(MissingExtra, match=r"pip install 'emoney\[release\]'"):
        ask(database, budget)
    assert state(database).spent == 0
