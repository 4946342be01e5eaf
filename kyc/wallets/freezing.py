"""Freezing: one person may stop a wallet, two let it go again.

The ledger keeps each kind of freeze by itself, and an account is frozen while one stands
(`ledger.accounts.freezes`). The staff's kinds are placed and lifted here; those of dormancy and death follow
from where the wallet or its holder stands (`settle`). Lifting one leaves the others; the database lifts the
staff's on an approval only, and lets dormancy and death go only when they are over.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from emoney.kyc.approvals import Action
from emoney.ledger import account_changes, two_persons
from emoney.ledger.accounts import account as accounts
from emoney.ledger.accounts import freezes
from emoney.ledger.base.errors import InvalidRequest, UnknownAccount
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.two_persons import Request, RequestClosed

_queries = queries_beside(__file__)


class FreezeKind(StrEnum):
    """Why the staff stops a wallet. To lift each takes two."""

    COMPLIANCE = "compliance"
    COURT_ORDER = "court_order"
    INVESTIGATION = "investigation"
    SCREENING = "screening"


_DORMANCY, _DEATH = "dormancy", "death"


@all_or_nothing
def freeze(
    connection: Connection,
    account_id: UUID,
    *,
    kind: FreezeKind = FreezeKind.COMPLIANCE,
    debit: bool = True,
    credit: bool = True,
    actor: str,
    reason: str,
    at: datetime,
) -> None:
    """Stop debits, credits or both; what is stopped stays so. Each order is recorded, and no request to lift
    an earlier one lifts it. Raises UnknownAccount, AccountClosed, InvalidRequest."""
    if not debit and not credit:
        raise InvalidRequest("freezing stops debits, credits or both; letting go takes an approval")
    stops = _kind(kind)
    lock(connection, account_id)
    now = freezes.flags(freezes.standing(connection, account_id), stops)
    account_changes.set_freeze(
        connection,
        account_id,
        stops.value,
        debit=debit or now[0],
        credit=credit or now[1],
        actor=Actor(actor),
        reason=reason,
        at=at,
        anew=True,
    )


@all_or_nothing
def request_unfreezing(
    connection: Connection,
    account_id: UUID,
    *,
    kind: FreezeKind = FreezeKind.COMPLIANCE,
    actor: str,
    reason: str,
    at: datetime,
) -> UUID:
    """Ask that one of the staff's freezes be lifted; returns the request's id. Raises as `freeze`."""
    lifts = _kind(kind)
    lock(connection, account_id)
    if freezes.flags(freezes.standing(connection, account_id), lifts) == (False, False):
        raise InvalidRequest(f"account {account_id} is not frozen by the staff for {lifts.replace('_', ' ')}")
    details = {"kind": lifts.value}
    return two_persons.ask(
        connection, Action.UNFREEZING, account_id, details, actor=actor, reason=reason, at=at
    )


@all_or_nothing
def apply(connection: Connection, approval: Request) -> None:
    """Lift the freeze, as approved.

    Raises RequestClosed when it was ordered anew since it was asked for, or is lifted already, and
    InvalidRequest when the request does not name a freeze of the staff's.
    """
    assert approval.decided_by is not None
    assert approval.decided_at is not None
    kind = _kind(approval.details.get("kind"))
    lock(connection, approval.subject)
    stands = [each for each in freezes.standing(connection, approval.subject) if each.kind == kind]
    if not stands:
        raise RequestClosed(f"account {approval.subject} is not frozen so any more: nothing is left to lift")
    if stands[0].since > approval.requested_at:
        raise RequestClosed(
            f"account {approval.subject} was frozen anew since request {approval.id} asked: ask again"
        )
    account_changes.set_freeze(
        connection,
        approval.subject,
        kind.value,
        debit=False,
        credit=False,
        actor=approval.decided_by,
        reason=f"approved in request {approval.id}",
        at=approval.decided_at,
        approval=approval.id,
    )


@all_or_nothing
def settle(connection: Connection, account_id: UUID, *, actor: str, reason: str, at: datetime) -> None:
    """Freeze for dormancy and death where these stand, and only there. The caller has locked the account.

    A closed account takes no change and is left as it is.
    """
    if accounts.get(connection, account_id).closed_at is not None:
        return
    for kind, query in ((_DORMANCY, _queries.frozen_by_dormancy), (_DEATH, _queries.frozen_by_death)):
        row = connection.execute(query.sql, {"account": account_id}).fetchone()
        debit, credit = (False, False) if row is None else row
        _set(connection, account_id, kind, debit, credit, actor, reason, at)


@all_or_nothing
def open_for_a_moment(
    connection: Connection, account_id: UUID, *, actor: str, reason: str, at: datetime
) -> None:
    """Lift dormancy and death to move the money, until `settle` in this transaction. Other kinds stand."""
    for kind in (_DORMANCY, _DEATH):
        _set(connection, account_id, kind, False, False, actor, reason, at)


@reads_tuples
def lock(connection: Connection, account_id: UUID) -> None:
    """Lock the account. Raises UnknownAccount."""
    if connection.execute(_queries.lock_account.sql, {"account": account_id}).fetchone() is None:
        raise UnknownAccount(f"there is no account {account_id}")


def held_by_others(connection: Connection, account_id: UUID) -> tuple[bool, bool]:
    """Whether freezes other than of dormancy stop the account's debits and its credits."""
    standing = freezes.standing(connection, account_id)
    return freezes.flags(each for each in standing if each.kind != _DORMANCY)


def _kind(named: object) -> FreezeKind:
    try:
        return FreezeKind(str(named))
    except ValueError:
        kinds = ", ".join(FreezeKind)
        raise InvalidRequest(f"the staff's freezes are {kinds}; this is none of them") from None


def _set(
    connection: Connection,
    account_id: UUID,
    kind: str,
    debit: bool,
    credit: bool,
    actor: str,
    reason: str,
    at: datetime,
) -> None:
    account_changes.set_freeze(
        connection, account_id, kind, debit=debit, credit=credit, actor=actor, reason=Reason(reason), at=at
    )
