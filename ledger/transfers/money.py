"""Amounts: whole minor units of an ISO 4217 currency, never floats."""

from dataclasses import dataclass
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from functools import lru_cache

from iso4217 import Currency

from emoney.ledger.base.errors import (
    AmountTooLarge,
    AmountTooPrecise,
    CurrencyMismatch,
    InvalidAmount,
    NegativeAmount,
    UnknownCurrency,
    ZeroAmount,
)

AMOUNT_MAX = 10**15
"""The largest amount of one transfer, in minor units; sums of a bigint hold nine thousand of them."""

_TEXT_MAX = 40
_EXACT = Context(prec=2 * _TEXT_MAX, traps=[InvalidOperation, Overflow, Inexact])
"""Whatever context the caller works in, no digit is lost without an error."""


@lru_cache(maxsize=512)
def exponent(currency: str) -> int:
    """Digits after the decimal point of `currency` (2 for EUR, 0 for UGX).

    Source: the ISO 4217 maintenance list. Raises UnknownCurrency.
    """
    try:
        digits: int | None = Currency(currency).exponent
    except ValueError:
        digits = None
    if digits is None:
        raise UnknownCurrency(f"{currency!r} is not an ISO 4217 currency with a minor unit, such as EUR")
    return digits


def to_minor(amount: str | int | Decimal, currency: str) -> int:
    """Minor units of a decimal amount: `to_minor("12.34", "EUR")` is 1234.

    Raises InvalidAmount for what is not a decimal number, AmountTooPrecise for more digits than the currency
    has, AmountTooLarge beyond AMOUNT_MAX either way; zero and negative amounts are returned as they are.
    """
    digits = exponent(currency)
    if type(amount) not in (str, int, Decimal):
        raise InvalidAmount(
            f"an amount is text, a whole number or a Decimal, never a {type(amount).__name__}"
        )
    if isinstance(amount, int) and abs(amount) > AMOUNT_MAX:
        raise AmountTooLarge(f"the amount is not below {to_decimal(AMOUNT_MAX, currency)} {currency}")
    text = str(amount).strip()
    if len(text) > _TEXT_MAX:
        raise InvalidAmount(f"an amount of {len(text)} characters is too long")
    try:
        if "_" in text or not text.isascii():
            raise InvalidOperation
        minor = Decimal(text).scaleb(digits, _EXACT)
        if not minor.is_finite():
            raise InvalidOperation
    except Inexact:
        raise AmountTooPrecise(f"{text!r} has more than the {digits} decimal places of {currency}") from None
    except DecimalException:
        raise InvalidAmount(f"{text!r} is not an amount: write digits and a point, such as 12.34") from None
    if abs(minor) > AMOUNT_MAX:
        raise AmountTooLarge(f"{text!r} is not an amount below {to_decimal(AMOUNT_MAX, currency)} {currency}")
    if minor != minor.to_integral_value():
        raise AmountTooPrecise(f"{text!r} has more than the {digits} decimal places of {currency}")
    return int(minor)


def check_amount(amount: object, what: str) -> None:
    """Raise ZeroAmount, NegativeAmount, AmountTooLarge or InvalidAmount for what is no amount to move.

    In minor units; `what` it is of.
    """
    if type(amount) is not int:
        raise InvalidAmount(f"{what}: the amount must be a whole number of minor units")
    if not 0 < amount <= AMOUNT_MAX:
        wrong = AmountTooLarge if amount > 0 else NegativeAmount if amount else ZeroAmount
        raise wrong(f"{what}: {amount} is not between 1 and {AMOUNT_MAX} minor units")


def to_decimal(minor: int, currency: str) -> Decimal:
    """The decimal amount of `minor` units: `to_decimal(1234, "EUR")` is Decimal("12.34")."""
    return Decimal(minor).scaleb(-exponent(currency), _EXACT)


def format_amount(minor: int, currency: str) -> str:
    """`minor` units for a reader, with thousands separated: "1,234.50"."""
    return f"{to_decimal(minor, currency):,f}"


def amount_text(minor: int, currency: str) -> str:
    """`minor` units with their currency, as a person reads them: "1,234.50 EUR"."""
    return f"{format_amount(minor, currency)} {currency}"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in major units, such as `Money(Decimal("47.10"), "GHS")`; `minor` are its minor units.

    `amount`: a Decimal, a whole number or a text such as "47.10"; never a float. Raises InvalidAmount,
    AmountTooPrecise for more decimal places than the currency has, UnknownCurrency.
    """

    amount: Decimal
    currency: str

    def __init__(self, amount: Decimal | int | str, currency: str) -> None:
        checked_currency(currency)
        minor = to_minor(amount, currency)
        object.__setattr__(self, "amount", to_decimal(minor, currency))
        object.__setattr__(self, "currency", currency)

    @property
    def minor(self) -> int:
        """Whole minor units."""
        return to_minor(self.amount, self.currency)

    def __str__(self) -> str:
        return f"{self.amount:,f} {self.currency}"


Amount = int | Decimal | Money
"""What is taken for an amount: whole minor units, or major units as a Decimal or as Money."""


def checked_currency(currency: object) -> str:
    """`currency`, if it is a code that has a minor unit. Raises UnknownCurrency."""
    if not isinstance(currency, str):
        raise UnknownCurrency(
            f"a currency is a code of ISO 4217 such as EUR, not a value of type {type(currency).__name__}"
        )
    exponent(currency)
    return currency


def as_minor(amount: object, currency: str | None, what: str = "amount") -> tuple[int, str]:
    """Minor units and currency of an amount at the door.

    `currency`: may be left out with Money, which names its own. Raises CurrencyMismatch where the two
    differ, AmountTooPrecise, UnknownCurrency, and InvalidAmount for another type, floats among them.
    """
    if isinstance(amount, Money):
        if currency is not None and currency != amount.currency:
            raise CurrencyMismatch(f"{what}: {amount.currency} is given as {currency}")
        return amount.minor, amount.currency
    if currency is None:
        raise UnknownCurrency(f"{what}: name the currency, or give the amount as Money")
    checked_currency(currency)
    if type(amount) is int:
        return amount, currency
    if isinstance(amount, Decimal):
        return to_minor(amount, currency), currency
    raise InvalidAmount(
        f"{what}: the amount must be a whole number of minor units, a Decimal or Money, "
        f"not a {type(amount).__name__}"
    )


def moved(amount: object, currency: str, what: str) -> int | None:
    """Minor units to move of something in `currency`, None for all of it. Errors as `as_minor`."""
    if amount is None:
        return None
    minor, _ = as_minor(amount, currency, what)
    check_amount(minor, what)
    return minor
