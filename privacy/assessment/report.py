"""The privacy impact assessment: one self-contained HTML file, made from the inventory and a running system.

It is a draft until three different persons have written, reviewed and approved it, and no legal advice. Its
structure follows what is publicly described of ISO 22307: plan, assessment, report, competence, independence,
use in decisions. The file carries the hash of the inventory it was made from, see `is_stale`.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from sqlalchemy import MetaData

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.declarations import Category
from emoney.ledger.base.files import replace_file
from emoney.ledger.base.postgres.database import Connection
from emoney.privacy.assessment import controls, facts, inventory, knowledge, risk
from emoney.privacy.assessment.facts import Facts
from emoney.privacy.assessment.inventory import MUST_BE_SEALED, Inventory, InventoryRow

REPORT_BYTES_MAX = 32 << 20
_HASH = re.compile(r'<meta name="emoney-inventory-hash" content="([0-9a-f]{64})">')


@dataclass(frozen=True, slots=True)
class Holding:
    """Columns of one table that declare the same."""

    table: str
    rows: tuple[InventoryRow, ...]

    @property
    def declared(self) -> InventoryRow:
        """Any of the columns, for what they have in common."""
        return self.rows[0]


@dataclass(frozen=True, slots=True)
class Floor:
    """What one schema holds, in figures."""

    columns: int
    sealed: int
    rows: int


def write_report(
    connection: Connection, metadata: MetaData, out: Path, *, clock: Clock = system_clock
) -> Path:
    """Write the assessment of this database to the file `out`, whole or not at all; returns its path.

    `metadata`: of all packages, `emoney.metadata()`. The directory is
    made when missing and an older report is replaced. The file is its owner's only. Raises UndeclaredColumns.
    """
    held = inventory.read(metadata)
    html = render(held, facts.collect(connection, metadata, clock))
    return replace_file(out, lambda aside: aside.write_text(html, encoding="utf-8"))


def render(held: Inventory, seen: Facts) -> str:
    """The assessment as HTML: names of tables and columns, counts and purposes, no personal value."""
    base = knowledge.load()
    evidence = controls.look(base.controls, held, seen)
    assessed = risk.assess(base.risks, evidence)
    return _template().render(
        inventory=held,
        hash=held.hash,
        facts=seen,
        holdings=list(_holdings(held)),
        categories=[(category, held.of(category)) for category in Category if held.of(category)],
        floors={name: _floor(name, held, seen) for name in ("ledger", "privacy", "kyc", "aml")},
        identifying=held.of(*MUST_BE_SEALED),
        unsealed=inventory.unsealed(held),
        base=base,
        evidence=evidence,
        risks=assessed,
        levels_before=Counter(str(one.before.level) for one in assessed),
        levels_after=Counter(str(one.after.level) for one in assessed),
        criteria_met=sum(1 for one in base.standing.threshold if one.met),
    )


def is_stale(report: Path, held: Inventory) -> bool:
    """Whether a report was made from another inventory than this one, or is no report of this kind."""
    with report.open(encoding="utf-8", errors="replace") as file:
        found = _HASH.search(file.read(REPORT_BYTES_MAX))
    return found is None or found.group(1) != held.hash


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("emoney.privacy"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("assessment.html")


def _holdings(held: Inventory) -> Iterator[Holding]:
    """Table by table, the columns that declare the same together."""
    groups: dict[tuple[str, ...], list[InventoryRow]] = {}
    for row in held.rows:
        same = (row.table_name, row.category, row.purpose, row.basis, row.retention)
        groups.setdefault(same, []).append(row)
    for key, rows in groups.items():
        yield Holding(key[0], tuple(rows))


def _floor(schema: str, held: Inventory, seen: Facts) -> Floor:
    rows = [row for row in held.rows if row.schema == schema]
    stored = sum(table.rows or 0 for table in seen.tables if table.name.startswith(f"{schema}."))
    return Floor(len(rows), sum(row.sealed for row in rows), stored)
