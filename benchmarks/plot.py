"""The posting benchmark's report as a plot: a panel for each question. Needs matplotlib, of the dev extra."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure

MEASURED, BASELINE, HOT, INK = "#1f6f8b", "#b9c5cc", "#c8773a", "#333333"
SMALL_SHARE = 0.03

Bar = tuple[str, float, float | None, str]
"""A label, transfers a second, their ratio to a baseline, a colour."""


def can_draw() -> bool:
    """Whether matplotlib is there."""
    return find_spec("matplotlib") is not None


def draw(report: dict[str, Any], path: Path) -> None:
    """Draw what the report has to `path`, in the format of its suffix."""
    plt = _styled()
    panels = [
        panel
        for part, panel in (
            ("batch_1000", _batches),
            ("single", _callers),
            ("writer", _writer),
            ("disk", _disk),
        )
        if part in report
    ]
    rows = (len(panels) + 1) // 2
    figure, axes = plt.subplots(rows, 2, figsize=(10, 3.4 * rows), squeeze=False, layout="constrained")
    for axis, panel in zip(axes.flat, panels, strict=False):
        panel(axis, report)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    about = report["run"]
    figure.suptitle(
        f"Posting with all controls on: {about['wallets']:,} wallets, PostgreSQL {about['server_version']}, "
        f"{about['cores']} cores, durable commits",
        x=0.01,
        ha="left",
        fontweight="bold",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=110)
    plt.close(figure)


def draw_ways(figures: Sequence[Figure], path: Path) -> None:
    """Draw the ratios of the ways of calling to `path`, each beside the one that is wanted."""
    plt = _styled()
    shown = [each for each in figures if each.wanted is not None]
    ratios, wanted = [each.ratio or 0.0 for each in shown], [each.wanted or 0.0 for each in shown]
    figure, axis = plt.subplots(figsize=(8, 0.45 * len(shown) + 1.4), layout="constrained")
    labels = [f"{each.name}\nto {each.baseline}" for each in shown]
    drawn = axis.barh(labels, ratios, color=MEASURED, height=0.6)
    texts = [f"{each.ratio:.2f}  ({each.value:,.0f} a second)" for each in shown]
    axis.bar_label(drawn, labels=texts, padding=3)
    axis.scatter(wanted, range(len(shown)), marker="|", s=260, color=HOT, zorder=3, label="wanted")
    axis.invert_yaxis()
    axis.set_xlim(0, 1.35 * max(*wanted, *ratios))
    axis.set_xlabel("transfers a second, as a ratio to the plain function's in the same run")
    axis.legend(frameon=False, loc="lower right")
    axis.set_title("Every way of calling, limits on, beside plain functions without limits")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)
    plt.close(figure)


def _styled() -> Any:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    mpl.rcParams |= {
        "svg.hashsalt": "emoney",
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": INK,
        "ytick.color": INK,
    }
    return plt


def _batches(axis: Any, report: dict[str, Any]) -> None:
    bars: list[Bar] = []
    for size in (1_000, 10_000):
        found = report[f"batch_{size}"]
        bars += [
            (f"ceiling, {size:,}", found["ceiling_per_second"], None, BASELINE),
            (f"batches of {size:,}", found["per_second"], found["ratio"], MEASURED),
        ]
    hot = report["hot_batch"]
    bars.insert(2, ("1,000 to one merchant", hot["per_second"], hot["ratio_to_random"], HOT))
    _bars(axis, bars)
    axis.set_title("Batches, and what PostgreSQL can write")


def _callers(axis: Any, report: dict[str, Any]) -> None:
    single = report["single"]
    bars: list[Bar] = [
        ("one function call", single["function_per_second"], None, BASELINE),
        (_waits("single call", single), single["per_second"], single["ratio_to_function"], MEASURED),
    ]
    for label, name, ratio, colour in (
        ("64 threads", "group_commit_64", "ratio_to_single", MEASURED),
        ("64, one merchant", "hot_group_commit", "ratio_to_random", HOT),
        ("64 tasks", "group_commit_64_tasks", "ratio_to_single", MEASURED),
        ("256 tasks", "group_commit_256_tasks", "ratio_to_single", MEASURED),
    ):
        found = report[name]
        bars.append((_waits(label, found), found["per_second"], found[ratio], colour))
    _bars(axis, bars)
    axis.set_title("Single calls, and group commit against them")


def _waits(label: str, found: dict[str, Any]) -> str:
    return f"{label}\np99 {found['p99_ms']:.1f} ms"


def _bars(axis: Any, bars: list[Bar]) -> None:
    labels, values, ratios, colours = zip(*bars, strict=True)
    drawn = axis.barh(labels, values, color=colours, height=0.7)
    texts = [
        f"{value:,.0f}" if ratio is None else f"{value:,.0f}  (x {ratio:.2f})"
        for value, ratio in zip(values, ratios, strict=True)
    ]
    axis.bar_label(drawn, labels=texts, padding=3)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.45 * max(values))
    axis.locator_params(axis="x", nbins=5)
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.set_xlabel("transfers a second (times its baseline)")


def _writer(axis: Any, report: dict[str, Any]) -> None:
    told, growth = report["writer"], report["growth"]
    posted, rates = [], []
    step = max(1, len(told) // 20)
    for before, after in zip(told[:-step:step], told[step::step], strict=False):
        posted.append(after["posted"] / 1e6)
        rates.append((after["posted"] - before["posted"]) / (after["seconds"] - before["seconds"]))
    axis.plot(posted, rates, color=MEASURED, marker=".", label="one writer, from an empty ledger on")
    axis.plot(
        [0, growth["transfers"] / 1e6],
        [growth["empty_per_second"], growth["per_second"]],
        color=HOT,
        marker="o",
        linestyle=":",
        label=f"empty and full in turns: {growth['ratio']:.2f}",
    )
    axis.set_ylim(0, 1.3 * max(*rates, growth["empty_per_second"]))
    axis.yaxis.set_major_formatter("{x:,.0f}")
    axis.set_xlabel("million transfers in the ledger")
    axis.set_ylabel("transfers a second")
    axis.legend(frameon=False, loc="lower right")
    memory = report["memory"]
    axis.set_title(
        f"Batches of 1,000 as the ledger grows; the writer's memory:\n{memory['early_peak_mib']:.0f} MiB at "
        f"{memory['early_transfers']:,} transfers, {memory['peak_mib']:.0f} MiB at {memory['transfers']:,}"
    )


def _disk(axis: Any, report: dict[str, Any]) -> None:
    sizes = report["disk"]["tables"]
    total = report["bytes_per_transfer"]
    shown = {name: size for name, size in sizes.items() if size >= SMALL_SHARE * total}
    if total - sum(shown.values()) > 1:
        shown["others"] = total - sum(shown.values())
    drawn = axis.barh(list(shown), list(shown.values()), color=MEASURED, height=0.7)
    axis.bar_label(drawn, labels=[f"{size:,.0f}" for size in shown.values()], padding=3)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.15 * max(shown.values()))
    axis.set_xlabel("bytes, indexes included")
    axis.set_title(f"Disk: {total:,.0f} bytes a transfer")
