"""Agents and merchants: enrolled persons, natural or entities, with an account of the ledger's own kind.

An agent may work under another one; the chain is told to monitoring, for unusual hierarchies are a red flag.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from sqlmodel import select

from emoney.kyc.errors import NotIdentified, ReferenceTaken, UnfitAccount
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.person import Person
from emoney.kyc.parties.tables import BusinessAccountRow
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.paging import FIRST
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.transfers.chart import AccountKind

IDENTIFIED_BY = {"natural": frozenset({"id_document"}), "legal_entity": frozenset({"registration"})}
"""What a business shows before it gets an account, by the kind of its person."""

LISTED_MAX = 1000

_queries = queries_beside(__file__)


class Role(StrEnum):
    """What a person does for the operator."""

    AGENT = "agent"
    MERCHANT = "merchant"


@all_or_nothing
def open_account(
    connection: Connection,
    person: Person,
    role: Role,
    currency: str,
    external_ref: str,
    *,
    actor: str,
    reason: str,
    at: datetime,
    under: UUID | None = None,
) -> UUID:
    """Open an agent's float or a merchant's account for an enrolled person; returns its id.

    `under`: the account of the agent it works under. Raises NotIdentified when the person shows no identity
    document or registration, UnfitAccount when `under` is no agent's, ReferenceTaken.
    """
    evidence = evidence_records.of_person(connection, person.id)
    asked = IDENTIFIED_BY[person.kind]
    if not asked & evidence_records.shown(evidence, at.astimezone(UTC).date()):
        raise NotIdentified(f"{person.external_ref} cannot be an {role} yet: it takes {', '.join(asked)}")
    if under is not None:
        above = read(
            connection, select(BusinessAccountRow.role).where(BusinessAccountRow.account_id == under)
        )
        if above != [Role.AGENT] or role is not Role.AGENT:
            raise UnfitAccount(f"account {under} is no agent's: agents work under agents only")
    if external_ref in accounts.find(connection, [external_ref]):
        raise ReferenceTaken("external_ref: names another account of the ledger already")
    account_id = new_id()
    kind = AccountKind.AGENT if role is Role.AGENT else AccountKind.MERCHANT
    accounts.open_accounts(
        connection,
        [accounts.NewAccount(account_id, kind, currency, at, external_ref, holder=person.holder)],
    )
    add(
        connection,
        BusinessAccountRow(
            account_id=account_id,
            person_id=person.id,
            role=role.value,
            under_account=under,
            recorded_by=Actor(actor),
            reason=Reason(reason),
            recorded_at=at,
        ),
    )
    return account_id


@dataclass(frozen=True, slots=True)
class Business:
    """A business account as it was opened. `under`: the account of the agent it works under."""

    account_id: UUID
    reference: str | None
    person: str
    role: Role
    currency: str
    under: str | None
    opened_at: datetime


@reads_tuples
def listed(connection: Connection, *, after: UUID = FIRST, most: int = LISTED_MAX) -> list[Business]:
    """The business accounts in the order of their ids."""
    return [
        Business(account_id, ref, person, Role(role), currency, under, at)
        for account_id, ref, person, role, currency, under, at in connection.execute(
            _queries.listed.sql, {"after": after, "most": most}
        )
    ]


def account_of(connection: Connection, reference: str) -> UUID:
    """The account of this reference. Raises UnfitAccount when there is none."""
    found = accounts.find(connection, [reference]).get(reference)
    if found is None:
        raise UnfitAccount("under: the ledger has no account of this reference")
    return found.id


@reads_tuples
def chain(connection: Connection, account_id: UUID) -> list[UUID]:
    """The agents' accounts above this one, the nearest first."""
    return [row[0] for row in connection.execute(_queries.under.sql, {"account": account_id})]
