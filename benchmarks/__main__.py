"""Run the benchmarks: `python -m benchmarks [--smoke] [--json]`.

`--smoke` runs each on little data, to see that it works; its figures mean nothing.
"""

import argparse
import json
import sys

from rich.console import Console
from rich.table import Table

from benchmarks import aml_detection, enrolment, group_commit, import_rate, posting, proofs

BENCHMARKS = {
    "posting": posting.measure,
    "group-commit": group_commit.measure,
    "import": import_rate.measure,
    "enrolment": enrolment.measure,
    "aml": aml_detection.measure,
    "proofs": proofs.measure,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Run the benchmarks.")
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--smoke", action="store_true", help="little data: see that they run")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    notices = Console(stderr=True)
    figures = []
    for name in options.names or BENCHMARKS:
        with notices.status(f"measuring {name}"):
            figures += BENCHMARKS[name](smoke=options.smoke)
    if options.as_json:
        json.dump([figure.to_json() for figure in figures], sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    table = Table(
        title="Smoke run: figures mean nothing" if options.smoke else "Benchmarks", title_justify="left"
    )
    for column, side in (
        ("what", "left"),
        ("value", "right"),
        ("unit", "left"),
        ("ratio", "right"),
        ("to", "left"),
    ):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        table.add_row(figure.name, f"{figure.value:,.0f}", figure.unit, ratio, figure.baseline or "")
    Console().print(table)


if __name__ == "__main__":
    main()
