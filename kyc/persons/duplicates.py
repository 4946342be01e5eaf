"""Duplicates: one person enrolled more than once. Found by index, decided by a human, linked by two.

Exact grounds are equal id or tax numbers and phones; candidates have an equal name and birth date. Nothing
merges by itself: `decide` records that two records are of different persons, or asks for the approval that
links them. A link moves no data; from then on the wallets of both have one holder, so limits per person sum
over them, and it can be taken back the same way.

Two enrolments at the same moment may not see each other; `sweep` looks again at what was enrolled lately.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from sqlmodel import col, select

from emoney.kyc.approvals import Action
from emoney.kyc.errors import UnknownPerson
from emoney.kyc.persons import search
from emoney.kyc.persons.details import PersonDetails
from emoney.kyc.persons.tables import DuplicateDecisionRow, DuplicateRow, PersonLinkRow, PersonRow
from emoney.ledger import two_persons
from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing, attempt
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.two_persons import Request
from emoney.privacy import Vault

LISTED_MAX = 1000
SWEPT_AT_ONCE = 10_000

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that may be of one person, and on which grounds. References, not names."""

    person_a: UUID
    ref_a: str
    person_b: UUID
    ref_b: str
    grounds: tuple[str, ...]
    found_at: datetime


@all_or_nothing
def index_and_note(
    connection: Connection, vault: Vault, persons: Sequence[tuple[UUID, PersonDetails]], at: datetime
) -> int:
    """Index new persons and note whom they may be; returns how many pairs and grounds were found."""
    search.index_persons(connection, vault, persons)
    return note(connection, vault, [person_id for person_id, _ in persons], at)


def sweep(database: Database, vault: Vault, *, since: datetime, at: datetime) -> int:
    """Look again at whom the persons enrolled since then may be; returns how many pairs were seen."""
    with database.connection() as connection:
        lately = select(PersonRow.id).where(PersonRow.enrolled_at >= since)
        persons = list(read(connection, lately.order_by(col(PersonRow.id))))
    seen = 0
    for begin in range(0, len(persons), SWEPT_AT_ONCE):
        with database.connection() as connection:
            seen += note(connection, vault, persons[begin : begin + SWEPT_AT_ONCE], at)
    return seen


@all_or_nothing
def note(connection: Connection, vault: Vault, persons: list[UUID], at: datetime) -> int:
    """Note whom indexed persons may be; returns how many pairs and grounds were found."""
    found = search.alike(connection, vault, persons)
    if found:
        a, b, grounds = (list(column) for column in zip(*found, strict=True))
        connection.execute(_queries.note.sql, {"a": a, "b": b, "grounds": grounds, "at": at})
    return len(found)


@reads_tuples
def open_pairs(connection: Connection, at: datetime, *, most: int = LISTED_MAX) -> list[Pair]:
    """The pairs that wait for a human, the oldest first."""
    rows = connection.execute(_queries.open_pairs.sql, {"at": at, "most": most})
    return [Pair(a, ref_a, b, ref_b, tuple(grounds), found) for a, ref_a, b, ref_b, grounds, found in rows]


@all_or_nothing
def decide(
    connection: Connection, one: UUID, other: UUID, *, same: bool, actor: str, reason: str, at: datetime
) -> UUID | None:
    """Record a human's decision on an open pair.

    `same`: asks that they be linked, and returns the id of the request that a second person must approve
    (`ledger.two_persons`). Raises InvalidRequest when the pair is not open: never found, decided, or
    waiting.
    """
    a, b = sorted((one, other))
    pair = {"a": a, "b": b}
    who, why = Actor(actor), Reason(reason)
    connection.execute(_queries.lock_pair.sql, pair)
    grounds = select(DuplicateRow.ground).where(DuplicateRow.person_a == a, DuplicateRow.person_b == b)
    if not read(connection, grounds):
        raise InvalidRequest(f"{a} and {b} were never found to be alike")
    waits = connection.execute(_queries.pair_is_open.sql, pair | {"at": at}).fetchone()
    if waits is None or not waits[0]:
        raise InvalidRequest(f"{a} and {b} are decided on already, or wait for an approval")
    request = request_link(connection, a, b, actor=actor, reason=reason, at=at) if same else None
    add(
        connection,
        DuplicateDecisionRow(
            id=new_id(),
            person_a=a,
            person_b=b,
            verdict="same" if same else "different",
            decided_by=who,
            reason=why,
            decided_at=at,
            request_id=request,
        ),
    )
    return request


@all_or_nothing
def request_link(
    connection: Connection, one: UUID, other: UUID, *, actor: str, reason: str, at: datetime
) -> UUID:
    """Ask that two records be taken as of one person: the later record is linked to the earlier one.

    Raises UnknownPerson, InvalidRequest when they are one person already.
    """
    rows = _in_order(connection, one, other)
    if len(rows) != 2:
        raise UnknownPerson(f"{one} and {other} are not two enrolled persons")
    (earlier, root), (later, later_root) = rows
    if (root or earlier) == (later_root or later):
        raise InvalidRequest(f"{one} and {other} are linked already")
    details = {"into": str(earlier)}
    return two_persons.ask(
        connection, Action.LINKING_PERSONS, later, details, actor=actor, reason=reason, at=at
    )


@all_or_nothing
def request_separation(
    connection: Connection, person_id: UUID, *, actor: str, reason: str, at: datetime
) -> UUID:
    """Ask that a link be taken back. Raises UnknownPerson, InvalidRequest when there is none."""
    rows = _in_order(connection, person_id)
    if not rows:
        raise UnknownPerson(f"there is no person {person_id}")
    if rows[0][1] is None:
        raise InvalidRequest(f"{person_id} is not linked to another record")
    details = {"into": str(person_id)}
    return two_persons.ask(
        connection, Action.SEPARATING_PERSONS, person_id, details, actor=actor, reason=reason, at=at
    )


@all_or_nothing
def apply(connection: Connection, approval: Request) -> None:
    """Link or separate, as approved: the holder of the wallets follows, in the database."""
    assert approval.decided_at is not None
    link = PersonLinkRow(
        id=new_id(),
        person_id=approval.subject,
        into_id=UUID(approval.details["into"]),
        made_at=approval.decided_at,
        approval_id=approval.id,
    )
    try:
        with attempt(connection):
            add(connection, link)
    except psycopg.errors.IntegrityError:
        raise InvalidRequest(
            f"{approval.subject} was linked or separated in the meantime: reject the request"
        ) from None


def _in_order(connection: Connection, *persons: UUID) -> Sequence[tuple[UUID, UUID | None]]:
    """Those of them who are enrolled, each with the record that stands for it, the earliest first."""
    of = select(PersonRow.id, PersonRow.holder_id).where(col(PersonRow.id).in_(persons))
    return read(connection, of.order_by(col(PersonRow.enrolled_at), col(PersonRow.id)))
