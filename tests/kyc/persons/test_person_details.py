"""A person's details: refused with the field and what would be right, never with a value."""

import traceback
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoney.kyc.errors import InvalidPerson
from emoney.kyc.persons.details import PersonDetails, parse_person

TODAY = date(2026, 6, 10)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"currency": "ghs"}, "currency: must be an ISO 4217 code in capitals, such as GHS"),
        ({"currency": "CEDI"}, "in capitals"),
        ({"currency": None}, "in capitals"),
        ({"external_ref": "Ama Serwaa"}, "external_ref: must be 1 to 128 letters"),
        ({"external_ref": "x" * 129}, "external_ref: must be"),
        ({"external_ref": ""}, "external_ref: must be"),
        ({"birth_date": "14.03.1987"}, "birth_date: must be a date as 1990-01-31"),
        ({"birth_date": "1987-02-30"}, "birth_date: must be a date"),
        ({"birth_date": 542678400}, "birth_date: must be a date"),
        ({"birth_date": "542678400"}, "birth_date: must be a date"),
        ({"birth_date": "2026-07-01"}, "lies in the future"),
        ({"birth_date": "1787-03-14"}, "more than 130 years ago"),
        ({"phone": "024 477 1902"}, "phone: must be an international number"),
        ({"phone": 233244771902}, "phone: Input should be a valid string"),
        ({"phone": ""}, "phone: "),
        ({"name": "   "}, "name: "),
        ({"name": "x" * 201}, "name: "),
        ({"name": "Ama\0Serwaa"}, "name: must be readable text"),
        ({"name": "Ama\ud800"}, "name: "),
        ({"name": ["Ama"]}, "name: "),
        ({"id_kind": None}, "id_kind and id_number: give both or neither"),
        ({"id_number": None}, "id_kind and id_number: give both or neither"),
        ({"id_kind": "x" * 41}, "id_kind: must be the kind of document"),
        ({"evidence": "address_proof"}, "evidence: must be a list"),
        ({"evidence": ["address proof"]}, "evidence: must be a list"),
        ({"evidence": ["x" * 41]}, "evidence: must be a list"),
        ({"evidence": [f"kind{n}" for n in range(21)]}, "evidence: must be a list of at most 20"),
        ({"evidence": ["id_document"]}, "evidence: a phone or an identity document is shown by giving"),
        ({"Ama Serwaa": 1}, "an unknown field; the fields are external_ref"),
        ({"nick_name": "Ama"}, "an unknown field"),
        ({7: "Ama"}, "an unknown field"),
        ({"external_ref": "W-0244771902"}, "external_ref: contains the phone"),
        ({"external_ref": "gha7182937464"}, "external_ref: contains the id_number"),
    ],
)
def test_each_fault_names_the_field_and_no_value(
    ama: dict[str, Any], change: dict[Any, Any], said: str
) -> None:
    with pytest.raises(InvalidPerson) as refused:
        parse_person(ama | change, TODAY)
    assert said in str(refused.value)
    told = "".join(traceback.format_exception(refused.value)) + repr(refused.value)
    for value in ("Ama", "Serwaa", "1987", "771902", "7182", "Nkrumah", "542678400"):
        assert value not in told.replace("1990-01-31", "")
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None  # some reporters print what is suppressed, too


def test_several_faults_come_together(ama: dict[str, Any]) -> None:
    with pytest.raises(InvalidPerson, match=r"birth_date: .*; phone: "):
        parse_person(ama | {"birth_date": "x", "phone": "x"}, TODAY)


@pytest.mark.parametrize("details", [None, [], "Ama", 3])
def test_what_is_no_object_is_refused(details: Any) -> None:
    with pytest.raises(InvalidPerson, match="one JSON object"):
        parse_person(details, TODAY)


def test_a_person_does_not_print(ama: dict[str, Any]) -> None:
    person = parse_person(ama, TODAY)
    assert repr(person) == "PersonDetails(external_ref='P-1', currency='GHS', evidence=())"
    assert str(person) == repr(person)[len("PersonDetails(") : -1].replace(", ", " ")


def test_details_are_tidied(ama: dict[str, Any]) -> None:
    person = parse_person(ama | {"name": "  Ama ", "evidence": ["address_proof", "address_proof"]}, TODAY)
    assert person.name == "Ama"
    assert person.phone == "+233244771902"
    assert person.shows == {"phone", "id_document", "address_proof"}


def test_an_address_alone_is_no_proof_of_address(ama: dict[str, Any]) -> None:
    assert "address_proof" not in parse_person(ama, TODAY).shows


_json = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.lists(st.text(max_size=9))
)


@given(st.dictionaries(st.sampled_from(list(PersonDetails.model_fields)) | st.text(max_size=9), _json))
def test_whatever_comes_is_a_person_or_is_refused(details: dict[str, Any]) -> None:
    try:
        parse_person(details, TODAY)
    except InvalidPerson as refused:
        cause = refused.__context__
    else:
        cause = None
    assert cause is None
