"""`emoney bench`: every figure has its baseline, and the ledgers it measures on hold together."""

import json
import sys
from pathlib import Path

import pytest

from emoney import jobs
from emoney.jobs.cli import main

SHAPE = {
    "batch_1000": {"per_second", "ceiling_per_second", "ratio"},
    "batch_10000": {"per_second", "ceiling_per_second", "ratio"},
    "group_commit_64": {"per_second", "ratio_to_single", "p99_ms", "p99_ratio_to_single"},
    "hot_batch": {"per_second", "ratio_to_random"},
    "hot_group_commit": {"per_second", "ratio_to_random"},
    "single": {"per_second", "ratio_to_function", "function_per_second"},
    "growth": {"ratio", "per_second", "empty_per_second"},
    "memory": {"peak_mib", "early_peak_mib", "ratio"},
}


def test_the_posting_benchmark_reports_every_figure_with_its_baseline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["emoney", "bench", "posting", "--smoke", "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    report = json.loads(capsys.readouterr().out)
    for name, keys in SHAPE.items():
        assert keys <= report[name].keys()
        assert all(report[name][key] > 0 for key in keys), name
    assert 300 < report["bytes_per_transfer"] < 3000
    assert report["growth"]["transfers"] == 20_000
    assert set(report["growth"]["plans"]) == {"balance", "balance as of"}


def test_an_installation_without_the_source_says_where_the_benchmarks_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(jobs, "__file__", str(tmp_path / "jobs" / "__init__.py"))
    monkeypatch.setattr(sys, "argv", ["emoney", "bench", "posting", "--smoke"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert "checkout" in capsys.readouterr().err
