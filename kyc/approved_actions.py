"""What is done when a request is approved: one function per action, in the transaction of the approval."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emoney.kyc.approvals import ACTIONS, Action
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import EvidenceState
from emoney.kyc.life import deaths
from emoney.kyc.packs import acceptance
from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.persons import duplicates
from emoney.kyc.persons.rectification import Rectification
from emoney.kyc.wallets import freezing, overrides
from emoney.kyc.wallets import retiering as following
from emoney.kyc.wallets.restrictions import Downgrades
from emoney.ledger import profile_changes, two_persons
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.ledger import Ledger
from emoney.ledger.proofs import SigningKey
from emoney.ledger.two_persons import Request


@dataclass(frozen=True, slots=True)
class Means:
    """What doing it may take: the packs and the policy for a tier, a ledger for money, the key for a
    signature, the vault and the indexes for details of a person."""

    packs: PackLibrary
    ledger: Ledger | None = None
    policies: Downgrades | None = None
    key: SigningKey | None = None
    rectification: Rectification | None = None


Done = Callable[[Connection, Request, Means], None]


def _accept_evidence(connection: Connection, approval: Request, means: Means) -> None:
    """The evidence is verified by the two, as it was when asked, and the tiers of its person follow."""
    assert approval.decided_by is not None
    assert approval.decided_at is not None
    before = evidence_records.change(
        connection,
        approval.subject,
        EvidenceState.VERIFIED,
        actor=approval.decided_by,
        reason=f"accepted in request {approval.id}",
        at=approval.decided_at,
        method=approval.details.get("method"),
        approval=approval.id,
        number=approval.details.get("number"),
    )
    following.follow(
        connection,
        before.person_id,
        packs=means.packs,
        at=approval.decided_at,
        actor=approval.decided_by,
        reason="evidence verified",
        policies=means.policies,
    )


def _override(connection: Connection, approval: Request, means: Means) -> None:
    overrides.apply(connection, approval, packs=means.packs, policies=means.policies)


def _unfreeze(connection: Connection, approval: Request, _means: Means) -> None:
    """The subject is a wallet, or the person whose death was reported by mistake."""
    if approval.details.get("of") == "death":
        deaths.withdraw(connection, approval)
    else:
        freezing.apply(connection, approval)


def _link(connection: Connection, approval: Request, _means: Means) -> None:
    duplicates.apply(connection, approval)


def _release_estate(connection: Connection, approval: Request, means: Means) -> None:
    if means.ledger is None:
        raise InvalidRequest(f"{approval.action} moves money: approve it with a ledger")
    deaths.release(means.ledger, connection, approval, packs=means.packs, policies=means.policies)


def _accept_pack(connection: Connection, approval: Request, means: Means) -> None:
    if means.key is None:
        raise InvalidRequest(f"{approval.action} is signed: approve it with the installation's key")
    acceptance.apply(connection, approval, means.key, packs=means.packs)


def _lift_limits(connection: Connection, approval: Request, _means: Means) -> None:
    profile_changes.lift(connection, approval)


def _rectify(connection: Connection, approval: Request, means: Means) -> None:
    if means.rectification is None:
        raise InvalidRequest(f"{approval.action} opens and seals details: approve it with the vault")
    means.rectification.apply(connection, approval)


APPLY: dict[Action, Done] = {
    Action.TIER_OVERRIDE: _override,
    Action.EVIDENCE_ACCEPTANCE: _accept_evidence,
    Action.PACK_ACCEPTANCE: _accept_pack,
    Action.UNFREEZING: _unfreeze,
    Action.LINKING_PERSONS: _link,
    Action.SEPARATING_PERSONS: _link,
    Action.RECTIFICATION: _rectify,
    Action.ESTATE_RELEASE: _release_estate,
    Action.LIFTING_LIMITS: _lift_limits,
}


@all_or_nothing
def request_acceptance(
    connection: Connection, evidence_id: UUID, *, method: str, actor: str, reason: str, at: datetime
) -> UUID:
    """Ask that captured evidence be taken as verified by `method`; returns the request's id.

    What is approved is the evidence as it is now; when it changes, it is asked for anew. Raises
    UnknownEvidence, InvalidEvidence when it is verified already or has ended, InvalidRequest.
    """
    evidence = evidence_records.verifiable(connection, evidence_id, method)
    details = {
        "method": method,
        "number": evidence.number,
        "kind": evidence.kind,
        "state": evidence.state.value,
        "assurance": evidence.assurance.value,
    }
    return two_persons.ask(
        connection,
        Action.EVIDENCE_ACCEPTANCE,
        evidence_id,
        details,
        actor=actor,
        reason=reason,
        at=at,
    )


@all_or_nothing
def approve(
    connection: Connection,
    request_id: UUID,
    *,
    packs: PackLibrary,
    actor: str,
    reason: str,
    at: datetime,
    ledger: Ledger | None = None,
    policies: Downgrades | None = None,
    key: SigningKey | None = None,
    rectification: Rectification | None = None,
) -> Request:
    """Approve a request and do what it asks for; `ledger` posts where that moves money.

    `policies`: the operator's for downgrades, by default the shipped ones; `key` signs the acceptance of a
    pack; `rectification` corrects details. Raises as `two_persons.approve`, and
    InvalidRequest when one of them is needed and not given.
    """
    means = Means(packs, ledger, policies, key, rectification)

    @all_or_nothing
    def apply(connection: Connection, approval: Request) -> None:
        APPLY[Action(approval.action)](connection, approval, means)

    wanted = two_persons.find(connection, request_id, ACTIONS)
    # an account that is still to be opened uses the approval then
    later = wanted.action == Action.LIFTING_LIMITS and not accounts.of_ids(connection, [wanted.subject])
    return two_persons.approve(
        connection,
        request_id,
        ACTIONS,
        actor=actor,
        reason=reason,
        at=at,
        apply=None if later else apply,
    )
