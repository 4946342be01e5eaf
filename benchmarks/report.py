"""The posting benchmark's report as a table: each figure beside its baseline and what is wanted."""

import time
from collections.abc import Iterator
from typing import Any

from benchmarks.scale import Tell
from emoney.jobs.cli.output import notices, screen, table

AT_LEAST = {
    ("batch_1000", "ratio"): 0.5,
    ("batch_10000", "ratio"): 0.5,
    ("hot_batch", "ratio_to_random"): 0.8,
    ("single", "ratio_to_function"): 0.35,
    ("group_commit_64", "ratio_to_single"): 10,
    ("hot_group_commit", "ratio_to_random"): 0.8,
    ("growth", "ratio"): 0.85,
}
AT_MOST = {("group_commit_64", "p99_ratio_to_single"): 5, ("memory", "ratio"): 1.1}
BYTES_AT_MOST = 700
TOLD_EVERY_S = 15

Row = tuple[str, str, str, str, str, str]


def show(report: dict[str, Any], *, plans: bool = False) -> None:
    """Print the table; `plans`: and how PostgreSQL finds a balance in the full ledger."""
    about = report["run"]
    title = (
        "Smoke run: figures mean nothing"
        if about["smoke"]
        else f"Posting, {about['wallets']:,} wallets, all controls on"
    )
    columns = ("what", "measured", "against", "ratio", "wanted", "")
    table(title, columns, list(_rows(report)), right=("measured", "ratio"))
    screen.print(
        f"PostgreSQL {about['server_version']}, durable commits, {about['cores']} cores, "
        f"{about['seconds']:,} s. Rates are transfers a second, medians of turns.",
        style="dim",
        highlight=False,
    )
    if disk := report.get("disk"):
        by_table = ", ".join(
            f"{name} {size:,.0f}" for name, size in disk["tables"].items() if round(size) > 0
        )
        screen.print(f"Bytes of a transfer, indexes included: {by_table}", style="dim", highlight=False)
    for name, text in report.get("growth", {}).get("plans", {}).items() if plans else ():
        screen.print(f"\n{name} with {report['growth']['transfers']:,} transfers in the ledger", style="bold")
        screen.print(text, markup=False, highlight=False, soft_wrap=True)


def _rows(report: dict[str, Any]) -> Iterator[Row]:
    for size in (1_000, 10_000):
        if found := report.get(f"batch_{size}"):
            yield _rate(
                report, f"batch of {size:,}", f"batch_{size}", "ratio", "ceiling", found["ceiling_per_second"]
            )
            yield (
                "  one by one",
                f"{found['one_by_one_per_second']:,.0f}",
                f"ceiling {found['ceiling_per_second']:,.0f}",
                f"{found['one_by_one_ratio']:.2f}",
                "",
                "",
            )
    if "hot_batch" in report:
        pairs = report["batch_1000"]["per_second"]
        yield _rate(report, "hot merchant, 1,000", "hot_batch", "ratio_to_random", "random", pairs)
    if single := report.get("single"):
        rate, p99 = single["per_second"], single["p99_ms"]
        function = single["function_per_second"]
        yield _rate(report, "single call", "single", "ratio_to_function", "function", function)
        for name, of in (
            ("64 threads", "group_commit_64"),
            ("64 tasks", "group_commit_64_tasks"),
            ("256 tasks", "group_commit_256_tasks"),
        ):
            yield _rate(report, f"shared by {name}", of, "ratio_to_single", "single", rate)
            yield (
                "  99th percentile",
                f"{report[of]['p99_ms']:.1f} ms",
                f"single {p99:.1f} ms",
                f"{report[of]['p99_ratio_to_single']:.1f}",
                *_wanted(report, of, "p99_ratio_to_single"),
            )
        threads = report["group_commit_64"]["per_second"]
        yield _rate(report, "hot merchant, threads", "hot_group_commit", "ratio_to_random", "random", threads)
    if growth := report.get("growth"):
        what = f"{growth['transfers']:,} in ledger"
        yield _rate(report, what, "growth", "ratio", "empty", growth["empty_per_second"])
    if "bytes_per_transfer" in report:
        size = report["bytes_per_transfer"]
        yield (
            "disk",
            f"{size:,.0f} bytes",
            "a transfer",
            "",
            f"<= {BYTES_AT_MOST}",
            _mark(size <= BYTES_AT_MOST),
        )
    if memory := report.get("memory"):
        yield (
            f"memory at {memory['transfers']:,}",
            f"{memory['peak_mib']:.0f} MiB",
            f"tenth {memory['early_peak_mib']:.0f} MiB",
            f"{memory['ratio']:.2f}",
            *_wanted(report, "memory", "ratio"),
        )


def _rate(report: dict[str, Any], what: str, name: str, ratio: str, against: str, baseline: float) -> Row:
    found = report[name]
    return (
        what,
        f"{found['per_second']:,.0f}",
        f"{against} {baseline:,.0f}",
        f"{found[ratio]:.2f}",
        *_wanted(report, name, ratio),
    )


def _wanted(report: dict[str, Any], name: str, ratio: str) -> tuple[str, str]:
    measured = report[name][ratio]
    if (least := AT_LEAST.get((name, ratio))) is not None:
        return f">= {least}", _mark(measured >= least)
    if (most := AT_MOST.get((name, ratio))) is not None:
        return f"<= {most}", _mark(measured <= most)
    return "", ""


def _mark(reached: bool) -> str:
    return "ok" if reached else "missed"


def telling() -> Tell:
    """Tells on standard error what is being measured: in place on a terminal, else now and then a line."""
    began, last_phase, last_told = time.monotonic(), "", 0.0

    def tell(text: str) -> None:
        nonlocal last_phase, last_told
        seconds = time.monotonic() - began
        line = f"{seconds:5.0f} s  {text}"
        if notices.is_terminal:
            notices.print(f"{line:<78}", end="\r", markup=False, highlight=False)
        elif (phase := text.rstrip("0123456789, of")) != last_phase or seconds > last_told + TOLD_EVERY_S:
            notices.print(line, markup=False, highlight=False)
            last_phase, last_told = phase, seconds

    return tell
