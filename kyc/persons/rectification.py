"""Rectification: what is known of a person is corrected, and what it was is kept.

One person asks; where anything of the person is verified it takes a second one (`ledger.two_persons`),
which the database enforces. Values lie sealed while they wait, as they become the person's, and as they were:
`versions` tells of these without opening any. Evidence that rests on what changed counts no more; what the
new details show by themselves is recorded anew, and the tiers follow. Indexes for duplicates follow too.

Source: Regulation (EU) 2016/679 art. 16; Regulation (EU) 2024/1624 art. 26, keeping records up to date.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol, Self
from uuid import UUID

from sqlmodel import col, select

from emoney.kyc.approvals import Action
from emoney.kyc.errors import InvalidPerson, UnknownPerson
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.person import Person
from emoney.kyc.evidence.records import Evidence, EvidenceState, NewEvidence
from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.parties import guardians
from emoney.kyc.parties.settings import Parties, parties
from emoney.kyc.persons import duplicates, search
from emoney.kyc.persons.details import SEALED, PersonDetails, parse_person
from emoney.kyc.persons.tables import PersonRow, PersonVersionRow, RectificationRow
from emoney.kyc.wallets import retiering as following
from emoney.kyc.wallets.restrictions import Downgrades, downgrades
from emoney.ledger import outbox, two_persons
from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.two_persons import Request
from emoney.privacy import ClearField, Place, Purpose, Sealed, SealedField, Vault
from emoney.privacy.rights import requests as rights

FIELDS = SEALED
"""What can be rectified."""

_WITH_A_DOCUMENT = ("id_expires_on", "mrz")
_PERSON, _ASKED, _BEFORE = "kyc.person", "kyc.rectification", "kyc.person_version"
_NO_CURRENCY = "XXX"  # ISO 4217: no currency is meant; details are no wallet's

_RESTS_ON: Mapping[str, AbstractSet[str]] = {
    "name": {"name", "self_declared_name"},
    "birth_date": {"dob", "birth_date"},
    "phone": {"phone", "phone_otp", "registered_phone", "sim_registration", "sim_registration_data"},
    "address": {"address", "address_proof", "utility_bill"},
}
"""Kinds of evidence that rest on one field alone."""

_ON_NONE = frozenset({"photo", "digital_photo", "beneficial_owners", "death_certificate"})
_IDENTITY = frozenset({"name", "birth_date", "id_kind", "id_number", "id_country"})
"""What documents and checks of identity rest on."""

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A rectification as it was asked for. `request`: what a second person decides on; None: it is done."""

    id: UUID
    fields: tuple[str, ...]
    request: UUID | None


@dataclass(frozen=True, slots=True)
class Version:
    """Details as they were. `fields`: what was changed of them, by whom, why and when."""

    number: int
    fields: tuple[str, ...]
    actor: str
    reason: str
    at: datetime
    approval: UUID | None


class Installation(Protocol):
    """What rectifying takes of an open installation."""

    home: Path

    @property
    def vault(self) -> Vault:
        """What seals and opens."""

    @property
    def packs(self) -> PackLibrary:
        """The policy packs."""


