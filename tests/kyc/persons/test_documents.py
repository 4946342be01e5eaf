"""Format checks: what can be a number of its country and kind, and what a travel document's zone says."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoney.kyc.errors import InvalidPerson
from emoney.kyc.persons import documents
from emoney.kyc.persons.details import parse_person
from emoney.kyc.persons.mrz import UnreadableZone, check_digit, read_zone

TODAY = date(2026, 6, 10)
# The specimens of ICAO Doc 9303 parts 4, 5, 6 and 7.
TD3 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
TD1 = "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<"
TD2 = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"
VISA = "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL8988901C4XXX4009078F96121096ZE184226B<<<<<<"
AT = date(2012, 1, 1)


@pytest.mark.parametrize(
    ("text", "number"),
    [(TD3, "L898902C3"), (TD1, "D23145890"), (TD2, "D23145890")],
    ids=["TD3", "TD1", "TD2"],
)
def test_the_specimens_read(text: str, number: str) -> None:
    zone = read_zone(text, AT)
    assert (zone.number, zone.issuer) == (number, "UTO")
    assert (zone.birth_date, zone.expires_on) == (date(1974, 8, 12), date(2012, 4, 15))
    assert (zone.surname, zone.given_names) == ("ERIKSSON", "ANNA MARIA")


def test_a_visa_has_no_check_digit_of_the_whole() -> None:
    zone = read_zone(VISA, date(1996, 1, 1))
    assert (zone.number, zone.expires_on) == ("L8988901C", date(1996, 12, 10))


def test_a_long_document_number_goes_on_in_the_optional_data() -> None:
    number = "D231458907341"
    first = f"I<UTO{number[:9]}<{number[9:]}{check_digit(number)}".ljust(30, "<")
    second = "7408122F1204159UTO<<<<<<<<<<<"
    second += check_digit(first[5:30] + second[0:7] + second[8:15] + second[18:29])
    assert read_zone("\n".join((first, second, TD1.split("\n")[2])), AT).number == number


@given(st.sampled_from([TD3, TD1, TD2]), st.data())
def test_no_digit_of_a_checked_part_changes_unnoticed(text: str, data: Any) -> None:
    lines = text.split("\n")
    line = 1 if text != TD1 else data.draw(st.sampled_from([0, 1]))
    places = [place for place, sign in enumerate(lines[line]) if sign.isdigit()]
    place = data.draw(st.sampled_from(places))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != lines[line][place]]))
    lines[line] = lines[line][:place] + other + lines[line][place + 1 :]
    with pytest.raises(UnreadableZone) as refused:
        read_zone("\n".join(lines), AT)
    assert "check digit" in str(refused.value)


@given(st.text(max_size=150))
def test_anything_else_is_refused_without_its_content(text: str) -> None:
    with pytest.raises(UnreadableZone) as refused:
        read_zone(text, AT)
    assert str(refused.value)[0].islower()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"phone": "+2332447"}, "phone: is not a possible number of its country"),
        ({"phone": "+999244771902"}, "phone: must begin with the calling code of a country"),
        ({"id_country": "gh"}, "id_country: must be the issuing country as two capitals"),
        ({"id_country": "PK", "id_number": "42201-0397640-8-1"}, "id_number: its length does not fit"),
        ({"id_country": "IN", "id_number": "234123412347"}, "id_number: its checksum does not fit"),
        ({"id_expires_on": "2026-06-09"}, "id_expires_on: the document has expired"),
        ({"id_expires_on": 20300101}, "id_expires_on: must be a date as 2031-01-31"),
        (
            {"tax_number": "123", "tax_country": "GH"},
            "tax_number: its length does not fit a tax_number of GH",
        ),
        ({"tax_country": "GH"}, "tax_country: belongs to a tax_number"),
        ({"mrz": "P<UTO"}, "mrz: must be the lines of the zone"),
        ({"mrz": TD3}, "mrz: is of another document than id_number"),
        ({"mrz": TD3, "id_number": "L898902C3"}, "mrz: the document has expired"),
        ({"mrz": TD3, "id_number": "L898902C3"}, "mrz: has another date than birth_date"),
        ({"id_number": None, "id_kind": None, "id_country": "GH"}, "belong to an id_number"),
        ({"external_ref": "W-C0012345678", "tax_number": "C0012345678"}, "contains the tax_number"),
    ],
)
def test_a_fault_names_the_field_and_no_value(ama: dict[str, Any], change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidPerson) as refused:
        parse_person(ama | change, TODAY)
    assert said in str(refused.value)
    for value in (*change.values(), "ERIKSSON", "L898902C3"):
        if isinstance(value, str) and len(value) > 4:
            assert value not in str(refused.value)


def test_good_documents_are_taken(ama: dict[str, Any]) -> None:
    indian = ama | {"id_country": "IN", "id_number": "2341 2341 2346", "id_expires_on": "2026-06-10"}
    person = parse_person(indian, TODAY)
    assert person.id_method == "enrolment, number checked"
    assert person.id_valid_through(TODAY) == TODAY
    zoned = ama | {"mrz": TD3, "id_number": "L898902C3", "birth_date": "1974-08-12"}
    person = parse_person(zoned, AT)
    assert (person.id_method, person.id_valid_through(AT)) == ("enrolment, zone checked", date(2012, 4, 15))
    assert "ERIKSSON" not in repr(person)


@pytest.mark.parametrize(
    ("country", "kind", "one", "other"),
    [
        ("IN", "national_id", "2341 2341 2346", "234123412346"),
        ("PK", "national_id", "34201-0891231-8", "3420108912318"),
        (None, "passport", "g 123-456", "G123456"),
        ("GH", "national_id", "GHA-718293746-4", "gha7182937464"),
    ],
)
def test_one_number_has_one_spelling(country: str | None, kind: str, one: str, other: str) -> None:
    canonical = documents.canonical_number(country, kind, one)
    assert canonical == documents.canonical_number(country, kind, other)


def test_every_listed_format_is_in_the_library() -> None:
    known = documents._known()
    assert {"national_id", "tax_number"} <= set(known)
    for kind, names in known.items():
        for country in names:
            assert documents.checks(country, kind)
    assert not documents.checks("GH", "national_id")
