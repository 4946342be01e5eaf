"""Freezing: one person may stop a wallet, two let it go again.

An account is frozen while any reason for it stands: the staff's (`kyc.freeze`, here), its dormancy, or its
holder's death. Letting one reason go leaves the others.
"""

from datetime import datetime
from uuid import UUID

from emoney.kyc.approvals import request as approvals
from emoney.kyc.approvals.actors import checked_actor, checked_reason
from emoney.kyc.approvals.request import Action, Approval
from emoney.kyc.errors import InvalidRequest
from emoney.ledger import account_changes
from emoney.ledger.base.errors import UnknownAccount
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import REASON_MAX
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing

_queries = queries_beside(__file__)


@all_or_nothing
def freeze(
    connection: Connection,
    account_id: UUID,
    *,
    debit: bool = True,
    credit: bool = True,
    actor: str,
    reason: str,
    at: datetime,
) -> None:
    """Stop debits, credits or both; what is stopped stays so. Raises UnknownAccount, InvalidRequest."""
    if not debit and not credit:
        raise InvalidRequest("freezing stops debits, credits or both; letting go takes an approval")
    frozen = lock(connection, account_id)
    about = {"account": account_id, "debit": debit or frozen[0], "credit": credit or frozen[1]}
    said = {"reason": checked_reason(reason), "actor": checked_actor(actor), "at": at, "approval": None}
    connection.execute(_queries.record.sql, about | said | {"id": new_id()})
    settle(connection, account_id, actor=actor, reason=reason, at=at)


@all_or_nothing
def request_unfreezing(
    connection: Connection, account_id: UUID, *, actor: str, reason: str, at: datetime
) -> UUID:
    """Ask that the staff's freeze be lifted; returns the request's id. Raises as `freeze`."""
    if lock(connection, account_id) == (False, False):
        raise InvalidRequest(f"account {account_id} is not frozen by the staff")
    return approvals.request(connection, Action.UNFREEZING, account_id, {}, actor=actor, reason=reason, at=at)


@all_or_nothing
def apply(connection: Connection, approval: Approval) -> None:
    """Lift the staff's freeze, as approved."""
    lock(connection, approval.subject)
    connection.execute(
        _queries.record.sql,
        {
            "id": new_id(),
            "account": approval.subject,
            "debit": False,
            "credit": False,
            "reason": f"approved in request {approval.id}",
            "actor": approval.decided_by,
            "at": approval.decided_at,
            "approval": approval.id,
        },
    )
    assert approval.decided_by is not None
    assert approval.decided_at is not None
    reason = f"approved in request {approval.id}"
    settle(connection, approval.subject, actor=approval.decided_by, reason=reason, at=approval.decided_at)


@all_or_nothing
def settle(connection: Connection, account_id: UUID, *, actor: str, reason: str, at: datetime) -> None:
    """Freeze the account where any reason for it stands, and only there. The caller has locked it."""
    debit = credit = False
    for query in (_queries.frozen_by_staff, _queries.frozen_by_dormancy, _queries.frozen_by_death):
        row = connection.execute(query.sql, {"account": account_id}).fetchone()
        if row is not None:
            debit, credit = debit or row[0], credit or row[1]
    account_changes.set_frozen(
        connection, account_id, debit=debit, credit=credit, actor=actor, reason=reason[:REASON_MAX], at=at
    )


def lock(connection: Connection, account_id: UUID) -> tuple[bool, bool]:
    """Lock the account; gives whether the staff has frozen its debits and its credits."""
    if connection.execute(_queries.lock_account.sql, {"account": account_id}).fetchone() is None:
        raise UnknownAccount(f"there is no account {account_id}")
    row = connection.execute(_queries.frozen_by_staff.sql, {"account": account_id}).fetchone()
    return (False, False) if row is None else (row[0], row[1])