class Rectification:
    """Asks for and makes rectifications. `policies`: for wallets that come down by one."""

    def __init__(self, vault: Vault, packs: PackLibrary, policies: Downgrades, parties: Parties) -> None:
        self._vault = vault
        self._packs = packs
        self._policies = policies
        self._parties = parties

    @classmethod
    def of(cls, installation: Installation) -> Self:
        """What rectifies details in an installation, under its settings."""
        home = installation.home
        return cls(installation.vault, installation.packs, downgrades(home), parties(home))

    @all_or_nothing
    def ask(
        self,
        connection: Connection,
        person: Person,
        changes: Mapping[str, Any],
        *,
        actor: str,
        reason: str,
        at: datetime,
    ) -> Asked:
        """Ask that details be changed; done at once where nothing of the person is verified.

        `changes`: fields of `PersonDetails` in FIELDS with their new value, None to remove it; of a document
        also `id_expires_on` and `mrz`. Raises InvalidPerson, which names no values, and InvalidRequest.
        """
        who, why = Actor(actor), Reason(reason)
        rights.demand_open_for(connection, [person.id], Purpose.DATA_SUBJECT_REQUEST)
        version, sealed = _lock(connection, person.id)
        before = self._open(connection, person.id, _PERSON, person.id, sealed, who)
        details = _changed(person, before, changes, at)
        after = _values(details)
        fields = tuple(field for field in FIELDS if before.get(field) != after.get(field))
        if not fields:
            raise InvalidRequest("the details are these already: nothing would change")
        known = evidence_records.of_person(connection, person.id)
        needs_two = any(each.state in evidence_records.VERIFIED for each in known)
        asked = new_id()
        new = {field: after[field] for field in fields if field in after}
        row = RectificationRow(
            id=asked,
            person_id=person.id,
            version=version,
            fields_=list(fields),
            id_expires_on=details.id_valid_through(at.date()),
            needs_two=needs_two,
            requested_by=who,
            reason=why,
            requested_at=at,
            **self._seal(connection, person.id, _ASKED, asked, new),
        )
        add(connection, row)
        if needs_two:
            request = two_persons.ask(
                connection,
                Action.RECTIFICATION,
                asked,
                {"fields": list(fields)},
                actor=actor,
                reason=reason,
                at=at,
            )
            return Asked(asked, fields, request)
        self._make(connection, asked, actor=who, at=at, approval=None)
        return Asked(asked, fields, None)

    @all_or_nothing
    def apply(self, connection: Connection, approval: Request) -> None:
        """Do what was approved. Raises InvalidRequest when the details have changed since."""
        assert approval.decided_by is not None
        assert approval.decided_at is not None
        self._make(
            connection,
            approval.subject,
            actor=approval.decided_by,
            at=approval.decided_at,
            approval=approval.id,
        )

    def _make(
        self, connection: Connection, asked: UUID, *, actor: str, at: datetime, approval: UUID | None
    ) -> None:
        of = select(RectificationRow, PersonRow).where(RectificationRow.id == asked)
        found = read(connection, of.join(PersonRow, col(PersonRow.id) == RectificationRow.person_id))
        if not found:
            raise InvalidRequest(f"there is no rectification {asked}")
        [(wanted, about)] = found
        person_id, fields, reason = about.id, wanted.fields_, wanted.reason
        person = Person(
            person_id, about.external_ref, about.kind, about.holder_id or person_id, about.enrolled_at
        )
        now, sealed = _lock(connection, person_id)
        if now != wanted.version:
            raise InvalidRequest("the details have changed since this was asked for: reject it and ask anew")
        before = self._open(connection, person_id, _PERSON, person_id, sealed, actor)
        new = {field: each and each.ciphertext for field in FIELDS for each in [getattr(wanted, field)]}
        given = self._open(connection, person_id, _ASKED, asked, new, actor)
        after = {field: value for field, value in before.items() if field not in fields} | given
        details = _details(person, after, at)
        self._keep(
            connection, person_id, before, now, asked, wanted.needs_two, fields, actor, reason, at, approval
        )
        columns = self._seal(connection, person_id, _PERSON, person_id, after)
        ciphertexts = {field: each and each.ciphertext for field, each in columns.items()}
        connection.execute(_queries.rectify.sql, {"person": person_id, **ciphertexts})
        search.index_again(connection, self._vault, person_id, details)
        duplicates.note(connection, self._vault, [person_id], at)
        _reopen(connection, person_id, details, frozenset(fields), wanted.id_expires_on, actor, at)
        if "birth_date" in fields:
            self._answer_for(connection, person_id, details, actor, at)
        following.follow(
            connection,
            person_id,
            packs=self._packs,
            at=at,
            actor=actor,
            reason="details rectified",
            policies=self._policies,
        )
        _answer_requests(connection, person, fields, actor, at)
        outbox.append(
            connection, "person.rectified", person_id, {"fields": fields, "version": now + 1}, at=at
        )

    def _keep(
        self,
        connection: Connection,
        person_id: UUID,
        before: Mapping[str, str],
        number: int,
        asked: UUID,
        needs_two: bool,
        fields: list[str],
        actor: str,
        reason: str,
        at: datetime,
        approval: UUID | None,
    ) -> None:
        kept = new_id()
        row = PersonVersionRow(
            id=kept,
            person_id=person_id,
            number=number,
            rectification_id=asked,
            needs_two=needs_two,
            fields_=fields,
            replaced_by=actor,
            reason=reason,
            replaced_at=at,
            approval_id=approval,
            **self._seal(connection, person_id, _BEFORE, kept, before),
        )
        add(connection, row)

    def _answer_for(
        self, connection: Connection, person_id: UUID, details: PersonDetails, actor: str, at: datetime
    ) -> None:
        """A minor's guardianship lasts by the new date; an adult does not become a minor by it."""
        guardian = guardians.guardian_of(connection, person_id)
        pack_id = guardians.pack_of(connection, person_id) or ""
        minor = (
            details.birth_date is not None
            and self._parties.of_age_on(details.birth_date, pack_id) > at.date()
        )
        if guardian is None:
            if minor:
                raise InvalidPerson("birth_date: is of a minor, for whom nobody answers; enrol as a minor")
            return
        if details.birth_date is None:
            raise InvalidPerson("birth_date: of a minor with a guardian cannot be removed")
        guardians.end(connection, person_id, reason="birth date rectified", at=at)
        if minor:
            until = self._parties.of_age_on(details.birth_date, pack_id).year
            guardians.go_on(connection, person_id, guardian, until, actor=actor, at=at)

    def _open(
        self,
        connection: Connection,
        person_id: UUID,
        table: str,
        row: UUID,
        sealed: Mapping[str, bytes | None],
        actor: str,
    ) -> dict[str, str]:
        there = {field: value for field, value in sealed.items() if value is not None}
        items = [
            SealedField(person_id, Place(table, field, row), Sealed(value)) for field, value in there.items()
        ]
        reason = Purpose.DATA_SUBJECT_REQUEST
        return dict(zip(there, self._vault.open(connection, items, purpose=reason, actor=actor), strict=True))

    def _seal(
        self, connection: Connection, person_id: UUID, table: str, row: UUID, values: Mapping[str, str]
    ) -> dict[str, Any]:
        """All columns, sealed, those without a value empty."""
        clear = [ClearField(person_id, Place(table, field, row), value) for field, value in values.items()]
        sealed = self._vault.seal_many(connection, clear)
        return dict.fromkeys(FIELDS) | dict(zip(values, sealed, strict=True))


