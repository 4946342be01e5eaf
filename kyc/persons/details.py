"""A person's details as an operator gives them, checked before anything is sealed or written.

No error of this module carries a value: it says which field is wrong and what would be right.
"""

import re
import unicodedata
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from emoney.kyc.errors import InvalidPerson
from emoney.kyc.packs.evidence import Kinds
from emoney.kyc.persons import documents
from emoney.kyc.persons.mrz import UnreadableZone, read_zone

AGE_MAX_YEARS = 130
_TELLING = 6
"""From so many letters and digits on, a number that stands in a reference is recognised there."""

_WHAT_IS_RIGHT = {
    "external_ref": "1 to 128 letters, digits and . _ : / -, beginning with a letter or a digit",
    "currency": "an ISO 4217 code in capitals, such as GHS",
    "id_kind": "the kind of document, such as national_id, in 1 to 40 characters",
    "id_country": "the issuing country as two capitals, such as GH",
    "tax_country": "the country of the tax number as two capitals, such as GH",
    "kind": "natural or legal_entity",
    "birth_date": "a date as 1990-01-31",
    "id_expires_on": "a date as 2031-01-31",
    "guardian": "the external_ref of an enrolled person",
    "authority": "parent, court or other",
    "evidence": "a list of at most 20 kinds of evidence, such as address_proof",
}

SEALED = (
    "name",
    "birth_date",
    "phone",
    "id_kind",
    "id_number",
    "id_country",
    "tax_number",
    "tax_country",
    "address",
)
"""The fields that are stored, each in a sealed column of its name."""

_Line = Annotated[str, Field(min_length=1)]


class PersonDetails(BaseModel):
    """What an operator gives to enrol a person, natural or a legal entity.

    `external_ref`: the operator's own id, unique, no personal data; it becomes the wallet's reference too.
    `phone`: in international form. `id_country`: who issued the document (ISO 3166), which lets its number be
    checked; `id_expires_on`: its last day; `mrz`: the lines of its machine-readable zone, checked against the
    rest and not kept. `guardian`: of a minor, the reference of the enrolled person who answers, and
    `authority`: by which right.
    `evidence`: further kinds captured, such as `address_proof`; a phone and an identity document are shown by
    giving them.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, str_strip_whitespace=True
    )

    external_ref: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    kind: Literal["natural", "legal_entity"] = Field(default="natural", repr=False)
    name: Annotated[_Line, Field(max_length=200)] | None = Field(default=None, repr=False)
    birth_date: date | None = Field(default=None, repr=False)
    phone: Annotated[_Line, Field(max_length=32)] | None = Field(default=None, repr=False)
    id_kind: Annotated[_Line, Field(max_length=40)] | None = Field(default=None, repr=False)
    id_number: Annotated[_Line, Field(max_length=64)] | None = Field(default=None, repr=False)
    id_country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$", repr=False)
    id_expires_on: date | None = Field(default=None, repr=False)
    mrz: Annotated[_Line, Field(max_length=150)] | None = Field(default=None, repr=False)
    tax_number: Annotated[_Line, Field(max_length=64)] | None = Field(default=None, repr=False)
    tax_country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$", repr=False)
    address: Annotated[_Line, Field(max_length=500)] | None = Field(default=None, repr=False)
    guardian: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$", repr=False)
    authority: Literal["parent", "court", "other"] | None = Field(default=None, repr=False)
    evidence: Kinds = ()

    @field_validator("birth_date", "id_expires_on", mode="before")
    @classmethod
    def _calendar_date(cls, given: object) -> object:
        """Only a date as written: a number would be taken for seconds since 1970."""
        if isinstance(given, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given.strip()):
            raise ValueError("not a date")
        if given is not None and type(given) not in (str, date):
            raise ValueError("not a date")
        return given.strip() if isinstance(given, str) else given

    @field_validator("phone")
    @classmethod
    def _international(cls, phone: str | None) -> str | None:
        if phone is None:
            return None
        compact = re.sub(r"[ ().-]", "", phone)
        if not re.fullmatch(r"\+[1-9][0-9]{6,14}", compact):
            raise ValueError("must be an international number: + and 7 to 15 digits")
        return documents.canonical_phone(compact)

    @field_validator("name", "id_kind", "id_number", "tax_number", "mrz", "address")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        for character in text or "":
            if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\r\t":
                raise ValueError("must be readable text, without control characters")
        return text

    @field_validator("evidence")
    @classmethod
    def _not_by_word_alone(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if {"phone", "id_document", "registration", "beneficial_owners"} & set(kinds):
            raise ValueError(
                "a phone or an identity document is shown by giving phone, or id_kind and id_number"
            )
        return kinds

    @property
    def declares(self) -> frozenset[str]:
        """The kinds of evidence that these details declare, and no more."""
        given = {"name": self.name, "dob": self.birth_date, "address": self.address}
        return frozenset(kind for kind, value in given.items() if value is not None)

    def id_valid_through(self, today: date) -> date | None:
        """The last day of the identity document, as given or as its zone says; None where it is not known."""
        if self.id_expires_on is not None or self.mrz is None:
            return self.id_expires_on
        return read_zone(self.mrz, today).expires_on

    @property
    def id_method(self) -> str:
        """How the identity document was taken in."""
        if self.mrz is not None:
            return "enrolment, zone checked"
        known = self.id_kind is not None and documents.checks(self.id_country, self.id_kind)
        return "enrolment, number checked" if known else "enrolment"

    @property
    def shows(self) -> frozenset[str]:
        """The kinds of evidence that these details show. An address by itself is no proof of address."""
        kinds = set(self.evidence)
        if self.phone is not None:
            kinds.add("phone")
        if self.id_number is not None:
            kinds.add("id_document" if self.kind == "natural" else "registration")
        return frozenset(kinds)


def parse_person(details: Any, today: date) -> PersonDetails:
    """Check a person's details as they come from JSON. Raises InvalidPerson, naming fields and no values."""
    if not isinstance(details, dict):
        raise InvalidPerson("a person is one JSON object")
    person = _validated(details)
    if not isinstance(person, PersonDetails):  # raised here, where no cause remembers the input
        raise InvalidPerson("; ".join(person))
    faults = [*_date_faults(person, today), *_reference_faults(person), *_document_faults(person, today)]
    if faults:
        raise InvalidPerson("; ".join(faults))
    return person


