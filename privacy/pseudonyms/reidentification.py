"""Back from a token to its subject: asked for by one person, granted by another, recorded, and done once.

The database holds all of it: that the two differ, that a request is decided once and in its time, that
nothing recorded is changed, and that a token's subject comes out only after the decision on it is committed.
So the names of both, the purpose and the reasons stay, as leaves of the proof log, whatever becomes of the
transaction in which the subject was read.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emoney.ledger import two_persons
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.privacy.pseudonyms.errors import NotReversible, UnknownDomain, UnknownPseudonym
from emoney.privacy.vault.purposes import known

ACTION = "reidentification"
_TOKEN = re.compile(r"[0-9a-f]{32}")

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Reidentification:
    """A request and, once there is one, the decision on it. Neither the token nor the subject is in it."""

    id: UUID
    domain: str
    purpose: str
    reason: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    outcome: str | None
    decided_by: str | None
    decision_reason: str | None
    decided_at: datetime | None
    disclosed_at: datetime | None


@all_or_nothing
def request(
    connection: Connection, domain: str, token: str, *, purpose: str, reason: str, actor: str, at: datetime
) -> UUID:
    """Ask whom `token` stands for; returns the request, open for 7 days.

    `purpose`: one of `privacy.Purpose`. `reason`: 1 to 500 characters, no personal data. Raises
    UnknownPurpose, InvalidRequest, UnknownPseudonym for what is not written as a token, UnknownDomain, and
    NotReversible where there is no way back.
    """
    raw, details = _checked_token(token), {"token": token, "purpose": known(purpose).value}
    who, why = Actor(actor), Reason(reason)
    row = connection.execute(_queries.about.sql, {"domain": domain, "token": raw}).fetchone()
    if row is None:
        raise UnknownDomain("there is no domain of this name; see `emoney privacy pseudonyms list`")
    reversible, given_out = row
    if not reversible:
        raise NotReversible(f"the pseudonyms of {domain} are of a keyed function and have no way back")
    if not given_out:
        raise UnknownPseudonym(f"the domain {domain} never gave out that token, or its subject is erased")
    return two_persons.ask(connection, ACTION, domain, details, actor=who, reason=why, at=at)


def approve(database: Database, request_id: UUID, *, actor: str, reason: str, at: datetime) -> UUID:
    """Grant a request of another person; returns the subject, whose disclosure is recorded by then.

    In two transactions of its own, decision and disclosure: when it ended between them, the same person
    approves again and the disclosure follows. Raises SamePerson, RequestClosed, InvalidRequest, and
    UnknownPseudonym when the subject was erased in the meantime.
    """
    with database.connection() as connection:
        found = two_persons.find(connection, request_id, [ACTION])
        mine = found.outcome == two_persons.APPROVED and found.decided_by == Actor(actor)
        if mine and found.done_at is None:
            two_persons.agreed(connection, request_id, ACTION, at=at)
        else:
            two_persons.approve(connection, request_id, [ACTION], actor=actor, reason=reason, at=at)
    with database.connection() as connection:
        row = connection.execute(_queries.disclose.sql, {"id": request_id, "at": at}).fetchone()
    if row is None or not isinstance(row[0], UUID):
        raise UnknownPseudonym("the domain of this request has that token no more: its subject is erased")
    return row[0]


@all_or_nothing
def reject(connection: Connection, request_id: UUID, *, actor: str, reason: str, at: datetime) -> None:
    """Refuse a request of another person. Raises SamePerson, RequestClosed, InvalidRequest."""
    two_persons.reject(connection, request_id, [ACTION], actor=actor, reason=reason, at=at)


def every(connection: Connection) -> list[Reidentification]:
    """All requests with their decisions, the newest first; at most 1,000."""
    return [
        Reidentification(
            each.id,
            str(each.about),
            each.details["purpose"],
            each.reason,
            each.requested_by,
            each.requested_at,
            each.expires_at,
            each.outcome,
            each.decided_by,
            each.decision_reason,
            each.decided_at,
            each.done_at,
        )
        for each in two_persons.every(connection, [ACTION])
    ]


def _checked_token(token: str) -> bytes:
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise UnknownPseudonym("a token is 32 hexadecimal digits, small letters")
    return bytes.fromhex(token)
