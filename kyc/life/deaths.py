"""The death of a holder: reported, verified by a document, the money released to the estate; or withdrawn.

| stage     | by whom                        | what happens                                              |
|-----------|--------------------------------|-----------------------------------------------------------|
| reported  | one of the staff               | debits of all the person's wallets stop; credits arrive   |
| verified  | one, on a verified certificate | the same; the estate is asked for (event)                 |
| released  | two                            | each balance is redeemed at par to the estate's bank      |
| withdrawn | two: it was a mistake          | the wallets are free again, where nothing else stops them |

While the death stands, dormancy (`kyc.life.dormancy`) takes no money out of the wallets: it is the estate's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from emoney.kyc.approvals import Action
from emoney.kyc.errors import InvalidStep, NotIdentified, UnknownPerson
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.life.tables import DeathStepRow
from emoney.kyc.limits.compile import compile_profile
from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.wallets import assignment, freezing, restrictions
from emoney.kyc.wallets.tables import WalletRow
from emoney.ledger import outbox, profile_changes, two_persons
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.ledger import Ledger
from emoney.ledger.limits import profiles
from emoney.ledger.transfers.chart import BACKING
from emoney.ledger.transfers.everyday import redeem
from emoney.ledger.two_persons import Request

CERTIFICATE = "death_certificate"

_queries = queries_beside(__file__)


class DeathStage(StrEnum):
    """How far a death is known and settled."""

    REPORTED = "reported"
    VERIFIED = "verified"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was made."""

    stage: str
    evidence: UUID | None
    actor: str
    reason: str
    at: datetime
    approval: UUID | None


@all_or_nothing
def report(connection: Connection, person_id: UUID, *, actor: str, reason: str, at: datetime) -> None:
    """Report that a person has died: debits of all their wallets stop. Raises UnknownPerson, InvalidStep."""
    _demand_stage(connection, person_id, (None, DeathStage.WITHDRAWN), "reported")
    _step(connection, person_id, DeathStage.REPORTED, actor, reason, at)
    _settle(connection, person_id, actor, reason, at)


@all_or_nothing
def verify(connection: Connection, person_id: UUID, *, actor: str, reason: str, at: datetime) -> None:
    """Take the death as verified, on a `death_certificate` of the person that is verified itself.

    Raises InvalidStep, NotIdentified when there is no such evidence.
    """
    _demand_stage(connection, person_id, (DeathStage.REPORTED,), "verified")
    day = at.astimezone(UTC).date()
    found = [
        each
        for each in evidence_records.of_person(connection, person_id)
        if evidence_records.verified([each], day, frozenset({CERTIFICATE}))
    ]
    if not found:
        raise NotIdentified(f"a death is verified by a verified {CERTIFICATE}; there is none on record")
    _step(connection, person_id, DeathStage.VERIFIED, actor, reason, at, evidence=found[-1].id)


@all_or_nothing
def request_release(
    connection: Connection,
    person_id: UUID,
    funds: UUID,
    *,
    reference: str,
    actor: str,
    reason: str,
    at: datetime,
) -> UUID:
    """Ask that all balances be redeemed to the estate, out of `funds` (safeguarding or in transit).

    `reference`: of the payment to the estate's bank. Returns the request's id. Raises InvalidStep.
    """
    _demand_stage(connection, person_id, (DeathStage.VERIFIED,), "released")
    if accounts.get(connection, funds).kind not in BACKING:
        raise InvalidStep(f"account {funds} holds no funds behind e-money: redemption is paid out of those")
    details = {"funds": str(funds), "reference": reference}
    return two_persons.ask(
        connection, Action.ESTATE_RELEASE, person_id, details, actor=actor, reason=reason, at=at
    )


