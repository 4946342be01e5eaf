"""The end of a person's records: whether the relationship is over, what must be kept, and what is removed.

All records that are linked to one person end together. What is about an account stays, since it is part of
the books, and forgets whose the account is; so the ledger still balances and its proofs still verify.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from sqlmodel import col, or_, select
from sqlmodel.sql.expression import Select

from emoney.kyc.evidence.person import Person
from emoney.kyc.evidence.tables import EvidenceRow
from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.persons.tables import PersonRow
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import read
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.erasure import erasure
from emoney.privacy.errors import InvalidDataRequest
from emoney.privacy.rights import requests as rights
from emoney.privacy.rights.requests import DUTY_PURPOSES, DataRequest, Kind, RequestState
from emoney.privacy.rights.retention import Duty, duty
from emoney.privacy.vault.vault import Vault

SWEPT_MAX = 1_000
"""Persons in one sweep."""

_queries = queries_beside(__file__)

_REMOVED = (
    "consent",
    "review_done",
    "review",
    "risk_rating",
    "death_step",
    "death",
    "duplicate",
    "duplicate_decision",
    "person_link",
    "guardianship",
    "ownership",
    "ownership_statement",
    "evidence_state",
    "evidence",
    "person_version",
    "rectification",
)
"""In the order in which nothing refers to what goes."""


@dataclass(frozen=True, slots=True)
class PersonAccount:
    """An account of a person. `pack`: the policy pack of a wallet."""

    id: UUID
    external_ref: str | None
    opened_at: datetime
    closed_at: datetime | None
    pack: str | None


@dataclass(frozen=True, slots=True)
class Relationship:
    """What ties a person to the operator. `ended_on`: the day the last of it ended; None while it goes on."""

    subject: UUID
    subjects: tuple[UUID, ...]
    accounts: tuple[PersonAccount, ...]
    named_elsewhere: bool
    evidence: tuple[UUID, ...]
    ended_on: date | None
    packs: PackLibrary = field(repr=False, compare=False)

    @property
    def jurisdictions(self) -> frozenset[str]:
        """Where the person's wallets are."""
        return frozenset(self.packs.pack(each.pack).jurisdiction for each in self.accounts if each.pack)

    @property
    def duty(self) -> Duty:
        """What must be kept, for how long and why."""
        return duty(self.jurisdictions, self.ended_on)


@reads_tuples
def relationship(connection: Connection, person: Person, packs: PackLibrary) -> Relationship:
    """What ties the person to the operator, over all linked records.

    It goes on while an account is open, or the records of another person name this one: a minor's guardian,
    an entity's owner.
    """
    records = read(connection, _records(person.holder))
    subjects = [id_ for id_, _ in records]
    about = {"subjects": subjects}
    accounts = tuple(PersonAccount(*row) for row in connection.execute(_queries.accounts.sql, about))
    of_subjects = select(EvidenceRow.id).where(col(EvidenceRow.person_id).in_(subjects))
    evidence = tuple(read(connection, of_subjects.order_by(col(EvidenceRow.id))))
    named = connection.execute(_queries.named_elsewhere.sql, about).fetchone()
    elsewhere = bool(named and named[0])
    ended = None
    if not elsewhere and all(each.closed_at is not None for each in accounts):
        ended = max(each.closed_at or each.opened_at for each in accounts) if accounts else records[-1][1]
    return Relationship(
        person.holder,
        tuple(subjects),
        accounts,
        elsewhere,
        evidence,
        ended.date() if ended is not None else None,
        packs,
    )


@all_or_nothing
def ask_for_erasure(
    connection: Connection, vault: Vault, person: Person, *, packs: PackLibrary, actor: str, at: datetime
) -> DataRequest:
    """Record that a person asks to be erased, and answer: as long as a duty to keep stands, the request is
    put off, with the duty's ground and last day; the fields open for that duty's purposes only.

    With the relationship over, the keys move under that of the month they end with; else nothing is
    restricted, since the person still uses the service, and `review_erasures` looks again. Raises
    InvalidDataRequest.
    """
    tie = relationship(connection, person, packs)
    request = rights.receive(connection, Kind.ERASURE, tie.subject, tie.subjects, actor=actor, at=at)
    return _answer(connection, vault, request, tie, actor=actor, at=at)


@all_or_nothing
def review_erasures(
    connection: Connection, vault: Vault, *, packs: PackLibrary, actor: str, at: datetime
) -> list[DataRequest]:
    """Look again at erasures put off without a day: those whose relationship has ended since get one."""
    changed = []
    for request in rights.waiting(connection):
        if request.kind is not Kind.ERASURE or request.state is not RequestState.KEPT or request.keep_until:
            continue
        tie = _tie_of(connection, request, packs)
        if tie.ended_on is not None:
            changed.append(_answer(connection, vault, request, tie, actor=actor, at=at))
    return changed


