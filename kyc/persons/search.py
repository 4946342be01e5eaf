"""How persons are found by what is sealed: the blind indexes on `kyc.persons.details`, and the one spelling
that each value is compared in.

Only near-unique values are indexed (see `privacy.search.blind_index`). The indexes are filled at enrolment;
`emoney privacy rotate indexes` fills them for persons who have no entry yet.
"""

import unicodedata
from collections.abc import Iterable
from uuid import UUID

from emoney.kyc.persons.details import PersonDetails
from emoney.kyc.persons.documents import canonical_number
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.privacy import BlindIndex, IndexEntry, Vault

HOLDERS_MAX = 20
"""Persons paired with one for one value: what more than these share is no sign of one person."""

_SHORTEST = 5
"""A number of fewer letters and digits says little."""


def spelled_phone(phone: str | None) -> list[str]:
    """As it is stored: + and digits."""
    return _telling(phone or "")


def spelled_id_number(country: str | None, kind: str | None, number: str | None) -> list[str]:
    """In its format's own spelling; not with its kind, which is told differently for one document."""
    return _telling(canonical_number(country, kind, number)) if kind and number else []


def spelled_tax_number(tax_country: str | None, id_country: str | None, number: str | None) -> list[str]:
    """In its format's own spelling; a tax number without a country is of that of the document."""
    return _telling(canonical_number(tax_country or id_country, "tax_number", number)) if number else []


def name_and_birth_date(name: str | None, birth_date: str | None) -> list[str]:
    """A name with a birth date as it is compared: any order of the names, without accents and signs.

    Two values where there are middle names: with all of them, and with the outer two.
    """
    if not name or not birth_date:
        return []
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(sign if sign.isalnum() else " " for sign in plain if not unicodedata.combining(sign))
    names = letters.split()
    if not names:
        return []
    forms = {" ".join(sorted(names)), " ".join(sorted({names[0], names[-1]}))}
    return [f"{form}|{birth_date}" for form in sorted(forms)]


def _telling(spelling: str) -> list[str]:
    return [spelling] if len(spelling) >= _SHORTEST else []


ID_NUMBER = BlindIndex(
    "kyc.person.id_number",
    "kyc.person",
    ("id_country", "id_kind", "id_number"),
    spelled_id_number,
    value_bits=26,
    reason="issuers number their documents without repeating, 10^8 and more of them",
)
TAX_NUMBER = BlindIndex(
    "kyc.person.tax_number",
    "kyc.person",
    ("tax_country", "id_country", "tax_number"),
    spelled_tax_number,
    value_bits=26,
    reason="a tax authority numbers its payers without repeating, 10^8 and more of them",
)
PHONE = BlindIndex(
    "kyc.person.phone",
    "kyc.person",
    ("phone",),
    spelled_phone,
    value_bits=26,
    reason="a national numbering plan has some 10^8 subscriber numbers, and few persons share one",
)
NAME_BIRTH_DATE = BlindIndex(
    "kyc.person.name_birth_date",
    "kyc.person",
    ("name", "birth_date"),
    name_and_birth_date,
    value_bits=26,
    reason="a full name has 12 bits and more even where surnames are few, a birth date has 14.8",
)
GROUNDS = {
    ID_NUMBER: "id_number",
    TAX_NUMBER: "tax_number",
    PHONE: "phone",
    NAME_BIRTH_DATE: "name_birth_date",
}
"""The indexes, each with what an equal value in it is called where duplicates are noted."""

_INDEXES = {index.name: index for index in GROUNDS}


@all_or_nothing
def index_persons(
    connection: Connection, vault: Vault, persons: Iterable[tuple[UUID, PersonDetails]]
) -> None:
    """Index new persons, in the caller's transaction."""
    vault.indexes.fill(connection, _entries(persons))


@all_or_nothing
def index_again(connection: Connection, vault: Vault, person_id: UUID, details: PersonDetails) -> None:
    """Index a person whose details were corrected, in place of what there was."""
    vault.indexes.replace(connection, _entries([(person_id, details)]))


def _entries(persons: Iterable[tuple[UUID, PersonDetails]]) -> dict[BlindIndex, list[IndexEntry]]:
    known = list(persons)
    return {
        index: [IndexEntry(person_id, person_id, _values(index, details)) for person_id, details in known]
        for index in GROUNDS
    }


def alike(connection: Connection, vault: Vault, persons: list[UUID]) -> list[tuple[UUID, UUID, str]]:
    """Pairs of one of `persons` and anyone with an equal value, each in id order and with its ground.

    Each is paired with at most HOLDERS_MAX others by one value.
    """
    found = vault.indexes.pairs(connection, tuple(GROUNDS), persons, most=HOLDERS_MAX)
    return [(one, other, GROUNDS[_INDEXES[name]]) for one, other, name in found]


def _values(index: BlindIndex, details: PersonDetails) -> tuple[str | None, ...]:
    values = (getattr(details, column) for column in index.columns)
    return tuple(None if value is None else str(value) for value in values)
