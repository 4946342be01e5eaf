"""The table that the demo ends in."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from emoney.jobs.demo.result import DemoResult

_TITLES = {"fan_in": "fan-in", "pass_through": "pass-through"}


def render(result: DemoResult) -> Group:
    """The result of a demo, to be printed by a rich console; the paths stand below the table."""
    table = Table(
        title=f"A wallet operator in Ghana, {result.days} days (simulated, seed {result.seed})",
        title_justify="left",
        show_header=False,
        pad_edge=False,
        min_width=60,
    )
    table.add_column("what", no_wrap=True)
    table.add_column("number", justify="right")
    table.add_column("detail", overflow="fold")
    _section(
        table,
        ("persons enrolled", f"{result.persons:,}", f"{result.agents} agents, {result.merchants} merchants"),
        ((f"  {tier}", f"{count:,}", "") for tier, count in result.persons_by_tier.items()),
    )
    _section(
        table,
        ("transfers posted", f"{result.posted:,}", f"{result.outstanding:,} {result.currency} outstanding"),
        (),
    )
    _section(
        table,
        ("transfers refused", f"{result.refused:,}", "by rule, limits of " + result.pack),
        (
            (f"  {rule.removeprefix(result.pack + '/')}", f"{count:,}", "")
            for rule, count in result.refused_by_rule.items()
        ),
    )
    _section(
        table,
        ("alerts", f"{result.alerts:,}", "planted launderers found"),
        (
            (f"  {_TITLES.get(name, name)}", f"{count:,}", _found(result, name))
            for name, count in _alerts(result)
        ),
    )
    table.add_row("  look-alikes alerted", str(result.look_alikes_alerted), f"of {result.look_alikes}")
    table.add_row("  other honest persons alerted", str(result.others_alerted), "", end_section=True)
    table.add_row("ledger balanced", _yes_no(result.balanced), "from the entries up")
    table.add_row(
        "e-money safeguarded",
        _yes_no(result.safeguarded),
        f"{result.backing:,} {result.currency} held for it",
        end_section=True,
    )
    phases = ", ".join(f"{phase} {seconds:.1f}" for phase, seconds in result.seconds.items())
    table.add_row("seconds", f"{result.total_seconds:.1f}", phases)
    written = [
        ("monitoring report", result.monitoring_report),
        ("privacy assessment", result.privacy_report),
        ("installation", result.home),
    ]
    paths = Text("\n".join(f"{name:<20}{_shown(path)}" for name, path in written), overflow="fold")
    return Group(table, paths)


def _section(table: Table, head: tuple[str, str, str], rows: Iterable[tuple[str, str, str]]) -> None:
    table.add_row(*head, style="bold")
    for row in rows:
        table.add_row(*row)
    table.add_section()


def _alerts(result: "DemoResult") -> list[tuple[str, int]]:
    names = dict.fromkeys([*result.planted, *result.alerts_by_scenario])
    return [(name, result.alerts_by_scenario.get(name, 0)) for name in names]


def _found(result: "DemoResult", scenario: str) -> str:
    planted = result.planted.get(scenario)
    return f"{planted.found} of {planted.planted}" if planted else ""


def _shown(path: Path) -> Path:
    """As one types it here: without the working directory, where the path lies in it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _yes_no(sure: bool) -> Text:
    return Text("yes", style="bold green") if sure else Text("NO", style="bold red")
