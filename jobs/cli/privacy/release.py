"""`emoney privacy release`: records for analysis, anonymised by a plan and recorded when they leave."""

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from emoney.jobs.cli.options import Actor
from emoney.jobs.cli.output import AsJson, print_json, screen, table
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.jobs.installation import Emoney
from emoney.kyc.persons import population
from emoney.privacy.releases import release as releases
from emoney.privacy.releases.anonymity import Anonymised
from emoney.privacy.releases.errors import InvalidPlan, InvalidRecord
from emoney.privacy.releases.hierarchies import shipped
from emoney.privacy.releases.plans import Plan, load_plan, plan_names, read_plan

LINES_SIZE_MAX = 256 * 1024 * 1024

release = group("Records for analysis: generalised until nobody stands out, or refused.")

PlanName = Annotated[
    str,
    typer.Argument(metavar="PLAN", help="A plan's name (`emoney privacy release plans`), or its YAML file."),
]
Records = Annotated[
    Path | None,
    typer.Option(
        help="A CSV file with a header, one line for each person. Without it: this installation's holders."
    ),
]


def register(privacy: typer.Typer) -> None:
    """Add the commands to `emoney privacy`."""
    privacy.add_typer(release, name="release")


@release.command()
def check(plan: PlanName, records: Records = None, as_json: AsJson = False) -> None:
    """Say what a release would leave out and generalise. Nothing is written."""
    read = _plan(plan)
    with opened() as emoney, _opened(emoney, records) as found:
        result = releases.check(emoney.database, read, found)
    _print(read, result, {}, as_json)


@release.command()
def make(
    plan: PlanName,
    out: Annotated[Path, typer.Option(help="The CSV file to write; it must not be there yet.")],
    actor: Actor,
    records: Records = None,
    as_json: AsJson = False,
) -> None:
    """Write the anonymised records, and record that they left."""
    read = _plan(plan)
    with opened() as emoney, _opened(emoney, records) as found:
        released, result = releases.release(
            emoney.database, emoney.vault.providers, read, found, out, actor=actor, clock=emoney.clock
        )
    _print(read, result, asdict(released) | {"file": out}, as_json)


@release.command("list")
def list_releases(as_json: AsJson = False) -> None:
    """What left before, when, by whom and how anonymous."""
    with opened_connection() as (_, connection):
        found = releases.every(connection)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            f"{each.released_at:%Y-%m-%d %H:%M}",
            each.plan,
            each.released_by,
            f"{each.records - each.suppressed} of {each.records}",
            each.k_reached,
            f"{each.domain} {each.epoch}" if each.domain else "",
        )
        for each in found
    ]
    table("Releases", ("at", "plan", "actor", "records", "k", "pseudonyms"), rows, right=("records", "k"))


@release.command()
def plans(as_json: AsJson = False) -> None:
    """The plans that come with the library."""
    found = [load_plan(name) for name in plan_names()]
    if as_json:
        print_json([each.model_dump(mode="json", by_alias=True) for each in found])
        return
    rows = [(each.name, each.k, ", ".join([*each.quasi_identifiers, *each.sensitive])) for each in found]
    table("Release plans", ("plan", "k", "columns"), rows, right=("k",))


@release.command()
def hierarchies(as_json: AsJson = False) -> None:
    """The generalisation hierarchies that come with the library, and their levels."""
    found = {
        name: [each.name(level) for level in range(each.height + 1)]
        for name, each in sorted(shipped().items())
    }
    if as_json:
        print_json(found)
        return
    rows = [
        (name, ", ".join(f"{n} {level}" for n, level in enumerate(levels))) for name, levels in found.items()
    ]
    table("Hierarchies", ("hierarchy", "levels"), rows)


def _plan(name: str) -> Plan:
    if name in plan_names():
        return load_plan(name)
    path = Path(name)
    if not path.is_file():
        raise InvalidPlan(f"there is no plan and no file {name}; the plans are {', '.join(plan_names())}")
    try:
        return read_plan(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise InvalidPlan(f"{name} is not UTF-8 text") from None


@contextmanager
def _opened(emoney: Emoney, records: Path | None) -> Iterator[Iterator[Mapping[str, object]]]:
    if records is not None:
        yield _csv_records(records)
        return
    with emoney.database.connection() as connection:
        yield _own(population.records(connection))


def _own(records: Iterator[population.HolderRecord]) -> Iterator[Mapping[str, object]]:
    yield from records


def _csv_records(path: Path) -> Iterator[Mapping[str, object]]:
    """The lines of a CSV file by its header. Errors name the line and never what is in it."""
    if (size := path.stat().st_size) > LINES_SIZE_MAX:
        raise InvalidRecord(f"{path} has {size} bytes; at most {LINES_SIZE_MAX} are read")
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            if len(set(reader.fieldnames or ())) < len(reader.fieldnames or ()):
                raise InvalidRecord(f"{path}: two columns have one name")
            for row in reader:
                if None in row or None in row.values():
                    raise InvalidRecord(f"{path}, line {reader.line_num}: not as many fields as the header")
                yield row
        except csv.Error as error:
            raise InvalidRecord(f"{path}, line {reader.line_num}: {error}") from None
        except UnicodeDecodeError:
            raise InvalidRecord(f"{path} is not UTF-8 text") from None


def _print(plan: Plan, result: Anonymised, released: dict[str, Any], as_json: bool) -> None:
    kept, total = len(result.rows), len(result.rows) + result.suppressed
    if as_json:
        print_json(
            {
                "plan": plan.name,
                "records": total,
                "released": kept,
                "suppressed": result.suppressed,
                "restricted": result.restricted,
                "generalised": result.generalised,
                "withheld": result.withheld,
                "k": {"wanted": plan.k, "reached": result.verdict.k},
                "sensitive": {
                    column: {"wanted": {"l": wanted.l, "t": wanted.t}, "reached": asdict(found)}
                    for (column, wanted), found in zip(
                        plan.sensitive.items(), result.verdict.sensitive.values(), strict=True
                    )
                },
            }
            | ({"release": released} if released else {})
        )
        return
    rows: list[tuple[str, str, str, str]] = []
    for column, level in result.generalised.items():
        found, wanted = result.verdict.sensitive.get(column), plan.sensitive.get(column)
        if found is None or wanted is None:
            rows.append((column, level, "", ""))
        else:
            rows.append((column, level, f"l {found.l}, t {found.t:.2f}", f"l {wanted.l}, t {wanted.t:.2f}"))
    title = f"{plan.name}: {kept} of {total} records, k {result.verdict.k} (wanted {plan.k})"
    table(title, ("column", "leaves", "reached", "wanted"), rows)
    left_out = f"{result.suppressed} records left out, {100 * result.suppressed / total:.1f} % of all"
    screen.print(f"{left_out} (allowed: {100 * plan.suppress_max:g} %)", highlight=False)
    if result.restricted:
        screen.print(f"{result.restricted} more left out: their processing is restricted", highlight=False)
    if result.withheld:
        screen.print(f"columns that did not leave: {', '.join(result.withheld)}", highlight=False)
    if released:
        screen.print(f"wrote {released['file']}, release {released['id']}", highlight=False, soft_wrap=True)
