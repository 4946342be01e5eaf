"""The report shows the alerts, escapes what it shows, and fetches nothing."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from aml_books import Bank

from emoney.aml import extract, run, write_report
from emoney.aml.report import _chart
from emoney.aml.scenarios import Structuring, read
from emoney.ledger import Database
from emoney.ledger.base.errors import InvalidInput

NOW = datetime(2026, 4, 1, 9, 30, tzinfo=UTC)


def report(bank: Bank, directory: Path, **options: int) -> str:
    history = directory / "history"
    extract(bank.database, history)
    result = run(bank.database, history, scenarios=[read(Structuring)])
    path = write_report(
        bank.database,
        history,
        directory / "out" / "monitoring.html",
        result=result,
        clock=lambda: NOW,
        **options,
    )
    return path.read_text(encoding="utf-8")


def test_alerts_parameters_and_coverage_are_in_the_report(bank: Bank, tmp_path: Path) -> None:
    bank.structure("W-placer", 0, 4)
    html = report(bank, tmp_path)
    assert "W-placer" in html
    assert "4 cash-ins at 1 agent within 4 days" in html
    assert "tipping off" in html
    assert "01 Apr 2026, 09:30" in html
    assert "below share min" in html
    assert "2026-03-05" in html


def test_references_are_escaped(bank: Bank, tmp_path: Path) -> None:
    bank.structure('W<script>alert("x")</script>', 0, 3)
    html = report(bank, tmp_path)
    assert "<script" not in html
    assert "W&lt;script&gt;" in html


def test_the_report_needs_nothing_but_itself(bank: Bank, tmp_path: Path) -> None:
    bank.structure("W1", 0, 3)
    html = report(bank, tmp_path)
    assert not re.search(r"""(src|href)\s*=|url\(|@import|https?://""", html)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["monitoring.html"]


def test_the_list_is_bounded_and_says_how_many_more_there_are(bank: Bank, tmp_path: Path) -> None:
    for number in range(4):
        bank.structure(f"W{number}", 0, 3)
    assert "The 3 with the highest scores; 1 more are in the system." in report(
        bank, tmp_path, alerts_shown=3
    )
    with pytest.raises(InvalidInput):
        report(bank, tmp_path, alerts_shown=0)


def test_an_empty_history_makes_a_report_that_says_so(database: Database, tmp_path: Path) -> None:
    extract(database, tmp_path / "history")
    path = write_report(database, tmp_path / "history", tmp_path / "monitoring.html")
    assert "no transfers yet" in path.read_text(encoding="utf-8")


def test_charts_of_years_stay_bounded_and_lose_nothing() -> None:
    days = {date(2020, 1, 1) + timedelta(days=number): 2 for number in range(2_000)}
    chart = _chart(list(days), {"transfers": days})
    assert len(chart.bars) <= 120
    assert chart.days_per_bar == 17
    assert chart.top == 34
