"""Binding: which limits a wallet is to be under, as what it is, its evidence and its balance stand now.

What stands behind a binding: the tier of the pack, the wallet's features, the transitions that its holder
does not meet, and a restriction where its balance is above the cap or its holder reaches no tier.
`kyc.wallets.wallet` binds on a decision, `kyc.wallets.reassignment` where one of these has changed by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from emoney.kyc.errors import UnknownWallet
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.limits import transitions
from emoney.kyc.limits.compile import compile_profile
from emoney.kyc.limits.features import ORDINARY, Features
from emoney.kyc.packs import acceptance
from emoney.kyc.packs.schema import Pack, Tier, Transition
from emoney.kyc.wallets.restrictions import (
    Cause,
    DowngradePolicy,
    Restriction,
    RestrictionStage,
    caps,
    downgrades,
    next_restriction,
    per_person,
    restricted,
)
from emoney.kyc.wallets.tables import RestrictionStepRow
from emoney.ledger import outbox, profile_changes
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.limits import profiles
from emoney.ledger.limits.rules import LimitProfile, LimitRule

AUTOMATIC = "kyc"
"""Who acts where evidence, a date, a balance or the pack decides."""

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class LockedWallet:
    """A locked wallet, whose account is locked too."""

    account_id: UUID
    person_id: UUID | None
    pack_id: str
    tier: str
    since: datetime
    restriction: Restriction | None
    features: Features = ORDINARY


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits a wallet is to be under. `cap`: of its balance, minor units; None where there is none."""

    profile_id: UUID
    restriction: Restriction | None
    cap: int | None
    source: str


def profile_id(connection: Connection, pack: Pack, tier_id: str, features: Features = ORDINARY) -> UUID:
    """The ledger's id of the limits of a tier, stored on first use. Raises UnknownTier, PackNotAccepted."""
    acceptance.demand(connection, pack)
    return profiles.store(connection, compile_profile(pack, pack.tier(tier_id), features))


def lock(connection: Connection, account_id: UUID) -> LockedWallet:
    """The wallet, then its account: the balance does not move under a decision on it.

    Raises UnknownWallet.
    """
    found = lock_many(connection, [account_id])
    if not found:
        raise UnknownWallet(f"account {account_id} is at no tier: enrol its holder or adopt it first")
    return found[0]


@reads_tuples
def lock_many(connection: Connection, ids: Sequence[UUID]) -> list[LockedWallet]:
    """Those of `ids` that are wallets, then their accounts, each in id order."""
    rows = connection.execute(_queries.lock_wallets.sql, {"accounts": list(ids)}).fetchall()
    found = {"accounts": [row[0] for row in rows]}
    connection.execute(_queries.lock_accounts.sql, found)
    known = features_of(connection, found["accounts"])
    return [wallet_of_row(row, known.get(row[0])) for row in rows]


def wallet_of_row(row: Sequence[Any], features: Features | None) -> LockedWallet:
    """A wallet from its columns as `lock_wallets` reads them."""
    account_id, person, pack_id, tier, since, stage, cause, next_at = row
    held = None if stage is None else Restriction(RestrictionStage(stage), Cause(cause), next_at)
    return LockedWallet(account_id, person, pack_id, tier, since, held, features or ORDINARY)


@reads_tuples
def features_of(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Features]:
    """What these wallets are by the last statement on each; ordinary ones are left out."""
    rows = connection.execute(_queries.features.sql, {"accounts": list(ids)})
    return {account_id: features_of_row(*stated) for account_id, *stated in rows}


def features_of_row(
    reloadable: bool | None,
    one_country: bool | None,
    goods_only: bool | None,
    with_cash: bool,
    not_validated: bool,
    cohorts: Sequence[str],
) -> Features:
    """What a wallet is, from the columns of a statement on it."""
    return Features(reloadable, with_cash, not_validated, frozenset(cohorts), one_country, goods_only)


def unmet_by(
    known: list[evidence_records.Evidence] | None, balance: int, pack: Pack, tier: Tier, day: date
) -> tuple[Transition, ...]:
    """The transitions that a wallet does not meet.

    `known`: the evidence of its holder; None where it has no record of one, and is taken to rest on what its
    tier asks for. `balance`: minor units.
    """
    kinds = tier.evidence.kinds if known is None else evidence_records.shown(known, day)
    return transitions.unmet(pack, kinds, balance)


