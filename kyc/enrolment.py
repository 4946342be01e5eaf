"""Enrolment: a person's details become a sealed record, evidence, a tier, and a wallet under its limits.

One enrolment is one transaction: a person without a wallet, or a wallet without its limits, cannot remain.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from kyc import wallets
from kyc.errors import AlreadyEnrolled, InvalidPerson, NoTier
from kyc.evidence import shown_by
from kyc.packs import Pack, Tier, load_pack, pack_of_currency
from ledger.clock import Clock, system_clock
from ledger.database import Connection, Database
from ledger.ids import new_id
from ledger.queries import queries_beside
from privacy import ClearField, Place, Vault

_queries = queries_beside(__file__)

_SEALED_FIELDS = ("name", "birth_date", "phone", "id_number", "address")
_AGE_MAX_YEARS = 130
_REFERENCE = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$"


class PersonDetails(BaseModel):
    """What an operator gives to enrol a person.

    `external_ref`: the operator's own id, unique, no personal data; it becomes the wallet's reference too.
    `phone`: in international form. `evidence`: further kinds captured, such as `address_proof`.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, str_strip_whitespace=True
    )

    external_ref: str = Field(pattern=_REFERENCE)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    name: str | None = Field(default=None, min_length=1, max_length=200, repr=False)
    birth_date: date | None = Field(default=None, repr=False)
    phone: str | None = Field(default=None, max_length=32, repr=False)
    id_kind: str | None = Field(default=None, pattern=r"^[a-z][a-z_]{1,39}$")
    id_number: str | None = Field(default=None, min_length=1, max_length=64, repr=False)
    address: str | None = Field(default=None, min_length=1, max_length=500, repr=False)
    evidence: tuple[str, ...] = Field(default=(), max_length=20)

    @field_validator("phone")
    @classmethod
    def _international(cls, phone: str | None) -> str | None:
        if phone is None:
            return None
        compact = re.sub(r"[ ().-]", "", phone)
        if not re.fullmatch(r"\+[1-9][0-9]{6,14}", compact):
            raise ValueError("must be an international number: + and 7 to 15 digits")
        return compact

    @field_validator("evidence")
    @classmethod
    def _kinds(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[A-Za-z][A-Za-z_]{1,39}", kind) for kind in kinds):
            raise ValueError("must be names of evidence kinds, such as address_proof")
        return kinds

    @property
    def shows(self) -> frozenset[str]:
        """The kinds of evidence that these details show."""
        return shown_by(
            phone=self.phone is not None,
            id_document=self.id_kind is not None and self.id_number is not None,
            extra=frozenset(self.evidence),
        )


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A person's wallet. `wallet`: its reference, for statements and transfers."""

    wallet: str
    account_id: UUID
    person_id: UUID
    pack: str
    tier: str


def parse_person(details: Any, today: date) -> PersonDetails:
    """Check a person's details as they come from JSON. Raises InvalidPerson, naming fields and no values."""
    if not isinstance(details, dict):
        raise InvalidPerson("a person is one JSON object")
    try:
        person = PersonDetails.model_validate(details)
    except ValidationError as error:
        problems = {_problem(problem) for problem in error.errors(include_input=False, include_context=False)}
        raise InvalidPerson("; ".join(sorted(problems))) from None
    if person.birth_date and not today.year - _AGE_MAX_YEARS <= person.birth_date.year:
        raise InvalidPerson(f"birth_date: more than {_AGE_MAX_YEARS} years ago")
    if person.birth_date and person.birth_date > today:
        raise InvalidPerson("birth_date: lies in the future")
    if (person.id_kind is None) != (person.id_number is None):
        raise InvalidPerson("id_kind and id_number: give both or neither")
    return person


def _problem(problem: Any) -> str:
    if problem["type"] == "extra_forbidden":  # the name of an unknown field may itself be personal data
        return "an unknown field; the fields are " + ", ".join(PersonDetails.model_fields)
    return f"{problem['loc'][0]}: {problem['msg'].removeprefix('Value error, ')}"


def tier_for(pack: Pack, kinds: frozenset[str]) -> Tier:
    """The best tier of `pack` that evidence of `kinds` reaches. Raises NoTier, saying what is missing."""
    for tier in reversed(pack.tiers):
        if tier.evidence.holds(kinds):
            return tier
    least = pack.tiers[0]
    missing = ", ".join(least.evidence.missing(kinds))
    raise NoTier(f"the details reach no tier of {pack.id}; {least.id} still needs {missing}")


class Enrolment:
    """Enrols persons into `database`, sealing with `vault`."""

    def __init__(self, database: Database, vault: Vault, clock: Clock = system_clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def enrol(self, details: dict[str, Any], *, pack_id: str | None = None) -> Enrolled:
        """Enrol one person. See `enrol_many`."""
        return self.enrol_many([details], pack_id=pack_id)[0]

    def enrol_many(self, persons: Sequence[dict[str, Any]], *, pack_id: str | None = None) -> list[Enrolled]:
        """Enrol persons, all or none, each with a wallet at the best tier its details reach.

        `pack_id`: the policy pack; by default the one in force for the person's currency. Raises
        InvalidPerson, NoTier, UnknownPack, AlreadyEnrolled.
        """
        now = self._clock()
        parsed = [parse_person(details, now.date()) for details in persons]
        packs = [_pack(person, pack_id, now.date()) for person in parsed]
        tiers = [tier_for(pack, person.shows) for pack, person in zip(packs, parsed, strict=True)]
        ids = [new_id() for _ in parsed]
        with self._database.connection() as connection:
            self._record(connection, ids, parsed, now)
            result = []
            for person_id, person, pack, tier in zip(ids, parsed, packs, tiers, strict=True):
                result.append(Enrolled(person.external_ref, new_id(), person_id, pack.id, tier.id))
            for pack in {pack.id: pack for pack in packs}.values():
                wallets.open_wallets(
                    connection,
                    pack,
                    [
                        wallets.NewWallet(
                            account_id=enrolled.account_id,
                            external_ref=enrolled.wallet,
                            tier=enrolled.tier,
                            opened_at=now,
                            holder=enrolled.person_id,
                            person_id=enrolled.person_id,
                            evidence=tuple(sorted(person.shows)),
                        )
                        for enrolled, person in zip(result, parsed, strict=True)
                        if enrolled.pack == pack.id
                    ],
                )
        return result

    def _record(
        self, connection: Connection, ids: list[UUID], persons: list[PersonDetails], now: datetime
    ) -> None:
        """The sealed records and the evidence."""
        clear = [
            ClearField(person_id, Place("kyc.person", column, person_id), str(getattr(person, column)))
            for person_id, person in zip(ids, persons, strict=True)
            for column in _SEALED_FIELDS
            if getattr(person, column) is not None
        ]
        sealed = {
            (field.subject, field.place.column): value.ciphertext
            for field, value in zip(clear, self._vault.seal_many(connection, clear), strict=True)
        }
        rows = [
            {"id": person_id, "external_ref": person.external_ref, "id_kind": person.id_kind, "at": now}
            | {column: sealed.get((person_id, column)) for column in _SEALED_FIELDS}
            for person_id, person in zip(ids, persons, strict=True)
        ]
        evidence = [
            {"id": new_id(), "person": person_id, "kind": kind, "at": now}
            for person_id, person in zip(ids, persons, strict=True)
            for kind in sorted(person.shows)
        ]
        try:
            with connection.cursor() as cursor:
                cursor.executemany(_queries.record_person.sql, rows)
                cursor.executemany(_queries.record_evidence.sql, evidence)
        except UniqueViolation:
            raise AlreadyEnrolled("external_ref: a person with this reference is enrolled already") from None


def _pack(person: PersonDetails, pack_id: str | None, today: date) -> Pack:
    if pack_id is None:
        return pack_of_currency(person.currency, today)
    pack = load_pack(pack_id)
    if pack.currency != person.currency:
        raise InvalidPerson(f"currency: pack {pack.id} is for wallets in {pack.currency}")
    return pack
