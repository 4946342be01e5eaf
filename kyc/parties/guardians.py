"""Minors and their guardians: who answers for whom, until the minor comes of age.

A guardian is an enrolled adult of whom an identity document or the like is verified. Birth dates stay sealed:
what is stored beside them is the year in which the minor comes of age, and in that year they are opened,
which is logged, to see whether the day has come.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from emoney.kyc.errors import InvalidGuardian
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.packs.schema import Pack, Tier
from emoney.kyc.parties.settings import Parties
from emoney.kyc.parties.tables import GuardianshipRow
from emoney.kyc.wallets.tables import WalletRow
from emoney.ledger import outbox
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor
from emoney.ledger.base.paging import FIRST, PAGE_ROWS
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy import Place, Purpose, Sealed, SealedField, Vault

_NOT_ENDED = col(GuardianshipRow.ended_at).is_(None)

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Minor:
    """A minor who is being enrolled. `guardian`: the reference of who answers."""

    person_id: UUID
    guardian: str
    born: date = field(repr=False)
    authority: str = "parent"


@all_or_nothing
def record(
    connection: Connection,
    vault: Vault,
    minor: Minor,
    pack: Pack,
    tier: Tier,
    *,
    parties: Parties,
    actor: str,
    at: datetime,
) -> None:
    """Record who answers for a minor. Raises InvalidGuardian when the guardian may not."""
    guardian = demand(connection, vault, minor, pack, tier, parties=parties, at=at)
    add(
        connection,
        GuardianshipRow(
            id=new_id(),
            minor_id=minor.person_id,
            guardian_id=guardian,
            authority=minor.authority,
            until_year=parties.of_age_on(minor.born, pack.id).year,
            recorded_by=Actor(actor),
            recorded_at=at,
        ),
    )


@reads_tuples
def demand(
    connection: Connection,
    vault: Vault,
    minor: Minor,
    pack: Pack,
    tier: Tier,
    *,
    parties: Parties,
    at: datetime,
) -> UUID:
    """The guardian whom a minor names, who may answer for one more. Raises InvalidGuardian."""
    row = connection.execute(_queries.guardian.sql, {"ref": minor.guardian}).fetchone()
    if row is None:
        raise InvalidGuardian("guardian: nobody is enrolled under this reference; enrol the guardian first")
    guardian, kind, sealed = row
    day = pack.local_day(at)
    if kind != "natural" or sealed is None:
        raise InvalidGuardian("guardian: must be a natural person whose birth date is on record")
    [born] = _birth_dates(connection, vault, [(guardian, sealed)], "enrolment")
    if parties.of_age_on(born, pack.id) > day:
        raise InvalidGuardian("guardian: is not of age")
    evidence = evidence_records.of_person(connection, guardian)
    if not evidence_records.verified(evidence, day, frozenset(parties.guardian.verified_by)):
        raise InvalidGuardian("guardian: is not verified yet; have the identity document verified first")
    _demand_room(connection, guardian, tier)
    return UUID(str(guardian))


def _demand_room(connection: Connection, guardian: UUID, tier: Tier) -> None:
    """That the guardian may answer for one more; two that ask at once come one by one."""
    most = tier.minors.max_per_guardian if tier.minors else None
    if most is None:
        return
    connection.execute(_queries.lock_guardian.sql, {"guardian": guardian})
    answers_for = select(func.count()).where(GuardianshipRow.guardian_id == guardian, _NOT_ENDED)
    [held] = read(connection, answers_for)
    if held >= most:
        raise InvalidGuardian(f"guardian: answers for {held} minors; the pack lets one answer for {most}")


def of_minor(connection: Connection, minor_id: UUID) -> list[dict[str, Any]]:
    """Everyone who answers or has answered for a minor, the earliest first."""
    of = select(GuardianshipRow).where(GuardianshipRow.minor_id == minor_id)
    return [
        {
            "guardian": row.guardian_id,
            "authority": row.authority,
            "since": row.recorded_at,
            "ended_at": row.ended_at,
            "ended_reason": row.ended_reason,
        }
        for row in read(connection, of.order_by(col(GuardianshipRow.recorded_at), col(GuardianshipRow.id)))
    ]


def guardian_of(connection: Connection, minor_id: UUID) -> UUID | None:
    """Who answers for a minor now, or None."""
    of = select(GuardianshipRow.guardian_id).where(GuardianshipRow.minor_id == minor_id, _NOT_ENDED)
    return next(iter(read(connection, of)), None)


def pack_of(connection: Connection, person_id: UUID) -> str | None:
    """The pack whose law sets a person's age of majority: that of the first wallet, or None without one."""
    of = select(WalletRow.pack_id).where(WalletRow.person_id == person_id)
    return next(iter(read(connection, of.order_by(col(WalletRow.account_id)).limit(1))), None)


@all_or_nothing
def go_on(
    connection: Connection, minor_id: UUID, guardian: UUID, until_year: int, *, actor: str, at: datetime
) -> None:
    """Let a guardian whose last record has ended answer until another year, by the same authority."""
    about = {"id": new_id(), "minor": minor_id, "guardian": guardian, "until_year": until_year}
    connection.execute(_queries.go_on.sql, about | {"actor": Actor(actor), "at": at})


@all_or_nothing
def end(connection: Connection, minor_id: UUID, *, reason: str, at: datetime) -> bool:
    """End who answers for a minor; False when nobody does."""
    about = {"minor": minor_id, "reason": reason, "at": at}
    return connection.execute(_queries.end.sql, about).rowcount == 1


@all_or_nothing
def come_of_age(
    connection: Connection,
    vault: Vault,
    *,
    parties: Parties,
    at: datetime,
    after: UUID = FIRST,
    most: int = PAGE_ROWS,
) -> tuple[list[UUID], UUID | None]:
    """End the guardianship of minors who are of age by now, and tell it as events.

    Looks at `most` after an id; gives those who came of age, and where to go on (None: all were seen).
    """
    today = at.astimezone(UTC).date()
    about = {"year": today.year, "after": after, "most": most}
    rows = connection.execute(_queries.maybe_of_age.sql, about).fetchall()
    if not rows:
        return [], None
    born = _birth_dates(connection, vault, [(row[0], row[1]) for row in rows], "coming-of-age")
    grown = [
        row[0]
        for row, birth_date in zip(rows, born, strict=True)
        if parties.of_age_on(birth_date, row[2] or "") <= today
    ]
    for minor_id in grown:  # in id order
        end(connection, minor_id, reason="came of age", at=at)
        outbox.append(connection, "person.came_of_age", minor_id, {}, at=at)
    return grown, rows[-1][0]


def _birth_dates(
    connection: Connection, vault: Vault, sealed: Sequence[tuple[UUID, bytes]], actor: str
) -> list[date]:
    items = [
        SealedField(person, Place("kyc.person", "birth_date", person), Sealed(value))
        for person, value in sealed
    ]
    opened = vault.open(connection, items, purpose=Purpose.CUSTOMER_DUE_DILIGENCE, actor=actor)
    return [date.fromisoformat(each) for each in opened]
