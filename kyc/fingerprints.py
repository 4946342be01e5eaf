"""Fingerprints: keyed codes of near-unique values, so that equal ones are found without opening any.

A code is HMAC-SHA-256 of the normalised value under a key of its index, cut to 16 bytes. The key is made once
per index and lies sealed in the vault; it is opened, and that is logged, once per process. Only values that
are nearly unique are indexed: codes of frequent ones would give them away by their frequency.

`SearchIndexes` is what duplicate search needs of an index; `Fingerprints` is the one at hand.
"""

import hmac
import secrets
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from ledger.clock import Clock, system_clock
from ledger.database import Connection, Database
from ledger.ids import content_id
from ledger.queries import queries_beside
from privacy import Place, Purpose, Sealed, SealedField, Vault

HOLDERS_MAX = 20
"""Persons given for one value: what more than these share is no sign of one person."""

_CODE_BYTES = 16
_TABLE = "kyc.fingerprint_key"

_queries = queries_beside(__file__)


class Index(StrEnum):
    """What is indexed."""

    ID_NUMBER = "id_number"
    TAX_NUMBER = "tax_number"
    PHONE = "phone"
    NAME_BIRTH_DATE = "name_birth_date"


@dataclass(frozen=True, slots=True)
class Entry:
    """A normalised value of a person in an index."""

    index: Index
    person_id: UUID
    value: str = field(repr=False)


class SearchIndexes(Protocol):
    """Blind indexes over persons: filled at enrolment, asked for equal values."""

    def make_ready(self) -> None:
        """Get the keys, before a transaction is open that would wait for a second connection."""

    def fill(self, connection: Connection, entries: Sequence[Entry]) -> None:
        """Add entries of new persons."""

    def replace(self, connection: Connection, person_id: UUID, entries: Sequence[Entry]) -> None:
        """Put entries in the place of all that there are of a person."""

    def holders(self, connection: Connection, asked: Sequence[tuple[Index, str]]) -> list[list[UUID]]:
        """For each normalised value, at most HOLDERS_MAX persons who have it, in id order."""

    def pairs(self, connection: Connection, persons: Sequence[UUID]) -> list[tuple[UUID, UUID, Index]]:
        """Pairs of one of `persons` and anyone with an equal value, each in id order and with its index."""


class Fingerprints:
    """Blind indexes in `kyc.fingerprint`, under keys in the vault. Safe to share between threads."""

    def __init__(self, database: Database, vault: Vault, clock: Clock = system_clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._keys: dict[Index, bytes] = {}
        self._lock = threading.Lock()

    def make_ready(self) -> None:
        """See `SearchIndexes`."""
        for index in Index:
            if index not in self._keys:
                self._key(index)

    def fill(self, connection: Connection, entries: Sequence[Entry]) -> None:
        """See `SearchIndexes`."""
        rows = {(self._code(each.index, each.value), each.index, each.person_id) for each in entries}
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY kyc.fingerprint (code, index_name, person_id) FROM STDIN") as copy,
        ):
            for code, index, person_id in sorted(rows):
                copy.write_row((code, index.value, person_id))

    def replace(self, connection: Connection, person_id: UUID, entries: Sequence[Entry]) -> None:
        """See `SearchIndexes`."""
        connection.execute(_queries.remove.sql, {"person": person_id})
        self.fill(connection, entries)

    def holders(self, connection: Connection, asked: Sequence[tuple[Index, str]]) -> list[list[UUID]]:
        """See `SearchIndexes`."""
        found: list[list[UUID]] = [[] for _ in asked]
        rows = connection.execute(
            _queries.holders.sql,
            {
                "indexes": [index.value for index, _ in asked],
                "codes": [self._code(index, value) for index, value in asked],
                "most": HOLDERS_MAX,
            },
        )
        for place, person_id in rows:
            found[place - 1].append(person_id)
        return found

    def pairs(self, connection: Connection, persons: Sequence[UUID]) -> list[tuple[UUID, UUID, Index]]:
        """See `SearchIndexes`."""
        rows = connection.execute(_queries.pairs.sql, {"persons": list(persons), "most": HOLDERS_MAX})
        return [(one, other, Index(index)) for one, other, index in rows]

    def _code(self, index: Index, value: str) -> bytes:
        key = self._keys.get(index) or self._key(index)
        return hmac.digest(key, value.encode(), "sha256")[:_CODE_BYTES]

    def _key(self, index: Index) -> bytes:
        """The key of an index, made when there is none, in a transaction of its own: what it has made for one
        call is there for all, whatever becomes of that call. Of two that make it, the first stays."""
        subject = content_id(f"emoney/kyc/fingerprint/{index}".encode())
        place = Place(_TABLE, "sealed", subject)
        with self._lock, self._database.connection() as connection:
            row = connection.execute(_queries.find_key.sql, {"index": index.value}).fetchone()
            if row is None:
                new = self._vault.seal(connection, subject=subject, place=place, value=secrets.token_hex(32))
                about = {"id": subject, "index": index.value, "sealed": new.ciphertext, "at": self._clock()}
                connection.execute(_queries.keep_key.sql, about)
                row = connection.execute(_queries.find_key.sql, {"index": index.value}).fetchone()
                assert row is not None
            items = [SealedField(subject, place, Sealed(row[1]))]
            reason = Purpose.CUSTOMER_DUE_DILIGENCE
            [key] = self._vault.open(connection, items, purpose=reason, actor="duplicate-search")
        self._keys[index] = bytes.fromhex(key)
        return self._keys[index]


def name_and_birth_date(name: str, birth_date: str) -> list[str]:
    """A name with a birth date as it is compared: any order of the names, without accents and signs.

    Two values where there are middle names: with all of them, and with the outer two.
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(sign if sign.isalnum() else " " for sign in plain if not unicodedata.combining(sign))
    names = letters.split()
    if not names:
        return []
    forms = {" ".join(sorted(names)), " ".join(sorted({names[0], names[-1]}))}
    return [f"{form}|{birth_date}" for form in sorted(forms)]
