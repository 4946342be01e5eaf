"""Format checks of what a person gives: phone numbers, national id and tax numbers.

Numbers are checked by libraries that follow their issuers: phonenumbers (the numbering plans) and
python-stdnum (check digits and built-in dates; LGPL 2.1 or later, imported as it is). A check says that a
number can exist, never whose it is. No fault contains a value.
"""

from functools import cache, lru_cache
from importlib import import_module
from typing import Any

import phonenumbers
from stdnum.exceptions import ValidationError

from emoney import data

_KINDS_MAX = 512


class ImpossiblePhone(ValueError):
    """A phone number that cannot be. Its text contains no value."""


def canonical_phone(phone: str) -> str:
    """A phone number, given in international form, in its one spelling (E.164). Raises ImpossiblePhone.

    Checked is whether its length and prefix are possible in its country's plan; new ranges appear before any
    list has them, so a number is not refused for its range.
    """
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        raise ImpossiblePhone("must begin with the calling code of a country") from None
    if not phonenumbers.is_possible_number(number):
        raise ImpossiblePhone("is not a possible number of its country: too short, too long or of no plan")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def number_fault(country: str | None, kind: str, number: str) -> str | None:
    """What is wrong with a number of this kind from this country (ISO 3166 alpha-2), or None.

    None also where no format is known: see `checks`.
    """
    module = _module(country, kind)
    if module is None:
        return None
    try:
        module.validate(number)
    except ValidationError as error:
        part = type(error).__name__.removeprefix("Invalid").lower()
        return f"{part} does not fit a {kind} of {country}"
    return None


def canonical_number(country: str | None, kind: str, number: str) -> str:
    """The number in one spelling, for comparing: its format's own, else letters and digits in capitals."""
    module = _module(country, kind)
    compact = number
    if module is not None:
        try:
            compact = module.compact(number)
        except (ValidationError, ValueError):
            compact = number
    return "".join(character for character in str(compact).upper() if character.isalnum())


def checks(country: str | None, kind: str) -> bool:
    """Whether numbers of this kind from this country are checked."""
    return _module(country, kind) is not None


@lru_cache(maxsize=_KINDS_MAX)
def _module(country: str | None, kind: str) -> Any:
    name = _known().get(kind, {}).get(country or "")
    return None if name is None else import_module(f"stdnum.{name}")


@cache
def _known() -> dict[str, dict[str, str]]:
    content = data.read_yaml("kyc", "id_numbers.yaml")
    return {kind: names for kind, names in content.items() if isinstance(names, dict)}
