"""Run the benchmarks: `python -m benchmarks [NAMES] [--smoke] [--json]`.

`--smoke` runs each on little data, to see that it works; its figures mean nothing. Otherwise the plots of
posting and of the ways of calling in docs/benchmarks are drawn anew.
"""

import argparse
import json
import signal
import sys

from rich.console import Console
from rich.table import Table

from benchmarks import (
    aml_detection,
    checking,
    command_line,
    enrolment,
    import_rate,
    limits,
    plot,
    posting,
    proofs,
    report,
    sealing,
    ways,
)
from benchmarks.figures import Figure
from benchmarks.scale import FULL, SMOKE
from emoney.ledger.base.errors import EmoneyError

POSTING, WAYS = "posting", "ways"
OTHERS = {
    WAYS: ways.measure,
    "command-line": command_line.measure,
    "limits": limits.measure,
    "import": import_rate.measure,
    "enrolment": enrolment.measure,
    "aml": aml_detection.measure,
    "proofs": proofs.measure,
    "sealing": sealing.measure,
    "checking": checking.measure,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Run the benchmarks.")
    names = (POSTING, *OTHERS)
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(names)}; all by default")
    parser.add_argument("--smoke", action="store_true", help="little data: see that they run")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    chosen = options.names or names
    tell = report.telling()
    result, figures = {}, []
    for name in chosen:
        if name == POSTING:
            result = posting.run(SMOKE if options.smoke else FULL, tell)
            if not options.smoke:
                plot.draw(result, posting.PLOT)
        else:
            tell(f"measuring {name}")
            measured = OTHERS[name](smoke=options.smoke)
            figures += measured
            if name == WAYS and not options.smoke:
                plot.draw_ways(measured, ways.PLOT)
    if options.as_json:
        both = {"posting": result, "others": [figure.to_json() for figure in figures]}
        json.dump({name: value for name, value in both.items() if value}, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    if result:
        report.show(result, plans=not options.smoke)
    if figures:
        _show("Others: smoke run, figures mean nothing" if options.smoke else "Others", figures)


def _show(title: str, figures: list[Figure]) -> None:
    table = Table(title=title, title_justify="left")
    for column, side in (
        ("what", "left"),
        ("value", "right"),
        ("unit", "left"),
        ("ratio", "right"),
        ("to", "left"),
        ("wanted", "right"),
    ):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        wanted = "" if figure.wanted is None else f"{figure.wanted:.2f}"
        table.add_row(figure.name, f"{figure.value:,.0f}", figure.unit, ratio, figure.baseline or "", wanted)
    Console().print(table)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # the server ends with us
    try:
        main()
    except EmoneyError as error:
        sys.exit(f"error: {error}")