@all_or_nothing
def release(
    ledger: Ledger,
    connection: Connection,
    approval: Request,
    *,
    packs: PackLibrary,
    policies: restrictions.Downgrades | None = None,
) -> None:
    """Redeem every balance, as approved, in the approval's transaction. Raises InvalidStep."""
    assert approval.decided_by is not None
    assert approval.decided_at is not None
    _demand_stage(connection, approval.subject, (DeathStage.VERIFIED,), "released")
    funds = UUID(approval.details["funds"])
    for account_id, pack_id, tier in _wallets(connection, approval.subject):
        freezing.lock(connection, account_id)
        held = accounts.get(connection, account_id, approval.decided_at)
        if held.available != held.balance:
            raise InvalidStep(f"wallet {account_id} has money reserved by a hold: settle the hold first")
        if not held.balance:
            continue
        pack = packs.pack(pack_id)
        policy = (policies or restrictions.downgrades()).of(pack_id)
        open_to_redeem = restrictions.restricted(
            compile_profile(pack, pack.tier(tier)),
            restrictions.RestrictionStage.DEBITS_STOPPED,
            policy,
            verified=True,
        )
        profile, why = profiles.store(connection, open_to_redeem), f"approved in request {approval.id}"
        put: dict[str, Any] = {"reason": why, "at": approval.decided_at}
        profile_changes.put_under(connection, {account_id: profile}, actor=approval.decided_by, **put)
        assignment.record_rebinding(connection, [account_id], [profile], **put)
        freezing.open_for_a_moment(
            connection,
            account_id,
            actor=approval.decided_by,
            reason=f"approved in request {approval.id}",
            at=approval.decided_at,
        )
        transfer = redeem(
            wallet=account_id,
            funds=funds,
            amount=held.balance,
            currency=held.currency,
            reference=approval.details["reference"],
        )
        [outcome] = ledger.post_in(connection, [transfer])
        if outcome.refusal is not None:
            raise InvalidStep(f"the ledger refused to redeem wallet {account_id}: {outcome.refusal.rule}")
    reason = f"approved in request {approval.id}"
    _step(
        connection,
        approval.subject,
        DeathStage.RELEASED,
        approval.decided_by,
        reason,
        approval.decided_at,
        approval=approval.id,
    )
    _settle(connection, approval.subject, approval.decided_by, reason, approval.decided_at)


@all_or_nothing
def request_withdrawal(
    connection: Connection, person_id: UUID, *, actor: str, reason: str, at: datetime
) -> UUID:
    """Ask that a report be withdrawn, for the person lives. Returns the request's id. Raises InvalidStep."""
    _demand_stage(connection, person_id, (DeathStage.REPORTED, DeathStage.VERIFIED), "withdrawn")
    details = {"of": "death"}
    return two_persons.ask(
        connection, Action.UNFREEZING, person_id, details, actor=actor, reason=reason, at=at
    )


@all_or_nothing
def withdraw(connection: Connection, approval: Request) -> None:
    """Withdraw, as approved: the wallets are free where nothing else stops them. Raises InvalidStep."""
    assert approval.decided_by is not None
    assert approval.decided_at is not None
    _demand_stage(connection, approval.subject, (DeathStage.REPORTED, DeathStage.VERIFIED), "withdrawn")
    reason = f"approved in request {approval.id}"
    _step(
        connection,
        approval.subject,
        DeathStage.WITHDRAWN,
        approval.decided_by,
        reason,
        approval.decided_at,
        approval=approval.id,
    )
    _settle(connection, approval.subject, approval.decided_by, reason, approval.decided_at)


def steps(connection: Connection, person_id: UUID) -> list[Step]:
    """Every step after a person's death was reported, the first one first."""
    of = select(DeathStepRow).where(DeathStepRow.person_id == person_id)
    return [
        Step(row.stage, row.evidence_id, row.made_by, row.reason, row.made_at, row.approval_id)
        for row in read(connection, of.order_by(col(DeathStepRow.made_at), col(DeathStepRow.id)))
    ]


def _demand_stage(
    connection: Connection, person_id: UUID, allowed: tuple[DeathStage | None, ...], wanted: str
) -> None:
    connection.execute(_queries.serialise.sql, {"person": person_id})
    row = connection.execute(_queries.lock.sql, {"person": person_id}).fetchone()
    if row is None:
        raise UnknownPerson(f"there is no person {person_id}")
    stage = None if row[1] is None else DeathStage(row[1])
    if stage not in allowed:
        raise InvalidStep(f"the death of {person_id} is {stage or 'not reported'}; it cannot be {wanted} now")


def _step(
    connection: Connection,
    person_id: UUID,
    stage: DeathStage,
    actor: str,
    reason: str,
    at: datetime,
    *,
    evidence: UUID | None = None,
    approval: UUID | None = None,
) -> None:
    """The step, which leads to its stage in the database, and the event that tells it."""
    add(
        connection,
        DeathStepRow(
            id=new_id(),
            person_id=person_id,
            stage=stage.value,
            evidence_id=evidence,
            made_by=Actor(actor),
            reason=Reason(reason),
            made_at=at,
            approval_id=approval,
        ),
    )
    outbox.append(connection, f"person.death_{stage.value}", person_id, {}, at=at)


def _wallets(connection: Connection, person_id: UUID) -> Sequence[tuple[UUID, str, str]]:
    """The person's wallets, in id order, as they are locked."""
    of = select(WalletRow.account_id, WalletRow.pack_id, WalletRow.tier).where(
        WalletRow.person_id == person_id
    )
    return read(connection, of.order_by(col(WalletRow.account_id)))


def _settle(connection: Connection, person_id: UUID, actor: str, reason: str, at: datetime) -> None:
    for account_id, _, _ in _wallets(connection, person_id):
        freezing.lock(connection, account_id)
        freezing.settle(connection, account_id, actor=actor, reason=reason, at=at)
