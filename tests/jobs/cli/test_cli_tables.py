"""Listings fit the terminal: nothing is cut, no word is broken; records where a table does not fit."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest

from emoney.jobs.cli.output import amount, listing
from emoney.jobs.cli.terminal.json_values import json_of, named
from emoney.jobs.cli.terminal.screens import screen
from emoney.jobs.cli.terminal.tables import table

ID, OTHER = UUID(int=2**127 + 1), UUID(int=2**126 + 1)
WHY = "paid by eleven persons within one hour, each a little below what would have been reported of it"


@pytest.fixture(params=[40, 80, 200])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    columns: int = request.param
    monkeypatch.setattr(screen, "width", columns)
    return columns


@pytest.mark.parametrize(
    "row",
    [
        ("W1", ID, "4,710.00 GHS", WHY),
        (ID, OTHER, "1,234,567,890,123.45 GHS", WHY),
        ("W1", "short", "0.00 GHS", ""),
        ("Wörter 電子錢包", "電子錢包", "1.00 GHS", WHY),
    ],
)
def test_nothing_is_cut_and_no_word_is_broken(
    capsys: pytest.CaptureFixture[str], width: int, row: tuple[object, ...]
) -> None:
    table("Alerts", ("wallet", "id", "amount", "why"), [row, row], right=("amount",))
    lines = capsys.readouterr().out.splitlines()
    words = [word for line in lines for word in line.split()]
    for cell in row:
        assert all(words.count(word) >= 2 for word in str(cell).split())
    longest = max(len(word) for word in str(row).split())
    assert all(len(line) <= max(width, longest + len("wallet") + 2) for line in lines)
    amounts = str(row[2])
    assert sum(amounts in line for line in lines) == 2  # in one piece, however narrow


def test_where_a_table_does_not_fit_each_row_is_a_record(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "width", 80)
    table(
        "Requests",
        ("request", "subject", "state", "ground"),
        [(ID, OTHER, "received", WHY), (OTHER, ID, "", "")],
    )
    out = capsys.readouterr().out
    assert out == (
        "\nRequests\n\n"
        f"request  {ID}\n"
        f"subject  {OTHER}\n"
        "state    received\n"
        "ground   paid by eleven persons within one hour, each a little below what would\n"
        "         have been reported of it\n\n"
        f"request  {OTHER}\n"
        f"subject  {ID}\n\n"
    )


def test_a_table_that_fits_is_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "width", 50)
    rows = [("bank", "1,000.00 GHS", "held at the bank of the operator"), ("fees", "1.50 GHS", "")]
    table("Books", ("account", "balance", "what"), rows, right=("balance",))
    assert capsys.readouterr().out == (
        "\nBooks\n"
        "account       balance  what\n"
        "──────────────────────────────────────────────────\n"
        "bank     1,000.00 GHS  held at the bank of the\n"
        "                       operator\n"
        "fees         1.50 GHS\n\n"
    )


def test_a_cell_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    table("\x1b[2J", ("a",), [("\x1b[31m\r",)])
    assert capsys.readouterr().out.isascii() is False
    table("none", ("a", "b"), [])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "none" in out


class Colour(StrEnum):
    RED = "red"


class Pair(NamedTuple):
    one: int
    two: date


@dataclass(frozen=True, slots=True)
class Held:
    id: UUID
    colour: Colour
    at: datetime
    pair: Pair
    share: Decimal
    file: Path
    names: frozenset[str]
    inner: tuple["Held", ...] = ()


def test_one_way_from_a_value_to_json(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
    held = Held(
        ID, Colour.RED, at, Pair(1, date(2026, 1, 2)), Decimal("1.50"), Path("a/b"), frozenset({"b", "a"})
    )
    plain = {
        "id": str(ID),
        "colour": "red",
        "at": "2026-01-02T01:00:00+00:00",
        "pair": {"one": 1, "two": "2026-01-02"},
        "share": "1.50",
        "file": "a/b",
        "names": ["a", "b"],
        "inner": [],
    }
    assert json_of(held) == plain
    assert json_of({Colour.RED: (held,), 7: None}) == {"red": [plain], "7": None}
    assert json_of(held, **named("share", identifier="id")) == {"share": "1.50", "identifier": str(ID)}
    assert json_of(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00+00:00"
    with pytest.raises(TypeError):
        json_of(b"bytes have no JSON form")
    listing("Held", [held], {"id": "id", "first": lambda each: each.pair.one}, as_json=False)
    assert str(ID) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(471_000, "GHS", "4,710.00 GHS"), (471_000, "UGX", "471,000 UGX"), (-1_005, "KWD", "-1.005 KWD")],
)
def test_amounts_are_in_major_units_with_their_currency(minor: int, currency: str, text: str) -> None:
    assert amount(minor, currency) == text