def _validated(details: dict[Any, Any]) -> PersonDetails | list[str]:
    """The person, or what is wrong with the details."""
    try:
        return PersonDetails.model_validate(details)
    except ValidationError as error:
        return sorted({_fault(each) for each in error.errors(include_input=False, include_context=False)})


def _fault(problem: Any) -> str:
    field = problem["loc"][0] if problem["loc"] else None
    if field not in PersonDetails.model_fields:  # the name of an unknown field may itself be personal data
        return "an unknown field; the fields are " + ", ".join(PersonDetails.model_fields)
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "missing":
        return f"{field}: is missing"
    if field in _WHAT_IS_RIGHT and not message.startswith("a phone"):
        return f"{field}: must be {_WHAT_IS_RIGHT[field]}"
    return f"{field}: {message}"


def _date_faults(person: PersonDetails, today: date) -> list[str]:
    born = person.birth_date
    if born is None:
        return []
    if born > today + timedelta(days=1):  # it may be tomorrow already where the person was born
        return ["birth_date: lies in the future"]
    return (
        [f"birth_date: more than {AGE_MAX_YEARS} years ago"] if born.year < today.year - AGE_MAX_YEARS else []
    )


def _document_faults(person: PersonDetails, today: date) -> list[str]:
    if (person.id_kind is None) != (person.id_number is None):
        return ["id_kind and id_number: give both or neither"]
    faults = []
    if person.authority is not None and person.guardian is None:
        faults.append("authority: belongs to a guardian")
    if person.kind == "legal_entity":
        if person.birth_date is not None or person.guardian is not None or person.mrz is not None:
            return ["kind: a legal entity has no birth_date, guardian or mrz"]
        if person.name is None or person.id_number is None:
            return [
                "kind: a legal entity has its registered name, and its registration as id_kind and id_number"
            ]
    if person.id_number is None and (person.id_country or person.id_expires_on or person.mrz):
        faults.append("id_country, id_expires_on and mrz: belong to an id_number")
    if person.id_kind is not None and person.id_number is not None:
        fault = documents.number_fault(person.id_country, person.id_kind, person.id_number)
        faults += [f"id_number: its {fault}"] if fault else []
        if person.mrz is not None:
            faults += _zone_faults(person, today)
    if person.id_expires_on is not None and person.id_expires_on < today:
        faults.append("id_expires_on: the document has expired")
    if person.tax_number is not None:
        country = person.tax_country or person.id_country
        fault = documents.number_fault(country, "tax_number", person.tax_number)
        faults += [f"tax_number: its {fault}"] if fault else []
    elif person.tax_country is not None:
        faults.append("tax_country: belongs to a tax_number")
    return faults


def _zone_faults(person: PersonDetails, today: date) -> list[str]:
    assert person.mrz is not None
    assert person.id_number is not None
    try:
        zone = read_zone(person.mrz, today)
    except UnreadableZone as error:
        return [f"mrz: {error}"]
    faults = []
    if _letters_and_digits(zone.number) != _letters_and_digits(person.id_number):
        faults.append("mrz: is of another document than id_number")
    if None not in (zone.birth_date, person.birth_date) and zone.birth_date != person.birth_date:
        faults.append("mrz: has another date than birth_date")
    if person.id_expires_on not in (None, zone.expires_on):
        faults.append("mrz: has another date than id_expires_on")
    if zone.expires_on < today:
        faults.append("mrz: the document has expired")
    return faults


def _reference_faults(person: PersonDetails) -> list[str]:
    """The reference stands unsealed in the ledger: it must not be the phone or the document's number."""
    reference = _letters_and_digits(person.external_ref)
    numbers = {
        "phone": (person.phone or "").lstrip("+")[-9:],  # as dialled at home, without the country code
        "id_number": _letters_and_digits(person.id_number or ""),
        "tax_number": _letters_and_digits(person.tax_number or ""),
    }
    return [
        f"external_ref: contains the {field}; use an id of your own that tells nothing about the person"
        for field, number in numbers.items()
        if len(number) >= _TELLING and number in reference
    ]


def _letters_and_digits(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
