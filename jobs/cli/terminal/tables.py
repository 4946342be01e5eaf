"""Listings that fit the terminal: a table where it has room, else one line for each field of a record.

Nothing is cut and no column is left out. A cell is wrapped at blanks only, so that an id, a reference or an
amount stays in one piece. Where the columns do not fit side by side, each row is written as a record.
"""

from collections.abc import Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import Any

from emoney.jobs.cli.terminal.screens import printable, screen

GAPS = ("  ", " ")
"""What stands between two columns; the second where only that makes them fit."""

TEXT_MIN = 16
"""A column of text is never narrower, or reading down it were no reading."""

Cells = list[list[str]]


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[str] = ()
) -> None:
    """A listing on the terminal; the columns named in `right`, of numbers and amounts, are aligned right."""
    cells = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    whole = [max(map(_width, texts)) for texts in zip(columns, *cells, strict=True)]
    narrowest = [
        width
        if number == 0 or columns[number] in right
        else _narrowest(columns[number], width, cells, number)
        for number, width in enumerate(whole)
    ]
    rooms = {gap: screen.width - len(gap) * (len(columns) - 1) for gap in GAPS}
    fits = [gap for gap, room in rooms.items() if sum(narrowest) <= room]
    screen.line()
    screen.line(title, bold=True)
    if fits:
        widths = _widths(narrowest, whole, rooms[fits[0]])
        _draw(columns, cells, widths, [column in right for column in columns], fits[0])
    else:
        _draw_records(columns, cells)
    screen.line()


def _narrowest(column: str, whole: int, cells: Cells, number: int) -> int:
    words = [word for text in (column, *(row[number] for row in cells)) for word in text.split()]
    return max(min(whole, TEXT_MIN), *map(_width, words), 0)


def _widths(narrowest: list[int], whole: list[int], room: int) -> list[int]:
    """How wide each column is: what is left of the room goes to those that would be wrapped, evenly."""
    widths = list(narrowest)
    left = room - sum(widths)
    while left and (short := [n for n, width in enumerate(widths) if width < whole[n]]):
        for number in short[:left]:
            widths[number] += 1
        left -= len(short[:left])
    return widths


def _draw(columns: Sequence[str], cells: Cells, widths: list[int], at_right: list[bool], gap: str) -> None:
    for number, row in enumerate([list(columns), *cells]):
        wrapped = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
        for pieces in zip_longest(*wrapped, fillvalue=""):
            line = gap.join(map(_aligned, pieces, widths, at_right))
            screen.line(line.rstrip(), bold=number == 0)
        if number == 0:
            screen.line("─" * (sum(widths) + len(gap) * (len(columns) - 1)))


def _draw_records(columns: Sequence[str], cells: Cells) -> None:
    names = max(map(_width, columns))
    room = max(screen.width - names - len(GAPS[0]), 1)
    for row in cells:
        screen.line()
        for column, cell in zip(columns, row, strict=True):
            for number, piece in enumerate(_wrapped(cell, room) if cell else ()):
                screen.line(_aligned("" if number else column, names, False) + GAPS[0] + piece.rstrip())


def _wrapped(text: str, width: int) -> list[str]:
    if _width(text) <= width:
        return [text]
    return wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _aligned(text: str, width: int, at_right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if at_right else text + blanks


def _width(text: str) -> int:
    """The columns that a text takes; some signs take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
