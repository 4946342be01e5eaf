"""Monitoring on a real ledger: alerts are stored once, grow with their episode, and lose nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from aml_books import START, Bank

from emoney.aml import extract, list_alerts, load_scenarios, run
from emoney.aml.alerts.alert import Alert
from emoney.aml.scenarios import FanIn, Scenario, Structuring, read
from emoney.ledger import Database, Operation
from emoney.ledger.base.errors import InvalidInput

NOW = datetime(2026, 4, 1, tzinfo=UTC)


def monitor(bank: Bank, directory: Path, kind: type[Scenario] = Structuring) -> tuple[int, int, int]:
    """Extract, run one scenario; alerts new, grown and unchanged."""
    extract(bank.database, directory)
    (done,) = run(bank.database, directory, scenarios=[read(kind)], clock=lambda: NOW).scenarios
    return done.new, done.grown, done.unchanged


def alerts(bank: Bank) -> list[Alert]:
    with bank.database.connection() as connection:
        return list_alerts(connection)


def test_an_alert_carries_its_evidence_as_the_operators_references(bank: Bank, tmp_path: Path) -> None:
    bank.structure("W1", 0, 3)
    assert monitor(bank, tmp_path) == (1, 0, 0)
    (alert,) = alerts(bank)
    told = alert.to_json()
    assert told["subject"] == "W1"
    assert told["accounts"] == ["W1"]
    assert told["transfers"] == ["T2", "T3", "T4"]
    assert told["window"] == {"start": "2026-03-02T08:00:00+00:00", "end": "2026-03-04T08:00:00+00:00"}
    assert told["why"].startswith("3 cash-ins at 1 agent within 3 days")
    assert told["status"] == "open"


def test_running_again_changes_nothing(bank: Bank, tmp_path: Path) -> None:
    bank.structure("W1", 0, 3)
    monitor(bank, tmp_path)
    before = alerts(bank)
    assert monitor(bank, tmp_path) == (0, 0, 1)
    assert alerts(bank) == before


def test_a_grown_episode_is_the_same_alert_with_more_evidence(bank: Bank, tmp_path: Path) -> None:
    bank.structure("W1", 0, 3)
    monitor(bank, tmp_path)
    (before,) = alerts(bank)
    bank.structure("W1", 3, 2)
    assert monitor(bank, tmp_path) == (0, 1, 0)
    (after,) = alerts(bank)
    assert after.id == before.id
    assert (after.window_start, after.detected_at) == (before.window_start, before.detected_at)
    assert after.window_end == before.window_end + timedelta(days=2)
    assert after.score > before.score
    assert after.transfers == (*before.transfers, "T5", "T6")
    assert after.why.startswith("5 cash-ins")


def test_a_late_posting_before_the_window_grows_the_alert_too(bank: Bank, tmp_path: Path) -> None:
    bank.structure("W1", 5, 3)
    monitor(bank, tmp_path)
    (before,) = alerts(bank)
    bank.structure("W1", 4, 1)
    assert monitor(bank, tmp_path) == (0, 1, 0)
    (after,) = alerts(bank)
    assert after.id == before.id
    assert after.window_start == before.window_start - timedelta(days=1)
    assert monitor(bank, tmp_path) == (0, 0, 1)


def test_a_later_episode_of_the_same_subject_is_another_alert(bank: Bank, tmp_path: Path) -> None:
    bank.structure("W1", 0, 3)
    monitor(bank, tmp_path)
    bank.structure("W1", 40, 3)
    assert monitor(bank, tmp_path) == (1, 0, 1)
    assert len({alert.id for alert in alerts(bank)}) == 2


def test_the_same_history_gives_the_same_ids_in_any_number_of_runs(bank: Bank, tmp_path: Path) -> None:
    bank.structure("W1", 0, 3)
    monitor(bank, tmp_path)
    bank.structure("W2", 1, 3)
    assert monitor(bank, tmp_path) == (1, 0, 1)
    ids = {alert.subject: alert.id for alert in alerts(bank)}
    assert ids["W1"] != ids["W2"]
    assert all(alert.id.version == 7 for alert in alerts(bank))


def test_counterparties_are_named_and_agents_are_not(bank: Bank, tmp_path: Path) -> None:
    for number in range(8):
        at = START + timedelta(hours=number)
        bank.post(Operation.CASH_IN, "A1", f"W{number}", 210, at)
        bank.post(Operation.P2P, f"W{number}", "W-collector", 200, at + timedelta(minutes=5))
    bank.post(Operation.CASH_OUT, "W-collector", "A1", 1_500, START + timedelta(hours=20))
    assert monitor(bank, tmp_path, FanIn) == (1, 0, 0)
    (alert,) = alerts(bank)
    assert alert.accounts == ("W-collector", *(f"W{number}" for number in range(8)))
    assert len(alert.transfers) == 17


def test_an_unconfigured_currency_is_reported_as_skipped(bank: Bank, tmp_path: Path) -> None:
    bank.structure("W1", 0, 3)
    extract(bank.database, tmp_path)
    own = tmp_path / "own"
    own.mkdir()
    text = (Path(__file__).parents[3] / "data" / "scenarios" / "structuring.yaml").read_text("utf-8")
    (own / "structuring.yaml").write_text(text.replace('GHS: "5000"', "GHS: null"), "utf-8")
    result = run(bank.database, tmp_path, scenarios=load_scenarios(own))
    assert list(result.scenarios[0].skipped) == ["GHS"]
    assert "GHS" in result.to_json()["scenarios"][0]["skipped"]["GHS"]
    assert alerts(bank) == []


def test_progress_is_reported_and_an_empty_history_is_no_error(database: Database, tmp_path: Path) -> None:
    extract(database, tmp_path)
    seen: list[tuple[int, int]] = []
    result = run(database, tmp_path, progress=lambda _, done, total: seen.append((done, total)))
    assert (result.transfers, result.first_day) == (0, None)
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_lists_are_filtered_ordered_and_bounded(bank: Bank, tmp_path: Path) -> None:
    bank.structure("W1", 0, 3)
    bank.structure("W2", 0, 5)
    monitor(bank, tmp_path)
    with bank.database.connection() as connection:
        assert [alert.subject for alert in list_alerts(connection)] == ["W2", "W1"]
        assert [alert.subject for alert in list_alerts(connection, limit=1)] == ["W2"]
        assert [alert.subject for alert in list_alerts(connection, subject="W1")] == ["W1"]
        assert list_alerts(connection, scenario="fan_in") == []
        for wrong in ({"limit": 0}, {"score_min": 1.5}):
            with pytest.raises(InvalidInput):
                list_alerts(connection, **wrong)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM aml.alert",
        "DELETE FROM aml.alert_transfer",
        "UPDATE aml.alert_transfer SET part = 'x'",
        "UPDATE aml.alert SET subject_ref = 'W9'",
        "UPDATE aml.alert SET detected_at = now()",
    ],
)
def test_the_application_can_neither_remove_an_alert_nor_its_evidence(
    statement: str, bank: Bank, tmp_path: Path
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), bank.database.connection() as connection:
        connection.execute(statement)
