"""Enrolment: a person's details become a sealed record, evidence, a tier, and a wallet under its limits.

One call is one transaction: a person without a wallet, or a wallet without its limits, cannot remain, and of
a batch all persons are enrolled or none. Rows are written in the order of their references, so that two
batches with persons in common wait for each other and never in a circle.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation

from kyc import wallets
from kyc.errors import AlreadyEnrolled, InvalidPerson, ReferenceTaken
from kyc.evidence import KINDS
from kyc.pack import Pack, Tier
from kyc.packs import load_pack, pack_of_currency
from kyc.person import PersonDetails, parse_person
from kyc.search import index_persons
from kyc.tiers import tier_for
from ledger import accounts
from ledger.clock import Clock, system_clock
from ledger.database import Connection, Database
from ledger.errors import InvalidInput
from ledger.ids import new_id
from ledger.queries import queries_beside
from privacy import ClearField, Place, Vault

PERSONS_MAX = 10_000
"""Persons in one call."""

_queries = queries_beside(__file__)

_SEALED_FIELDS = ("name", "birth_date", "phone", "id_kind", "id_number", "address")


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A person's wallet. `wallet`: its reference, for statements and transfers."""

    wallet: str
    account_id: UUID
    person_id: UUID
    pack: str
    tier: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A person whose details are good and reach a tier. `label`: which of the batch, for errors."""

    label: str
    id: UUID
    account_id: UUID
    details: PersonDetails
    pack: Pack
    tier: Tier

    @property
    def ref(self) -> str:
        return self.details.external_ref


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
        """Enrol at most PERSONS_MAX persons, all or none, each with a wallet at the best tier they reach.

        `pack_id`: the policy pack; by default the one in force for the person's currency. Errors of a batch
        say which person, counted from 1. Raises InvalidPerson, NoTier, UnknownPack, PackNotInForce,
        AlreadyEnrolled, ReferenceTaken.
        """
        if len(persons) > PERSONS_MAX:
            raise InvalidInput(f"{len(persons)} persons in one call; {PERSONS_MAX} are the most")
        now = self._clock()
        candidates = [
            _candidate(details, f"person {number}: " if len(persons) > 1 else "", pack_id, now)
            for number, details in enumerate(persons, 1)
        ]
        in_order = sorted(candidates, key=lambda candidate: candidate.ref)
        _demand_distinct(in_order)
        if in_order:
            with self._database.connection() as connection:
                _demand_free(connection, in_order)
                self._record(connection, in_order, now)
                _open_wallets(connection, in_order, now)
        return [
            Enrolled(each.ref, each.account_id, each.id, each.pack.id, each.tier.id) for each in candidates
        ]

    def _record(self, connection: Connection, candidates: list[_Candidate], now: datetime) -> None:
        """The sealed records and the evidence."""
        clear = [
            ClearField(each.id, Place("kyc.person", column, each.id), str(getattr(each.details, column)))
            for each in candidates
            for column in _SEALED_FIELDS
            if getattr(each.details, column) is not None
        ]
        sealed = {
            (field.subject, field.place.column): value.ciphertext
            for field, value in zip(clear, self._vault.seal_many(connection, clear), strict=True)
        }
        persons = [
            {"id": each.id, "external_ref": each.ref, "at": now}
            | {column: sealed.get((each.id, column)) for column in _SEALED_FIELDS}
            for each in candidates
        ]
        if not _inserted(connection, persons):
            raise AlreadyEnrolled("external_ref: a person of this reference was enrolled at the same moment")
        index_persons(connection, self._vault, ((each.id, each.details) for each in candidates))
        evidence = [row for each in candidates for row in _evidence(each)]
        columns = ("ids", "persons", "kinds", "states", "methods")
        connection.execute(
            _queries.record_evidence.sql,
            {column: [row[place] for row in evidence] for place, column in enumerate(columns)} | {"at": now},
        )


def _candidate(details: Any, label: str, pack_id: str | None, now: datetime) -> _Candidate:
    try:
        person = parse_person(details, now.date())
        pack = _pack(person, pack_id, now)
        if unknown := set(person.evidence) - _known_kinds(pack):
            # not named: free text may be anything, and evidence is not sealed
            raise InvalidPerson(
                f"evidence: {len(unknown)} of the kinds are in no policy pack; "
                f"there are {', '.join(sorted(_known_kinds(pack) - {'phone', 'id_document'}))}"
            )
        return _Candidate(label, new_id(), new_id(), person, pack, tier_for(pack, person.shows))
    except InvalidInput as error:
        if not label:
            raise
        raise type(error)(f"{label}{error}") from None


def _pack(person: PersonDetails, pack_id: str | None, now: datetime) -> Pack:
    if pack_id is None:
        return pack_of_currency(person.currency, now)
    pack = load_pack(pack_id)
    pack.demand_in_force(now)
    if pack.currency != person.currency:
        raise InvalidPerson(f"currency: pack {pack.id} is for wallets in {pack.currency}")
    return pack


def _known_kinds(pack: Pack) -> frozenset[str]:
    """A kind that another pack asks for is no mistake: the person may move there."""
    return pack.evidence_kinds.union(KINDS)


def _demand_distinct(in_order: list[_Candidate]) -> None:
    for before, after in pairwise(in_order):
        if before.ref == after.ref:
            raise AlreadyEnrolled(f"{after.label}external_ref: also that of {before.label.rstrip(': ')}")


def _demand_free(connection: Connection, candidates: list[_Candidate]) -> None:
    """That no reference is anyone's yet. What comes at the same moment, unique keys refuse."""
    refs = [each.ref for each in candidates]
    # accounts first: what an enrolment commits between the two reads is then known as an enrolment
    in_ledger = accounts.find(connection, refs)
    enrolled = {row[0] for row in connection.execute(_queries.enrolled_among.sql, {"refs": refs})}
    for each in candidates:
        if each.ref in enrolled:
            raise AlreadyEnrolled(
                f"{each.label}external_ref: a person with this reference is enrolled already"
            )
        if each.ref in in_ledger:
            raise ReferenceTaken(
                f"{each.label}external_ref: the ledger holds a {in_ledger[each.ref].kind} account of this "
                "reference that no enrolment opened, such as an imported one; enrol under another reference"
            )