def _answer_requests(
    connection: Connection, person: Person, fields: list[str], actor: str, at: datetime
) -> None:
    """What the person asked for is done."""
    for request in rights.of_subject(connection, person.holder):
        asked = request.kind is rights.Kind.RECTIFICATION and request.state is rights.RequestState.RECEIVED
        if asked and person.id in request.subjects:
            ground = f"corrected: {', '.join(fields)}"
            rights.decide(
                connection, request.id, rights.RequestState.FULFILLED, ground=ground, actor=actor, at=at
            )


def versions(connection: Connection, person_id: UUID) -> list[Version]:
    """What was rectified of a person, the earliest first; no value is opened."""
    of = select(PersonVersionRow).where(PersonVersionRow.person_id == person_id)
    return [
        Version(row.number, tuple(row.fields_), row.replaced_by, row.reason, row.replaced_at, row.approval_id)
        for row in read(connection, of.order_by(col(PersonVersionRow.number)))
    ]


def _lock(connection: Connection, person_id: UUID) -> tuple[int, dict[str, bytes | None]]:
    row = connection.execute(_queries.lock.sql, {"person": person_id}).fetchone()
    if row is None:
        raise UnknownPerson(f"there is no person {person_id}")
    return row[0], dict(zip(FIELDS, row[1:], strict=True))


def _changed(
    person: Person, before: Mapping[str, str], changes: Mapping[str, Any], at: datetime
) -> PersonDetails:
    """The details with the changes put in, checked as at enrolment."""
    if not isinstance(changes, Mapping) or not changes:
        raise InvalidPerson("a rectification is one JSON object with the fields that change")
    if not set(changes) <= {*FIELDS, *_WITH_A_DOCUMENT}:  # a name may itself be personal data: not told
        can = ", ".join((*FIELDS, *_WITH_A_DOCUMENT))
        raise InvalidPerson(f"a field that cannot be rectified; those that can: {can}")
    return _details(person, dict(before) | dict(changes), at)


def _details(person: Person, values: Mapping[str, Any], at: datetime) -> PersonDetails:
    given = {field: value for field, value in values.items() if value is not None}
    given |= {"external_ref": person.external_ref, "currency": _NO_CURRENCY, "kind": person.kind}
    return parse_person(given, at.date())


def _values(details: PersonDetails) -> dict[str, str]:
    """What there is of the fields, as it is sealed."""
    return {field: str(getattr(details, field)) for field in FIELDS if getattr(details, field) is not None}


def _rests_on(kind: str, fields: AbstractSet[str]) -> bool:
    """Whether evidence of a kind rests on one of the fields."""
    for field, kinds in _RESTS_ON.items():
        if kind in kinds:
            return field in fields
    return kind not in _ON_NONE and not fields.isdisjoint(_IDENTITY)


def _reopen(
    connection: Connection,
    person_id: UUID,
    details: PersonDetails,
    fields: AbstractSet[str],
    expires_on: date | None,
    actor: str,
    at: datetime,
) -> None:
    """End the evidence that no longer fits, and record what the new details show by themselves."""
    ended: dict[str, Evidence] = {}
    counting: set[str] = set()
    for each in evidence_records.of_person(connection, person_id):
        if each.state in evidence_records.ENDED:
            continue
        if not _rests_on(each.kind, fields):
            counting.add(each.kind)
            continue
        evidence_records.reject(
            connection, each.id, actor=actor, reason="rested on details that were rectified", at=at
        )
        ended[each.kind] = each
    new = []
    another = not fields.isdisjoint({"id_kind", "id_number", "id_country"})
    for kind in sorted((details.shows | details.declares) - counting):
        if not _rests_on(kind, fields):
            continue
        last = None
        if kind in ("id_document", "registration"):
            last = expires_on if another or kind not in ended else expires_on or ended[kind].expires_on
        if last is not None and last < at.date():
            continue
        state = EvidenceState.CAPTURED if kind in details.shows else EvidenceState.DECLARED
        new.append(NewEvidence(person_id, kind, state, "rectification", expires_on=last))
    evidence_records.record(connection, new, actor=actor, reason="given at rectification", at=at)
