import dataclasses
import html
import importlib
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from emoney import data
from emoney.ledger.base.declarations import Basis, Category
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.base.postgres.table import Table
from emoney.privacy import ClearField, Place, Purpose, SealedField, Vault
from emoney.privacy.assessment import controls, facts, inventory, knowledge, risk
from emoney.privacy.assessment.controls import Status
from emoney.privacy.assessment.inventory import MUST_BE_SEALED
from emoney.privacy.assessment.report import is_stale, render, write_report
from emoney.privacy.assessment.risk import Level, Rating
from emoney.privacy.errors import InvalidKnowledge

for package in ("ledger", "privacy", "kyc", "aml"):
    importlib.import_module(f"emoney.{package}.tables")

PLANTED = "Planted Personal Value 0244123456"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def report(database: Database, vault: Vault, tmp_path: Path, destroy: Callable[[UUID], int]) -> str:
    with database.connection() as connection:
        fields = [ClearField(new_id(), Place("kyc.person", "name", new_id()), PLANTED) for _ in range(3)]
        sealed = vault.seal_many(connection, fields)
        items = [SealedField(c.subject, c.place, s) for c, s in zip(fields, sealed, strict=True)]
        vault.open(connection, items, purpose=Purpose.SCREENING, actor="planted-actor")
    destroy(fields[0].subject)
    with database.connection() as connection:
        out = tmp_path / "new" / "report.html"
        assert write_report(connection, Table.metadata, out, clock=lambda: NOON) == out
    assert [entry.name for entry in out.parent.iterdir()] == ["report.html"]
    return out.read_text()


def test_the_report_names_every_personal_column_and_its_inventory(report: str) -> None:
    held = inventory.read(Table.metadata)
    text = html.unescape(report)
    assert f'content="{held.hash}"' in report
    for row in held.of(*MUST_BE_SEALED):
        assert row.name in text
    for row in held.rows:
        assert f">{row.column}<" in text
        assert row.purpose in text
        assert row.retention in text


def test_the_report_tells_counts_and_purposes_but_no_content(report: str) -> None:
    assert PLANTED not in report
    assert "planted-actor" not in report
    assert "2 active, 1 destroyed" in report
    assert "2026-03-01 12:00 UTC" in report
    screening = report.split('<th scope="row">screening</th>')[1].split("</tr>")[0]
    assert screening.endswith('<td class="figure">3</td>')


def test_the_report_says_that_it_is_a_draft_with_gaps(report: str) -> None:
    assert "Draft, not signed" in report
    assert "no legal advice" in report
    assert "three different persons" in report
    for gap in knowledge.load().standing.gaps:
        assert html.escape(gap.what, quote=False).replace("'", "&#39;") in report


def test_the_report_stands_alone_and_is_well_formed(report: str) -> None:
    class Checker(HTMLParser):
        open_tags: list[str]
        ids: list[str]
        labels: list[str]

        def __init__(self) -> None:
            super().__init__()
            self.open_tags, self.ids, self.labels = [], [], []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given = dict(attrs)
            assert tag not in ("script", "img", "link", "iframe")
            assert not {"src", "href", "onload", "onclick"} & given.keys()
            if tag not in ("meta", "br"):
                self.open_tags.append(tag)
            if tag == "th":
                assert given["scope"] in ("row", "col")
            self.ids += [given["id"] or ""] if "id" in given else []
            self.labels += (given.get("aria-labelledby") or "").split()

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            pass

        def handle_endtag(self, tag: str) -> None:
            assert self.open_tags.pop() == tag

    checker = Checker()
    checker.feed(report)
    assert checker.open_tags == []
    assert len(checker.ids) == len(set(checker.ids))
    assert set(checker.labels) <= set(checker.ids)
    assert report.count("<table") == report.count("<caption")
    assert "url(http" not in report
    assert "@import" not in report


