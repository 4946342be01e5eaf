"""Enrolment: a person's details become a sealed record, evidence, a tier, and a wallet under its limits.

One call is one transaction: a person without a wallet, or a wallet without its limits, cannot remain, and of
a batch all persons are enrolled or none. Rows are written in the order of their references, so that two
batches with persons in common wait for each other and never deadlock.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.errors import UniqueViolation

from emoney.kyc.errors import AlreadyEnrolled, InvalidGuardian, ReferenceTaken
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence import refresh
from emoney.kyc.evidence.records import EvidenceState, NewEvidence
from emoney.kyc.evidence.risk_rating import risk_policy
from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.parties import guardians
from emoney.kyc.parties.guardians import Minor
from emoney.kyc.parties.settings import parties
from emoney.kyc.persons import duplicates
from emoney.kyc.persons.candidates import Candidate, Examiner
from emoney.kyc.persons.details import SEALED
from emoney.kyc.wallets import wallet as wallets
from emoney.kyc.wallets.restrictions import downgrades
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.names import is_reference
from emoney.ledger.base.postgres.binary_arrays import Bytes, Packed, Texts, Uuids, packing
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.privacy import ClearField, Place, Vault

PERSONS_MAX = 10_000
"""Persons in one call."""

_ENROLLED = "external_ref: a person with this reference is enrolled already"

_queries = queries_beside(__file__)

_COLUMNS = ("id", "external_ref", "kind", *SEALED)
_INSERT = sql.SQL(
    "INSERT INTO kyc.person ({columns}, enrolled_at) SELECT *, %(enrolled_at)s FROM unnest({arrays})"
).format(
    columns=sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)),
    arrays=sql.SQL(", ").join(map(sql.Placeholder, _COLUMNS)),
)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A person's wallet. `wallet`: its reference, for statements and transfers."""

    wallet: str
    account_id: UUID
    person_id: UUID
    pack: str
    tier: str


class Enrolment:
    """Enrols persons into `database`, sealing with `vault`.

    `home`: the installation whose settings apply; by default the shipped ones. `packs`: the policy packs; by
    default the shipped ones and those of `home`.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock = system_clock,
        *,
        home: Path | None = None,
        packs: PackLibrary | None = None,
    ) -> None:
        self.database = database
        self.packs = packs or PackLibrary.of_home(home)
        self._vault = vault
        self.clock = clock
        self.policies = downgrades(home)
        self._refresh = risk_policy(home).refresh
        self._parties = parties(home)

    def find(self, external_ref: str) -> Enrolled | None:
        """The person enrolled under this reference, the wallet of then and its tier now; None for nobody.

        Whether the details are those of then is not looked at: nothing sealed is opened.
        """
        if not isinstance(external_ref, str) or not is_reference(external_ref):
            return None
        with self.database.connection() as connection:
            row = connection.execute(_queries.find.sql, {"ref": external_ref}).fetchone()
        return None if row is None else Enrolled(*row)

    def enrol(self, details: dict[str, Any], *, pack_id: str | None = None) -> Enrolled:
        """Enrol one person. See `enrol_many`."""
        return self.enrol_many([details], pack_id=pack_id)[0]

    def enrol_many(self, persons: Sequence[dict[str, Any]], *, pack_id: str | None = None) -> list[Enrolled]:
        """Enrol at most PERSONS_MAX persons, all or none, each with a wallet at the best tier they reach.

        `pack_id`: the policy pack; by default the one in force for the person's currency. Errors of a batch
        say which person, counted from 1. Raises InvalidPerson, NoTier, UnknownPack, PackNotInForce,
        AlreadyEnrolled, ReferenceTaken.
        """
        _demand_few(persons)
        if not persons:
            return []
        with self.database.connection() as connection:
            return self.enrol_in(connection, persons, pack_id=pack_id)

    @all_or_nothing
    def enrol_in(
        self, connection: Connection, persons: Sequence[dict[str, Any]], *, pack_id: str | None = None
    ) -> list[Enrolled]:
        """Enrol in a transaction of the caller's, who commits, or rolls back after an error."""
        _demand_few(persons)
        now = self.clock()
        examiner = Examiner(self.packs, pack_id, now, self._parties)
        candidates = [
            examiner.examine(details, f"person {number}: " if len(persons) > 1 else "")
            for number, details in enumerate(persons, 1)
        ]
        in_order = sorted(candidates, key=lambda candidate: candidate.ref)
        _demand_distinct(in_order)
        if in_order:
            _demand_free(connection, in_order)
            self._record(connection, in_order, now)
            self._record_guardians(connection, in_order, now)
            refresh.begin(connection, [each.id for each in in_order], self._refresh, now)
            told = [(each.id, each.details) for each in in_order]
            duplicates.index_and_note(connection, self._vault, told, now)
            _open_wallets(connection, in_order, now)
        return [
            Enrolled(each.ref, each.account_id, each.id, each.pack.id, each.tier.id) for each in candidates
        ]

    def faults(self, persons: Sequence[Any], *, pack_id: str | None = None) -> list[str | None]:
        """What is wrong with each of at most PERSONS_MAX persons, or None: nothing is written.

        Each by itself and against those who are enrolled; not against each other.
        """
        _demand_few(persons)
        now = self.clock()
        examiner = Examiner(self.packs, pack_id, now, self._parties)
        found: list[str | None] = []
        good: list[tuple[int, Candidate]] = []
        for place, details in enumerate(persons):
            try:
                candidate = examiner.examine(details)
            except InvalidInput as error:
                found.append(str(error))
            else:
                found.append(None)
                good.append((place, candidate))
        with self.database.connection() as connection:
            taken = _taken(connection, [candidate.ref for _, candidate in good])
            for place, candidate in good:
                found[place] = taken.get(candidate.ref) or self._guardian_fault(connection, candidate, now)
        return found

    def _record(self, connection: Connection, candidates: list[Candidate], now: datetime) -> None:
        """The sealed records and the evidence."""
        clear = [
            ClearField(each.id, Place("kyc.person", column, each.id), str(getattr(each.details, column)))
            for each in candidates
            for column in SEALED
            if getattr(each.details, column) is not None
        ]
        sealed = {
            (field.subject, field.place.column): value.ciphertext
            for field, value in zip(clear, self._vault.seal_many(connection, clear), strict=True)
        }
        if not _inserted(connection, candidates, sealed, now):
            raise AlreadyEnrolled("external_ref: a person of this reference was enrolled at the same moment")
        evidence_records.record(
            connection,
            [row for each in candidates for row in _evidence(each, now.date())],
            actor="enrolment",
            reason="given at enrolment",
            at=now,
        )

    def _guardian_fault(self, connection: Connection, candidate: Candidate, now: datetime) -> str | None:
        minor = _minor(candidate)
        if minor is None:
            return None
        about = (minor, candidate.pack, candidate.tier)
        try:
            guardians.demand(connection, self._vault, *about, parties=self._parties, at=now)
        except InvalidGuardian as error:
            return str(error)
        return None

    def _record_guardians(self, connection: Connection, candidates: list[Candidate], now: datetime) -> None:
        for each in candidates:
            minor = _minor(each)
            if minor is None:
                continue
            try:
                guardians.record(
                    connection,
                    self._vault,
                    minor,
                    each.pack,
                    each.tier,
                    parties=self._parties,
                    actor="enrolment",
                    at=now,
                )
            except InvalidGuardian as error:
                raise InvalidGuardian(f"{each.label}{error}") from None