@all_or_nothing
def sweep(
    connection: Connection,
    vault: Vault,
    *,
    packs: PackLibrary,
    actor: str,
    at: datetime,
    most: int = SWEPT_MAX,
) -> list[DataRequest]:
    """Put all whose relationship has ended on the way to their erasure, whether or not they asked.

    What may be kept only for a time is deleted then by itself (AMLR art. 77). At most `most` persons.
    """
    found = [Person(*row) for row in connection.execute(_queries.ended.sql, {"most": most})]
    return [
        ask_for_erasure(connection, vault, person, packs=packs, actor=actor, at=at)
        for person in found
        if relationship(connection, person, packs).ended_on is not None
    ]


@all_or_nothing
def withdraw_erasure(
    connection: Connection, vault: Vault, request: UUID, *, ground: str, actor: str, at: datetime
) -> DataRequest:
    """Take a request to erase back, as when a person is a customer again; nothing stays restricted."""
    found = rights.decide(connection, request, RequestState.WITHDRAWN, ground=ground, actor=actor, at=at)
    if rights.restricted(connection, found.subjects):
        rights.lift(connection, found.subjects, ground=ground, actor=actor, at=at, request=request)
    erasure.move_keys(connection, vault, list(found.subjects), None, vault.clock)
    return found


@all_or_nothing
def remove(connection: Connection, subjects: Sequence[UUID]) -> dict[str, int]:
    """Remove all that is about these persons, and let accounts forget them; rows by table.

    The database takes it only in a transaction that erases them (`privacy.erasure.erasure.execute`). Raises
    InvalidDataRequest when records were linked to them since they asked, or they have an account again.
    """
    about = {"subjects": list(subjects)}
    _demand_still_over(connection, subjects)
    removed = {
        "kyc.wallet (whose it was)": connection.execute(_queries.forget_wallets.sql, about).rowcount,
        "kyc.business_account (whose it was)": connection.execute(
            _queries.forget_business_accounts.sql, about
        ).rowcount,
    }
    requests = [row[0] for row in connection.execute(_queries.requests.sql, about)]
    for table in _REMOVED:
        query = getattr(_queries, f"remove_{table}")
        removed[f"kyc.{table}"] = connection.execute(query.sql, about).rowcount
    gone = connection.execute(_queries.remove_requests.sql, {"requests": requests}).fetchone()
    assert gone is not None
    tables = ("request_done", "request_decision", "request")
    removed |= {f"ledger.{table}": count for table, count in zip(tables, gone, strict=True)}
    removed["kyc.person"] = connection.execute(_queries.unlink.sql, about).rowcount
    return removed


def _answer(
    connection: Connection, vault: Vault, request: DataRequest, tie: Relationship, *, actor: str, at: datetime
) -> DataRequest:
    owed = tie.duty
    answered = rights.decide(
        connection,
        request.id,
        RequestState.KEPT,
        ground=owed.ground,
        source=owed.source,
        keep_until=owed.until,
        actor=actor,
        at=at,
    )
    if owed.until is not None:
        rights.restrict(
            connection,
            request.subjects,
            DUTY_PURPOSES,
            ground=owed.ground,
            actor=actor,
            at=at,
            request=request.id,
        )
        erasure.schedule(connection, vault, answered)
    return answered


def _tie_of(connection: Connection, request: DataRequest, packs: PackLibrary) -> Relationship:
    records = read(connection, _records(request.subject))
    if not records:
        raise InvalidDataRequest(f"Request {request.id} is about records that are not there any more.")
    return relationship(connection, Person(request.subject, "", "", request.subject, records[0][1]), packs)


def _records(holder: UUID) -> Select[UUID, datetime]:
    """All records of a person with the moment of each, in id order."""
    of = select(PersonRow.id, PersonRow.enrolled_at)
    of = of.where(or_(PersonRow.id == holder, PersonRow.holder_id == holder))
    return of.order_by(col(PersonRow.id))


def _demand_still_over(connection: Connection, subjects: Sequence[UUID]) -> None:
    named = f"The person of record {min(subjects)}"
    linked = {id_ for subject in subjects for id_, _ in read(connection, _records(subject))}
    if linked - set(subjects):
        raise InvalidDataRequest(f"{named} was linked to more since: withdraw the request and ask anew.")
    accounts = connection.execute(_queries.accounts.sql, {"subjects": list(subjects)}).fetchall()
    if any(closed_at is None for _, _, _, closed_at, _ in accounts):
        raise InvalidDataRequest(f"{named} has an open account again: withdraw the request.")
