"""Machine-readable zones of travel documents, read with all their check digits.

Source: ICAO Doc 9303, parts 3 to 7: TD1 (three lines of 30), TD2 and MRV-B (two of 36), TD3 and MRV-A (two
of 44). A check digit is the sum of the values (digits as they are, A to Z as 10 to 35, the filler as 0)
weighted 7, 3, 1 in turn, modulo 10. Read here because the libraries for it are under the GPL.
"""

import re
from dataclasses import dataclass, field
from datetime import date

_VALUES = {character: value for value, character in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {
    "<": 0
}
_SHAPES = {(3, 30): "TD1", (2, 36): "TD2", (2, 44): "TD3"}
_CENTURY = 100


class UnreadableZone(ValueError):
    """A zone that is not well formed, or whose check digits do not fit. Says where, and never what."""


@dataclass(frozen=True, slots=True)
class Zone:
    """What a zone says. `expires_on`: the last day; `number`: without fillers."""

    kind: str
    issuer: str = field(repr=False)
    number: str = field(repr=False)
    birth_date: date | None = field(repr=False)
    expires_on: date
    surname: str = field(repr=False)
    given_names: str = field(repr=False)


def read_zone(text: str, today: date) -> Zone:
    """Read a zone given as its lines. Raises UnreadableZone.

    Years have two digits: a birth lies in the past century, an expiry up to half of one ahead.
    """
    lines = [line.strip().upper() for line in text.split("\n") if line.strip()]
    shape = _SHAPES.get((len(lines), len(lines[0]))) if lines else None
    if shape is None or any(len(line) != len(lines[0]) for line in lines):
        raise UnreadableZone("must be the lines of the zone: three of 30, two of 36 or two of 44 characters")
    if not all(re.fullmatch("[A-Z0-9<]+", line) for line in lines):
        raise UnreadableZone("a machine-readable zone has letters, digits and < only")
    if shape == "TD1":
        return _td1(lines, today)
    return _two_lines(lines, today, 44 if shape == "TD3" else 36)


def check_digit(part: str) -> str:
    """The check digit of a part of a zone."""
    return str(sum(_VALUES[character] * (7, 3, 1)[place % 3] for place, character in enumerate(part)) % 10)


def _td1(lines: list[str], today: date) -> Zone:
    first, second, names = lines
    number, tail = first[5:14], first[15:30]
    if first[14] == "<":  # a longer number goes on in the optional data, its check digit behind it
        rest = tail.split("<", 1)[0]
        number, digit = number + rest[:-1], rest[-1:]
    else:
        digit = first[14]
    _demand("the document number", number, digit)
    _demand_dates(second[0:6], second[6], second[8:14], second[14])
    _demand("the whole", first[5:30] + second[0:7] + second[8:15] + second[18:29], second[29])
    return _zone(first[0:2], first[2:5], number, second[0:6], second[8:14], names, today)


def _two_lines(lines: list[str], today: date, width: int) -> Zone:
    first, second = lines
    _demand("the document number", second[0:9], second[9])
    _demand_dates(second[13:19], second[19], second[21:27], second[27])
    if first[0] != "V":  # visas have no check digit of the whole
        if width == 44:
            optional, digit = second[28:42], second[42]
            if not (digit == "<" and not optional.strip("<")):
                _demand("the optional data", optional, digit)
        _demand("the whole", second[0:10] + second[13:20] + second[21 : width - 1], second[width - 1])
    return _zone(first[0:2], first[2:5], second[0:9], second[13:19], second[21:27], first[5:], today)


def _demand(what: str, part: str, digit: str) -> None:
    if check_digit(part) != digit:
        raise UnreadableZone(f"the check digit of {what} does not fit: read the zone again")


def _demand_dates(born: str, born_digit: str, expires: str, expires_digit: str) -> None:
    _demand("the birth date", born, born_digit)
    _demand("the expiry date", expires, expires_digit)


def _zone(kind: str, issuer: str, number: str, born: str, expires: str, names: str, today: date) -> Zone:
    expiry = _date(expires, today.year + _CENTURY // 2)
    if expiry is None:
        raise UnreadableZone("the expiry date is no date")
    surname, _, given = names.strip("<").partition("<<")
    return Zone(
        kind=kind.strip("<"),
        issuer=issuer.strip("<"),
        number=number.strip("<"),
        birth_date=_date(born, today.year),
        expires_on=expiry,
        surname=surname.replace("<", " ").strip(),
        given_names=given.replace("<", " ").strip(),
    )


def _date(text: str, latest_year: int) -> date | None:
    """The date with the latest year up to `latest_year`; None where a part is not known and so left open."""
    if not text.isdigit():
        return None
    year = latest_year - (latest_year - int(text[:2])) % _CENTURY
    try:
        return date(year, int(text[2:4]), int(text[4:]))
    except ValueError:
        return None