def _inserted(connection: Connection, persons: list[dict[str, Any]]) -> bool:
    """Whether all could be written; False when another call enrolled one of them in the meantime."""
    try:
        with connection.cursor() as cursor:
            cursor.executemany(_queries.record_person.sql, persons)
    except UniqueViolation:  # its text quotes the reference, so it does not become anyone's cause
        return False
    return True


def _evidence(candidate: _Candidate) -> Iterator[tuple[UUID, UUID, str, str, str]]:
    """Each kind with how it came to be known: given at enrolment, or implied by the pack."""
    given = candidate.details.shows
    for kind in sorted(candidate.pack.with_implied(given)):
        if kind in given:
            yield new_id(), candidate.id, kind, "captured", "enrolment"
        else:
            yield new_id(), candidate.id, kind, "implied", f"pack {candidate.pack.id}"


def _open_wallets(connection: Connection, candidates: list[_Candidate], now: datetime) -> None:
    packs = {each.pack.id: each.pack for each in candidates}
    for _, pack in sorted(packs.items()):
        wallets.open_wallets(
            connection,
            pack,
            [
                wallets.NewWallet(
                    account_id=each.account_id,
                    external_ref=each.ref,
                    tier=each.tier.id,
                    opened_at=now,
                    holder=each.id,
                    person_id=each.id,
                    evidence=tuple(sorted(pack.with_implied(each.details.shows))),
                )
                for each in candidates
                if each.pack.id == pack.id
            ],
        )
