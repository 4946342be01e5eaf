"""Accounts put under other limits, with who, why and when.

Each change is a row of `ledger.account_change` and an event `account.profile`; the database puts the account
under the profile by its own trigger, and the application's role cannot otherwise. To lift limits, which is
to go to no profile or to one that has no rule with a bound, takes two persons: `request_lifting`, then
another's approval. Usage counters stay.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from psycopg.errors import CheckViolation, ForeignKeyViolation, UniqueViolation

from emoney.ledger import two_persons
from emoney.ledger.accounts.account import NO_SUCH_PROFILE
from emoney.ledger.base.errors import InvalidInput, InvalidRequest, UnknownAccount
from emoney.ledger.base.ids import Id, as_id
from emoney.ledger.base.names import Reason, checked_name
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.outbox import append_to_each
from emoney.ledger.two_persons import NotApproved, Request, RequestClosed

LIFTING = "lifting_limits"
"""The action that takes two: an account without limits."""

_queries = queries_beside(__file__)


@all_or_nothing
def put_under(
    connection: Connection,
    profiles: Mapping[UUID, UUID | None],
    *,
    actor: str,
    reason: str,
    at: datetime,
    approval: UUID | None = None,
) -> int:
    """Put accounts under limit profiles, by account; None: no limits. Returns how many were changed.

    Those that are under theirs already, and closed ones, stay as they are. `actor`: who orders it, 1 to 200
    printable characters; `reason`: 1 to 500; no personal data in either. `approval`: the approved request, of
    one account, to lift its limits. Locks the accounts in id order. Raises UnknownAccount, NotApproved,
    RequestClosed where the approval was used, InvalidInput for a profile that is not stored or counts another
    currency.
    """
    wanted = {
        as_id(account, "account_id"): None if profile is None else as_id(profile, "profile_id")
        for account, profile in profiles.items()
    }
    checked_name(actor)
    Reason(reason)
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise InvalidInput("the moment of a change needs a time zone")
    if approval is not None and len(wanted) != 1:
        raise InvalidInput("an approval is for one account")
    about = {"accounts": list(wanted), "profiles": list(wanted.values())}
    locked = {row[0] for row in connection.execute(_queries.lock.sql, about)}
    if missing := sorted(wanted.keys() - locked):
        raise UnknownAccount(f"there is no account {missing[0]}")
    said = {"actor": actor, "reason": reason, "at": at, "approval": approval}
    try:
        changed = connection.execute(_queries.record.sql, about | said).fetchall()
    except ForeignKeyViolation as error:
        if error.diag.constraint_name != "account_profile":
            raise NotApproved(f"there is no decision on a request {approval}") from None
        raise InvalidInput(NO_SUCH_PROFILE) from error
    except UniqueViolation:
        raise RequestClosed(f"request {approval} was carried out already") from None
    except CheckViolation as error:
        if error.diag.constraint_name != "lifting_takes_two":
            raise
        raise NotApproved(
            "limits are lifted by two persons: ask with request_lifting, let another approve, and give the "
            "approval while it stands"
        ) from None
    # who and why stay in the history: consumers hand on what they are told
    told = {
        account_id: {
            "number": number,
            "kind": "profile",
            "profile": profile and str(profile),
            "at": at.isoformat(),
        }
        for account_id, number, profile in changed
    }
    append_to_each(connection, "account.profile", sorted(told.items()), at=at)
    return len(changed)


@all_or_nothing
def request_lifting(
    connection: Connection,
    account_id: Id,
    profile_id: Id | None = None,
    *,
    actor: str,
    reason: str,
    at: datetime,
) -> UUID:
    """Ask that an account be without limits; returns the request's id. Raises InvalidRequest.

    `account_id`: there already, or to be opened (`accounts.account.id_of_reference`): who opens it within the
    time that an approval holds may leave out its limits. `profile_id`: the one without bounds that it is to
    come under; None: none.
    """
    profile = None if profile_id is None else str(as_id(profile_id, "profile_id"))
    account = as_id(account_id, "account_id")
    return two_persons.ask(
        connection, LIFTING, account, {"profile": profile}, actor=actor, reason=reason, at=at
    )


@all_or_nothing
def lift(connection: Connection, approval: Request) -> None:
    """Put the account under what was approved, in the approval's transaction. Raises as `put_under`."""
    assert approval.decided_by is not None
    assert approval.decided_at is not None
    if "profile" not in approval.details:
        raise InvalidRequest(f"request {approval.id} does not say under which profile, or that under none")
    put_under(
        connection,
        {approval.subject: approval.details["profile"]},
        actor=approval.decided_by,
        reason=f"approved in request {approval.id}",
        at=approval.decided_at,
        approval=approval.id,
    )
