"""Overrides: a wallet at a tier that the evidence does not reach, for a time, by the word of two persons.

The database takes an override only with an approval of just this action on just this wallet. When its time is
over, the wallet follows the evidence again (`kyc.wallets.retiering.end_overrides`).
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import select

from emoney.kyc.approvals import Action
from emoney.kyc.errors import UnknownWallet
from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.packs.schema import Pack
from emoney.kyc.wallets import opening
from emoney.kyc.wallets.restrictions import Downgrades, downgrades
from emoney.kyc.wallets.tables import TierOverrideRow, WalletRow
from emoney.kyc.wallets.wallet import change_tier
from emoney.ledger import two_persons
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.two_persons import Request

LASTS_MAX = timedelta(days=366)

_queries = queries_beside(__file__)


@all_or_nothing
def request(
    connection: Connection,
    account_id: UUID,
    tier_id: str,
    *,
    packs: PackLibrary,
    until: datetime,
    actor: str,
    reason: str,
    at: datetime,
) -> UUID:
    """Ask for an override; returns the request's id. Raises UnknownWallet, UnknownTier, InvalidRequest."""
    pack = _pack(connection, account_id, packs)
    pack.tier(tier_id)
    if until.tzinfo is None or not at < until <= at + LASTS_MAX:
        raise InvalidRequest(f"an override ends within {LASTS_MAX.days} days, at a moment with a time zone")
    details = {"pack": pack.id, "tier": tier_id, "until": until.isoformat()}
    return two_persons.ask(
        connection, Action.TIER_OVERRIDE, account_id, details, actor=actor, reason=reason, at=at
    )


@all_or_nothing
def apply(
    connection: Connection, approval: Request, *, packs: PackLibrary, policies: Downgrades | None = None
) -> None:
    """Do what was approved: the wallet moves and stays until the date. Raises InvalidRequest after it,
    and TooManyWallets."""
    at, until = _moment(approval.decided_at), datetime.fromisoformat(approval.details["until"])
    if until <= at:
        raise InvalidRequest(f"the override was to end at {until}, which has passed: reject it and ask anew")
    pack, tier_id = packs.pack(approval.details["pack"]), approval.details["tier"]
    if (holder := accounts.get(connection, approval.subject).holder) is not None:
        opening.demand_room(connection, holder, pack, pack.tier(tier_id))
    change_tier(
        connection,
        approval.subject,
        pack,
        tier_id,
        reason=f"override approved in request {approval.id}",
        evidence=(),
        at=at,
        actor=approval.decided_by or "",
        policy=(policies or downgrades()).of(pack.id),
    )
    override = TierOverrideRow(
        id=new_id(),
        account_id=approval.subject,
        pack_id=pack.id,
        tier=tier_id,
        made_at=at,
        until=until,
        approval_id=approval.id,
    )
    add(connection, override)
    connection.execute(_queries.hold_until.sql, {"account": approval.subject, "until": until})


def _pack(connection: Connection, account_id: UUID, packs: PackLibrary) -> Pack:
    found = read(connection, select(WalletRow.pack_id).where(WalletRow.account_id == account_id))
    if not found:
        raise UnknownWallet(f"account {account_id} is at no tier: enrol its holder or adopt it first")
    return packs.pack(found[0])


def _moment(at: datetime | None) -> datetime:
    assert at is not None, "only a decided request is applied"
    return at