def test_a_changed_inventory_makes_the_report_stale(report: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.html"
    held = inventory.read(Table.metadata)
    assert not is_stale(path, held)
    first = dataclasses.replace(held.rows[0], retention="for ever")
    assert is_stale(path, inventory.Inventory((first, *held.rows[1:])))
    path.write_text("something else")
    assert is_stale(path, held)


def test_a_failing_report_leaves_the_former_one(database: Database, tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()  # cannot be replaced by a file
    with database.connection() as connection, pytest.raises(OSError, match=r"report\.html"):
        write_report(connection, Table.metadata, tmp_path / "report.html")
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.endswith(".part")] == []


def test_names_are_escaped() -> None:
    row = inventory.InventoryRow(
        "kyc",
        "<script>",
        "c",
        "text",
        False,
        Category.NONE,
        "<b>p</b>",
        Basis.CONTRACT,
        "r",
    )
    seen = _facts(unmapped=("x.<i>.y",))
    text = render(inventory.Inventory((row,)), seen)
    assert "<script>" not in text
    assert "<b>p</b>" not in text
    assert "<i>" not in text


def test_controls_are_found_in_the_running_database(database: Database, vault: Vault) -> None:
    with database.connection() as connection:
        vault.seal(connection, subject=new_id(), place=Place("kyc.person", "name", new_id()), value="x")
    assert {name for name, status in _evidence(database).items() if status is Status.MISSING} == set()


@pytest.mark.parametrize(
    ("statement", "control"),
    [
        ("DROP TRIGGER opening_append_only ON privacy.opening", "logged-opening"),
        ("ALTER TABLE privacy.opening DISABLE TRIGGER USER", "logged-opening"),
        ("GRANT DELETE ON privacy.opening TO emoney_app", "logged-opening"),
        ("GRANT UPDATE (amount) ON ledger.transfer TO emoney_app", "append-only-books"),
        ("ALTER TABLE privacy.opening ADD COLUMN extra text", "inventory"),
        ("SELECT 1", "key-hierarchy"),
    ],
)
def test_a_control_that_is_gone_lowers_no_risk(
    database: Database, owner_url: str, statement: str, control: str
) -> None:
    with psycopg.connect(owner_url) as connection:
        connection.execute(statement.encode())
    assert _evidence(database)[control] is Status.MISSING


def test_big_tables_are_estimated_and_said_to_be(
    database: Database, owner_url: str, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.connection() as connection:
        vault.seal_many(
            connection, [ClearField(new_id(), Place("kyc.person", "name", new_id()), "x") for _ in range(50)]
        )
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("ANALYZE privacy.subject_key")
    monkeypatch.setattr(facts, "EXACT_ROWS_MAX", 10)
    with database.connection() as connection:
        seen = facts.collect(connection, Table.metadata)
    table = seen.table("privacy.subject_key")
    assert table
    assert (table.rows, table.exact) == (50, False)
    assert "about 50" in render(inventory.read(Table.metadata), seen)


def test_only_controls_that_were_found_lower_a_risk() -> None:
    base = knowledge.load()
    none = inventory.Inventory(())
    evidence = controls.look(base.controls, none, _facts())
    for one in risk.assess(base.risks, evidence):
        expected = {found.control.id for found in evidence if found.counts} & set(one.risk.lowered_by)
        assert {found.control.id for found in one.in_place} == expected
        assert one.after.likelihood <= one.before.likelihood
        assert one.after.impact <= one.before.impact
        if not expected:
            assert one.after == one.before


def test_levels_follow_likelihood_times_impact() -> None:
    assert [Rating(1, 3).level, Rating(2, 3).level, Rating(3, 3).level, Rating(3, 4).level] == [
        Level.LOW,
        Level.MODERATE,
        Level.HIGH,
        Level.SEVERE,
    ]


def test_every_purpose_is_described_and_no_other() -> None:
    assert [text.name for text in knowledge.load().purposes] == [purpose.value for purpose in Purpose]


def test_tables_of_the_knowledge_base_exist() -> None:
    mapped = set(Table.metadata.tables)
    assert {table for control in knowledge.load().controls for table in control.tables} <= mapped


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("risks", {"lowered_by": {"nothing": {"impact": 1}}}, "control nothing"),
        ("risks", {"likelihood": 5}, r"risks\.0\.likelihood"),
        ("controls", {"check": "hope"}, r"controls\.0\.check"),
        ("controls", {"colour": "red"}, r"controls\.0\.colour"),
    ],
)
def test_a_knowledge_base_that_does_not_fit_is_refused(
    part: str, change: dict[str, Any], message: str
) -> None:
    names = {"purposes": "purposes", "controls": "controls", "risks": "risks", "standing": "report"}
    content = {key: data.read_yaml("assessment", f"{file}.yaml") for key, file in names.items()}
    content[part][0] |= change
    with pytest.raises(InvalidKnowledge, match=message):
        knowledge.parse(content)


def _evidence(database: Database) -> dict[str, Status]:
    held = inventory.read(Table.metadata)
    with database.connection() as connection:
        seen = facts.collect(connection, Table.metadata)
    return {found.control.id: found.status for found in controls.look(knowledge.load().controls, held, seen)}


def _facts(unmapped: tuple[str, ...] = ()) -> facts.Facts:
    return facts.Facts(
        taken_at=NOON,
        server_version="18",
        tables=(),
        keys_by_state={},
        keks=0,
        openings_by_purpose={},
        opening_actors=0,
        first_opening=None,
        last_opening=None,
        unmapped=unmapped,
        role_is_plain=True,
    )
