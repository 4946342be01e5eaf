"""Back from a token to its subject: asked for by one person, granted by another, recorded, and done once.

The database holds all of it: that the two differ, that a request is decided once and in its time, that
nothing recorded is changed, and that a token's subject comes out only after the decision on it is committed.
So the names of both, the purpose and the reasons stay, as leaves of the proof log, whatever becomes of the
transaction in which the subject was read.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.errors import CheckViolation, UniqueViolation

from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import checked_ground
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.privacy.pseudonyms.domains import checked_actor
from emoney.privacy.pseudonyms.errors import (
    InvalidRequest,
    NotReversible,
    RequestClosed,
    SamePerson,
    UnknownDomain,
    UnknownPseudonym,
)
from emoney.privacy.vault.purposes import known

OPEN_FOR = timedelta(days=7)
LISTED_MAX = 1000
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
    decided_because: str | None
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
    request_id = new_id()
    values = {
        "id": request_id,
        "domain": domain,
        "token": _checked_token(token),
        "purpose": known(purpose).value,
        "reason": checked_ground(reason, InvalidRequest),
        "actor": checked_actor(actor),
        "at": at,
        "expires_at": at + OPEN_FOR,
    }
    row = connection.execute(_queries.about.sql, {"domain": domain, "token": values["token"]}).fetchone()
    if row is None:
        raise UnknownDomain("there is no domain of this name; see `emoney privacy pseudonyms list`")
    reversible, given_out = row
    if not reversible:
        raise NotReversible(f"the pseudonyms of {domain} are of a keyed function and have no way back")
    if not given_out:
        raise UnknownPseudonym(f"the domain {domain} never gave out that token, or its subject is erased")
    connection.execute(_queries.request.sql, values)
    return request_id


def approve(database: Database, request_id: UUID, *, actor: str, reason: str, at: datetime) -> UUID:
    """Grant a request of another person; returns the subject, whose disclosure is recorded by then.

    In two transactions of its own, decision and disclosure: when it ended between them, the same person
    approves again and the disclosure follows. Raises SamePerson, RequestClosed, InvalidRequest, and
    UnknownPseudonym when the subject was erased in the meantime.
    """
    with database.connection() as connection:
        unfinished = {"id": request_id, "actor": checked_actor(actor)}
        if connection.execute(_queries.undisclosed.sql, unfinished).fetchone() is None:
            _decide(connection, request_id, "approved", actor=actor, reason=reason, at=at)
    with database.connection() as connection:
        row = connection.execute(_queries.disclose.sql, {"id": request_id, "at": at}).fetchone()
    if row is None or not isinstance(row[0], UUID):
        raise UnknownPseudonym("the domain of this request has that token no more: its subject is erased")
    return row[0]


@all_or_nothing
def reject(connection: Connection, request_id: UUID, *, actor: str, reason: str, at: datetime) -> None:
    """Refuse a request of another person. Raises SamePerson, RequestClosed, InvalidRequest."""
    _decide(connection, request_id, "rejected", actor=actor, reason=reason, at=at)


def every(connection: Connection) -> list[Reidentification]:
    """All requests with their decisions, the newest first; at most 1,000."""
    rows = connection.execute(_queries.every.sql, {"most": LISTED_MAX}).fetchall()
    return [Reidentification(*row) for row in rows]


def _decide(
    connection: Connection, request_id: UUID, outcome: str, *, actor: str, reason: str, at: datetime
) -> None:
    values = {"id": request_id, "outcome": outcome, "actor": checked_actor(actor), "at": at}
    values["reason"] = checked_ground(reason, InvalidRequest)
    try:
        written = connection.execute(_queries.decide.sql, values)
    except CheckViolation as error:
        if error.diag.constraint_name == "second_person":
            raise SamePerson("who asked for a re-identification cannot decide on it") from None
        if error.diag.constraint_name == "in_time":
            raise RequestClosed(f"the request {request_id} has expired; ask again") from None
        raise
    except UniqueViolation:
        raise RequestClosed(f"the request {request_id} is decided already") from None
    if written.rowcount == 0:
        raise RequestClosed(f"there is no request {request_id}")


def _checked_token(token: str) -> bytes:
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise UnknownPseudonym("a token is 32 hexadecimal digits, small letters")
    return bytes.fromhex(token)
