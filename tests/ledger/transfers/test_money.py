from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger.base.errors import (
    AmountTooLarge,
    AmountTooPrecise,
    InvalidAmount,
    NegativeAmount,
    UnknownCurrency,
    ZeroAmount,
)
from emoney.ledger.transfers.money import (
    AMOUNT_MAX,
    check_amount,
    exponent,
    format_amount,
    to_decimal,
    to_minor,
)

CURRENCIES = st.sampled_from(["EUR", "GHS", "UGX", "JPY", "BHD", "KWD", "CLF"])
MINOR = st.integers(-AMOUNT_MAX, AMOUNT_MAX)


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("GHS", 2), ("UGX", 0), ("BHD", 3), ("CLF", 4)])
def test_digits_of_a_currency(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


@pytest.mark.parametrize("currency", ["", "eur", "EU", "978", "XXX", "XAU", "EUR ", "\0"])
def test_what_is_no_currency_with_a_minor_unit(currency: str) -> None:
    with pytest.raises(UnknownCurrency, match="ISO 4217"):
        to_minor("1", currency)


@given(MINOR, CURRENCIES)
def test_minor_units_survive_the_way_out_and_back(minor: int, currency: str) -> None:
    assert to_minor(to_decimal(minor, currency), currency) == minor
    assert to_minor(str(to_decimal(minor, currency)), currency) == minor
    assert to_minor(format_amount(minor, currency).replace(",", ""), currency) == minor


@given(MINOR, CURRENCIES)
def test_the_callers_decimal_context_does_not_matter(minor: int, currency: str) -> None:
    shown = format_amount(minor, currency)
    with localcontext() as context:
        context.prec = 3
        assert format_amount(minor, currency) == shown
        assert to_minor(shown.replace(",", ""), currency) == minor


@given(
    st.text(max_size=60)
    | st.from_regex(r"[-+]?[0-9]{0,30}\.?[0-9]{0,30}(e[-+]?[0-9]{1,12})?", fullmatch=True)
)
def test_any_text_is_an_exact_amount_or_refused(text: str) -> None:
    try:
        minor = to_minor(text, "EUR")
    except InvalidAmount:
        return
    assert Decimal(text) * 100 == minor
    assert abs(minor) <= AMOUNT_MAX


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.34", "EUR", 1234),
        (" 12.3 ", "EUR", 1230),
        ("-0", "EUR", 0),
        ("12", "UGX", 12),
        ("12.000", "UGX", 12),
        ("1.234", "BHD", 1234),
        ("1e3", "EUR", 100000),
        ("0.010", "EUR", 1),
        (7, "EUR", 700),
        (Decimal("0.01"), "EUR", 1),
        ("10000000000000", "EUR", AMOUNT_MAX),
    ],
)
def test_amounts(text: str, currency: str, minor: int) -> None:
    assert to_minor(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("12.345", "EUR"),
        ("0.5", "UGX"),
        ("1.2345", "BHD"),
        ("1.0000000000000000000000000000000000001", "EUR"),
        ("1e-999999999", "EUR"),
        ("10000000000000.01", "EUR"),
        ("-10000000000000.01", "EUR"),
        ("1e999999", "EUR"),
        ("1e99999999999999999999", "EUR"),
        ("NaN", "EUR"),
        ("sNaN", "EUR"),
        ("Infinity", "EUR"),
        ("-inf", "EUR"),
        ("", "EUR"),
        ("twelve", "EUR"),
        ("1,000.00", "EUR"),
        ("1_000", "EUR"),
        ("١٢", "EUR"),
        ("0x10", "EUR"),
        ("9" * 41, "EUR"),
        pytest.param("9" * 1_000_000, "EUR", id="huge"),
    ],
)
def test_what_is_no_amount(text: str, currency: str) -> None:
    with pytest.raises(InvalidAmount) as raised:
        to_minor(text, currency)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("amount", [1.5, True, None, b"1", pytest.param(10**5000, id="huge")])
def test_only_text_whole_numbers_and_decimals_are_amounts(amount: object) -> None:
    with pytest.raises(InvalidAmount):
        to_minor(amount, "EUR")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("amount", "currency", "error"),
    [
        ("1.234", "EUR", AmountTooPrecise),
        ("0.5", "UGX", AmountTooPrecise),
        (Decimal("1e-40"), "BHD", AmountTooPrecise),
        ("10000000000000.01", "EUR", AmountTooLarge),
        (-(10**15) - 1, "UGX", AmountTooLarge),
        ("NaN", "EUR", InvalidAmount),
        ("-Infinity", "EUR", InvalidAmount),
    ],
)
def test_each_wrong_amount_has_its_own_error(
    amount: str | int | Decimal, currency: str, error: type[InvalidAmount]
) -> None:
    with pytest.raises(error) as raised:
        to_minor(amount, currency)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("amount", "error"),
    [
        (0, ZeroAmount),
        (-1, NegativeAmount),
        (AMOUNT_MAX + 1, AmountTooLarge),
        (1.0, InvalidAmount),
        (True, InvalidAmount),
    ],
)
def test_each_amount_that_cannot_move_has_its_own_error(amount: object, error: type[InvalidAmount]) -> None:
    with pytest.raises(error, match="capture 7") as raised:
        check_amount(amount, "capture 7")
    assert type(raised.value) is error
    check_amount(1, "capture 7")
    check_amount(AMOUNT_MAX, "capture 7")


def test_amounts_are_shown_with_their_digits() -> None:
    assert format_amount(123450, "EUR") == "1,234.50"
    assert format_amount(1234, "UGX") == "1,234"
    assert format_amount(-5, "BHD") == "-0.005"