def _minor(candidate: Candidate) -> Minor | None:
    """The candidate as a minor, who names a guardian; None for all others."""
    details = candidate.details
    if details.guardian is None or details.birth_date is None:
        return None
    return Minor(candidate.id, details.guardian, details.birth_date, details.authority or "parent")


def _demand_few(persons: Sequence[Any]) -> None:
    if len(persons) > PERSONS_MAX:
        raise InvalidInput(f"{len(persons)} persons in one call; {PERSONS_MAX} are the most")


def _demand_distinct(in_order: list[Candidate]) -> None:
    for before, after in pairwise(in_order):
        if before.ref == after.ref:
            raise AlreadyEnrolled(f"{after.label}external_ref: also that of {before.label.rstrip(': ')}")


def _demand_free(connection: Connection, candidates: list[Candidate]) -> None:
    """That no reference is anyone's yet. What comes at the same moment, unique keys refuse."""
    taken = _taken(connection, [each.ref for each in candidates])
    for each in candidates:
        if (fault := taken.get(each.ref)) is not None:
            error = AlreadyEnrolled if fault is _ENROLLED else ReferenceTaken
            raise error(f"{each.label}{fault}")


def _taken(connection: Connection, refs: list[str]) -> dict[str, str]:
    """What is wrong with those of the references that are someone's already."""
    # accounts first: what an enrolment commits between the two reads is then known as an enrolment
    in_ledger = accounts.find(connection, refs)
    enrolled = {row[0] for row in connection.execute(_queries.enrolled_among.sql, {"refs": refs})}
    return {
        ref: (
            f"external_ref: the ledger holds a {account.kind} account of this reference that no enrolment "
            "opened, such as an imported one; enrol under another reference"
        )
        for ref, account in in_ledger.items()
    } | dict.fromkeys(enrolled, _ENROLLED)


def _inserted(
    connection: Connection,
    candidates: list[Candidate],
    sealed: dict[tuple[UUID, str], bytes],
    now: datetime,
) -> bool:
    """Whether all could be written; False when another call enrolled one of them in the meantime."""
    of_each: dict[str, Packed] = {
        column: Bytes.of(sealed.get((each.id, column)) for each in candidates) for column in SEALED
    }
    of_each["id"] = Uuids.of(each.id for each in candidates)
    of_each["external_ref"] = Texts.of(each.ref for each in candidates)
    of_each["kind"] = Texts.of(each.details.kind for each in candidates)
    try:
        packing(connection).execute(_INSERT, of_each | {"enrolled_at": now})
    except UniqueViolation:  # its text quotes the reference, so it does not become anyone's cause
        return False
    return True


def _evidence(candidate: Candidate, today: date) -> Iterator[NewEvidence]:
    """Each kind that was given. What the pack takes as implied follows from these, and is not recorded."""
    details = candidate.details
    for kind in sorted(details.shows):
        if kind in ("id_document", "registration"):
            yield NewEvidence(
                candidate.id, kind, method=details.id_method, expires_on=details.id_valid_through(today)
            )
        else:
            yield NewEvidence(candidate.id, kind)
    for kind in sorted(candidate.declares - details.shows):
        yield NewEvidence(candidate.id, kind, EvidenceState.DECLARED)


def _open_wallets(connection: Connection, candidates: list[Candidate], now: datetime) -> None:
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
                    evidence=tuple(sorted(pack.with_implied(each.shows))),
                )
                for each in candidates
                if each.pack.id == pack.id
            ],
        )