def limits_at(
    connection: Connection,
    wallet: LockedWallet,
    account: accounts.Account,
    pack: Pack,
    tier: Tier,
    at: datetime,
    *,
    no_tier: bool,
    policy: DowngradePolicy | None,
    day_has_ended: bool = False,
) -> Limits:
    """What `wallet` is to be under at `tier` at `at`.

    `day_has_ended`: a cap of the end of the day counts too; else only where the wallet is restricted already.
    """
    policy = policy or downgrades().of(pack.id)
    day = pack.local_day(at)
    profile = profile_of(connection, wallet, account.balance, pack, tier, day)
    limits = caps(profile, day, until_end_of_day=day_has_ended or wallet.restriction is not None)
    together = held_together(connection, account) if any(map(per_person, limits)) else account.balance
    cap = min((rule.amount for rule in limits if rule.amount is not None), default=None)
    restriction = next_restriction(
        wallet.restriction,
        excess=excess(limits, account.balance, together) > 0,
        no_tier=no_tier,
        policy=policy,
        at=at,
    )
    if restriction is None:
        acceptance.demand(connection, pack)
        return Limits(profiles.store(connection, profile), restriction, cap, policy.source)
    known = evidence_records.of_person(connection, wallet.person_id) if wallet.person_id else []
    sure = evidence_records.verified(known, day, frozenset(policy.verified_by))
    profile = restricted(profile, restriction.stage, policy, verified=sure)
    return Limits(profiles.store(connection, profile), restriction, cap, policy.source)


def profile_of(
    connection: Connection, wallet: LockedWallet, balance: int, pack: Pack, tier: Tier, day: date
) -> LimitProfile:
    """The profile of a wallet at `tier` as it stands, no restriction counted in."""
    unmet: tuple[Transition, ...] = ()
    if transitions.concern(pack):
        known = evidence_records.of_person(connection, wallet.person_id) if wallet.person_id else None
        unmet = unmet_by(known, balance, pack, tier, day)
    return compile_profile(pack, tier, wallet.features, unmet)


def excess(limits: Sequence[LimitRule], balance: int, together: int) -> int:
    """By how much the balance, or what the person's wallets hold together, is above the lowest cap."""
    held = ((together if per_person(rule) else balance, rule.amount or 0) for rule in limits)
    return max((balance - most for balance, most in held), default=0)


@reads_tuples
def held_together(connection: Connection, account: accounts.Account) -> int:
    """What all wallets of the holder hold in the currency, minor units."""
    about = {"holder": account.holder, "currency": account.currency, "account": account.id}
    [held] = connection.execute(_queries.held_together.sql, about).fetchone() or (0,)
    return int(held)


@all_or_nothing
def assign(
    connection: Connection,
    wallet: LockedWallet,
    account: accounts.Account,
    under: Limits,
    *,
    actor: str,
    reason: str,
    at: datetime,
) -> None:
    """Put the wallet under these limits, and tell of a restriction that begins, goes on or ends.

    A closed account takes no change, and keeps its profile.
    """
    limits = {wallet.account_id: under.profile_id}
    profile_changes.put_under(connection, limits, actor=actor, reason=reason, at=at)
    before, now = wallet.restriction, under.restriction
    if before == now:
        return
    told = now or before
    assert told is not None
    step = now.stage.value if now else "lifted"
    about = {
        "account": wallet.account_id,
        "stage": now.stage.value if now else None,
        "cause": now.cause.value if now else None,
        "next_at": now.next_at if now else None,
    }
    connection.execute(_queries.restrict_wallet.sql, about)
    row = RestrictionStepRow(
        id=new_id(),
        account_id=wallet.account_id,
        step=step,
        cause=told.cause.value,
        profile_id=under.profile_id,
        balance=account.balance,
        cap=under.cap,
        next_at=now.next_at if now else None,
        source=under.source,
        made_at=at,
    )
    add(connection, row)
    outbox.append(
        connection,
        "wallet.restricted" if now else "wallet.restriction_lifted",
        wallet.account_id,
        {
            "step": step,
            "cause": told.cause.value,
            "next_at": now.next_at.isoformat() if now and now.next_at else None,
            "balance": account.balance,
            "cap": under.cap,
        },
        at=at,
    )


@all_or_nothing
def rebind(
    connection: Connection,
    wallet: LockedWallet,
    pack: Pack,
    *,
    reason: str,
    at: datetime,
    actor: str = AUTOMATIC,
    policy: DowngradePolicy | None = None,
    day_has_ended: bool = False,
) -> bool:
    """Put a locked wallet under what it is to be under at its tier, and record why; False when it is already.

    Raises UnknownTier, PackNotAccepted.
    """
    account = accounts.get(connection, wallet.account_id)
    no_tier = wallet.restriction is not None and wallet.restriction.cause is Cause.NO_TIER
    under = limits_at(
        connection,
        wallet,
        account,
        pack,
        pack.tier(wallet.tier),
        at,
        no_tier=no_tier,
        policy=policy,
        day_has_ended=day_has_ended,
    )
    if under.profile_id == account.profile_id and under.restriction == wallet.restriction:
        return False
    if under.profile_id != account.profile_id:
        record_rebinding(connection, [wallet.account_id], [under.profile_id], reason=reason, at=at)
    assign(connection, wallet, account, under, actor=actor, reason=reason, at=at)
    return True


@all_or_nothing
def record_rebinding(
    connection: Connection, wallets: Sequence[UUID], bound: Sequence[UUID], *, reason: str, at: datetime
) -> None:
    """Record that wallets, at the tiers they were at, are bound to other profiles."""
    about = {"ids": [new_id() for _ in wallets], "accounts": list(wallets), "profiles": list(bound)}
    connection.execute(_queries.record_rebinding.sql, about | {"reason": reason, "at": at})
