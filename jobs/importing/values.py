"""Texts of a file made into values: amounts, times, counts. Each raises BadValue naming its column."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from math import isfinite

from emoney.jobs.importing.bad_file import BadValue, shape
from emoney.ledger.transfers.money import AMOUNT_MAX, exponent, format_amount

_DIGITS_MAX = 24
_YEARS = range(1970, 2200)
_NEAR = 1e-6
"""How far, in units of the currency, a binary fraction may be from the decimal it stands for."""


def amount_reader(column: str, currency: str) -> Callable[[str], int]:
    """A function from a decimal text such as "35.78" to minor units of `currency`, zero allowed.

    Strict: digits, and at most one point with digits on both sides. Zeros beyond the currency's decimal
    places are accepted, other digits there are not. Raises UnknownCurrency here, BadValue from the function.
    """
    places = exponent(currency)
    right = f"write an amount such as {format_amount(1234, currency).replace(',', '')}"

    def read(text: str) -> int:
        whole, point, fraction = text.partition(".")
        if not (
            whole.isdigit()
            and (fraction.isdigit() or not point)
            and text.isascii()
            and len(text) <= _DIGITS_MAX
        ):
            if text.startswith("-"):
                raise BadValue(column, f"{shape(text)} is negative", "amounts are zero or above")
            raise BadValue(column, f"{shape(text)} is not an amount", right)
        if len(fraction) != places:
            if fraction[places:].strip("0"):
                raise BadValue(
                    column,
                    f"{shape(text)} is finer than {currency} allows",
                    f"{currency} has {places} decimal places",
                )
            fraction = fraction[:places].ljust(places, "0")
        minor = int(whole + fraction)
        if minor > AMOUNT_MAX:
            raise BadValue(
                column, f"{shape(text)} is too large", f"at most {format_amount(AMOUNT_MAX, currency)}"
            )
        return minor

    return read


def float_amount_reader(column: str, currency: str) -> Callable[[float], int]:
    """A function from a binary floating-point amount to minor units of `currency`, zero allowed.

    Rounds half to even, and only what is within a millionth of a unit of a representable amount.
    """
    scale = int(10 ** exponent(currency))

    def read(value: float) -> int:
        if not isfinite(value) or value * scale > AMOUNT_MAX:
            raise BadValue(
                column, f"{value!r} is not an amount", f"at most {format_amount(AMOUNT_MAX, currency)}"
            )
        if value < 0:
            raise BadValue(column, f"{value!r} is negative", "amounts are zero or above")
        minor = round(value * scale)
        if abs(minor / scale - value) > _NEAR:
            raise BadValue(
                column,
                f"{value!r} is finer than {currency} allows",
                f"{currency} has {exponent(currency)} decimal places",
            )
        return minor

    return read


def moment_reader(column: str) -> Callable[[str], datetime]:
    """A function from an ISO 8601 date and time to a moment in UTC; without an offset the text is UTC."""

    def read(text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or len(text) < len("2026-01-01T00:00") or moment.year not in _YEARS:
            raise BadValue(column, f"{shape(text)} is not a time", "write one such as 2026-01-31T13:45:00")
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)

    return read


def day_reader(column: str) -> Callable[[str], datetime]:
    """A function from an ISO 8601 date to the first moment of that day in UTC."""

    def read(text: str) -> datetime:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = None
        if day is None or day.year not in _YEARS:
            raise BadValue(column, f"{shape(text)} is not a date", "write one such as 2026-01-31")
        return datetime.combine(day, time(), UTC)

    return read


def count_reader(column: str, least: int, most: int) -> Callable[[str | int], int]:
    """A function from a whole number, written or given, to an int from `least` to `most`."""

    def read(given: str | int) -> int:
        text = str(given)
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX else -1
        if not least <= number <= most:
            raise BadValue(
                column, f"{shape(text)} is out of range", f"a whole number from {least} to {most} is needed"
            )
        return number

    return read
