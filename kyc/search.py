"""How persons are found by what is sealed: the blind indexes on `kyc.person`, and the one spelling of each
value."""

import unicodedata
from collections.abc import Iterable
from uuid import UUID

from kyc.person import PersonDetails
from ledger.database import Connection
from privacy import BlindIndex, IndexEntry, Vault

_SHORTEST = 5
"""A number of fewer letters and digits says little."""


def spelled_phone(phone: str | None) -> list[str]:
    """As it is stored: + and digits."""
    return [phone] if phone else []


def spelled_document(kind: str | None, number: str | None) -> list[str]:
    """Kind and number, without case and signs: a number alone may be anyone's."""
    if not kind or not number:
        return []
    compact = _letters_and_digits(number)
    return [f"{_letters_and_digits(kind)}|{compact}"] if len(compact) >= _SHORTEST else []


def spelled_name_and_birth(name: str | None, birth_date: str | None) -> list[str]:
    """A name with a birth date, in any order of the names, without accents: all names, and the outer two."""
    if not name or not birth_date:
        return []
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(sign if sign.isalnum() else " " for sign in plain if not unicodedata.combining(sign))
    names = letters.split()
    if not names:
        return []
    forms = {" ".join(sorted(names)), " ".join(sorted({names[0], names[-1]}))}
    return [f"{form}|{birth_date}" for form in sorted(forms)]


PHONE = BlindIndex(
    "kyc.person.phone",
    "kyc.person",
    ("phone",),
    spelled_phone,
    value_bits=26,
    because="a national numbering plan has some 10^8 subscriber numbers, and few persons share one",
)
DOCUMENT = BlindIndex(
    "kyc.person.document",
    "kyc.person",
    ("id_kind", "id_number"),
    spelled_document,
    value_bits=26,
    because="issuers number their documents without repeating, 10^8 and more of them",
)
NAME_AND_BIRTH = BlindIndex(
    "kyc.person.name_birth",
    "kyc.person",
    ("name", "birth_date"),
    spelled_name_and_birth,
    value_bits=26,
    because="a full name has 12 bits and more even where surnames are few, a birth date has 14.8",
)
INDEXES = (PHONE, DOCUMENT, NAME_AND_BIRTH)


def index_persons(
    connection: Connection, vault: Vault, persons: Iterable[tuple[UUID, PersonDetails]]
) -> None:
    """Index new persons, in the caller's transaction."""
    entries: dict[BlindIndex, list[IndexEntry]] = {index: [] for index in INDEXES}
    for person_id, details in persons:
        for index, found in entries.items():
            values = (getattr(details, column) for column in index.columns)
            clear = tuple(None if value is None else str(value) for value in values)
            found.append(IndexEntry(person_id, person_id, clear))
    for index, found in entries.items():
        vault.indexes.fill(connection, index, found)


def _letters_and_digits(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in plain if character.isalnum())
