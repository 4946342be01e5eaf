"""What is done when a request is approved: one function per action, in the transaction of the approval."""

from datetime import datetime
from functools import partial
from uuid import UUID

from kyc import approvals, deaths, duplicates, evidence_records, following, freezing, overrides
from kyc.approvals import Action, Apply, Approval
from kyc.errors import InvalidRequest
from kyc.evidence_records import State
from ledger.database import Connection
from ledger.ledger import Ledger


def _accept_evidence(connection: Connection, approval: Approval) -> None:
    """The evidence is verified by the two, and the tiers of its person follow."""
    assert approval.decided_by is not None
    assert approval.decided_at is not None
    before = evidence_records.change(
        connection,
        approval.subject,
        State.VERIFIED,
        by=approval.decided_by,
        because=f"accepted in request {approval.id}",
        at=approval.decided_at,
        method=approval.details.get("method"),
        approval=approval.id,
    )
    following.follow(connection, before.person_id, at=approval.decided_at, because="evidence verified")


def _record_only(_connection: Connection, _approval: Approval) -> None:
    """The approval itself is what was asked for; whoever needs it looks it up (`approvals.standing`)."""


def _unfreeze(connection: Connection, approval: Approval) -> None:
    """The subject is a wallet, or the person whose death was reported by mistake."""
    if approval.details.get("of") == "death":
        deaths.withdraw(connection, approval)
    else:
        freezing.apply(connection, approval)


APPLY: dict[Action, Apply] = {
    Action.TIER_OVERRIDE: overrides.apply,
    Action.EVIDENCE_ACCEPTANCE: _accept_evidence,
    Action.PACK_ACCEPTANCE: _record_only,
    Action.UNFREEZING: _unfreeze,
    Action.LINKING_PERSONS: duplicates.apply,
    Action.SEPARATING_PERSONS: duplicates.apply,
}


def request_acceptance(
    connection: Connection, evidence_id: UUID, *, method: str, by: str, because: str, at: datetime
) -> UUID:
    """Ask that captured evidence be taken as verified by `method`; returns the request's id.

    Raises UnknownEvidence, InvalidEvidence when it is verified already or has ended, InvalidRequest.
    """
    evidence_records.demand_verifiable(connection, evidence_id, method)
    return approvals.request(
        connection,
        Action.EVIDENCE_ACCEPTANCE,
        evidence_id,
        {"method": method},
        by=by,
        because=because,
        at=at,
    )


def approve(
    connection: Connection,
    request_id: UUID,
    *,
    by: str,
    because: str,
    at: datetime,
    ledger: Ledger | None = None,
) -> Approval:
    """Approve a request and do what it asks for; `ledger` posts where that moves money.

    Raises as `approvals.approve`, and InvalidRequest for what needs a ledger when none is given.
    """
    wanted = approvals.find(connection, request_id)
    apply = APPLY.get(wanted.action)
    if apply is None:
        if wanted.action is not Action.ESTATE_RELEASE or ledger is None:
            raise InvalidRequest(f"{wanted.action} moves money: approve it with a ledger")
        apply = partial(deaths.release, ledger)
    return approvals.approve(connection, request_id, by=by, because=because, at=at, apply=apply)
