"""Wallets: ledger accounts put at a tier, whose limits the ledger then enforces.

Opened at enrolment, adopted when an operator's file brought the account, moved between tiers later; each
time a decision is recorded that is never edited. Locks: wallets, then accounts, each in id order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import func
from sqlmodel import col, select

from emoney.kyc.errors import InvalidDecision, ReferenceTaken, UnfitAccount
from emoney.kyc.limits.features import ORDINARY, Features
from emoney.kyc.packs.evidence import KINDS_MAX
from emoney.kyc.packs.schema import Pack
from emoney.kyc.wallets import stated_features as wallet_features
from emoney.kyc.wallets.assignment import (
    AUTOMATIC,
    assign,
    limits_at,
    lock,
    profile_id,
    record_rebinding,
)
from emoney.kyc.wallets.restrictions import Cause, DowngradePolicy, Restriction
from emoney.kyc.wallets.tables import TierDecisionRow, WalletRow
from emoney.ledger import profile_changes
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import REASON_MAX
from emoney.ledger.base.postgres.binary_arrays import Texts, Times, Uuids, packing
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.transfers.chart import AccountKind

WALLETS_MAX = 10_000
"""Wallets in one call."""

AS_GIVEN = "as given by the operator's file"

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class NewWallet:
    """A wallet to open. `evidence`: what the tier rests on; `reason`: why in a few words.

    `features`: what it is, such as not reloadable.
    """

    account_id: UUID
    external_ref: str
    tier: str
    opened_at: datetime
    holder: UUID | None = None
    person_id: UUID | None = None
    evidence: tuple[str, ...] = ()
    reason: str = "evidence at enrolment"
    features: Features = ORDINARY


@dataclass(frozen=True, slots=True)
class GivenTier:
    """An account of the ledger and the tier that the operator's file gives its holder."""

    account_id: UUID
    tier: str
    features: Features = ORDINARY


_Kind = tuple[str, Features]
"""A tier, and what the wallet is: together they decide its limits."""


@all_or_nothing
def open_wallets(connection: Connection, pack: Pack, wallets: Sequence[NewWallet]) -> int:
    """Open those of `wallets` that are not there yet, each at its tier; returns how many were opened.

    Raises UnknownTier, UnfitAccount when an account of one of these ids is there but is no wallet of this
    reference, ReferenceTaken, InvalidInput for a malformed reference.
    """
    _demand_bounded([wallet.account_id for wallet in wallets])
    for wallet in wallets:
        _demand_reasons(wallet.reason, wallet.evidence, wallet.opened_at)
    limits = _limits(connection, pack, {(wallet.tier, wallet.features) for wallet in wallets})
    _open_accounts(connection, pack, wallets, limits)
    opened = {
        row[0]
        for row in connection.execute(
            _queries.open_wallets.sql,
            {
                "accounts": [wallet.account_id for wallet in wallets],
                "refs": [wallet.external_ref for wallet in wallets],
                "persons": [wallet.person_id for wallet in wallets],
                "profiles": [limits[wallet.tier, wallet.features] for wallet in wallets],
                "pack": pack.id,
                "tiers": [wallet.tier for wallet in wallets],
                "since": [wallet.opened_at for wallet in wallets],
            },
        )
    }
    _demand_wallets(connection, [wallet for wallet in wallets if wallet.account_id not in opened])
    new = [wallet for wallet in wallets if wallet.account_id in opened]
    packing(connection).execute(
        _queries.record_openings.sql,
        {
            "ids": Uuids.of(new_id() for _ in new),
            "accounts": Uuids.of(wallet.account_id for wallet in new),
            "pack": pack.id,
            "tiers": Texts.of(wallet.tier for wallet in new),
            "profiles": Uuids.of(limits[wallet.tier, wallet.features] for wallet in new),
            "reason": Texts.of(wallet.reason for wallet in new),
            "evidence": Texts.of(_array(wallet.evidence) for wallet in new),
            "at": Times.of(wallet.opened_at for wallet in new),
        },
    )
    said = {wallet.account_id: wallet.features for wallet in new if wallet.features != ORDINARY}
    if said:
        at = min(wallet.opened_at for wallet in wallets)
        wallet_features.record(connection, said, actor="opening", reason="as opened", at=at)
    return len(opened)


@all_or_nothing
def adopt_wallets(
    connection: Connection,
    pack: Pack,
    given: Sequence[GivenTier],
    *,
    at: datetime,
    reason: str = AS_GIVEN,
    evidence: Sequence[str] = (),
) -> int:
    """Put customers' accounts that the ledger has already at the tiers that a file gives them.

    Those that are wallets already stay as they are, so that sending the same again changes nothing; returns
    how many were adopted. At most WALLETS_MAX a call. Raises UnknownTier, UnfitAccount when an account is
    missing, not a customer's, in another currency than the pack or under other limits: nothing was written.
    """
    _demand_bounded([each.account_id for each in given])
    _demand_reasons(reason, evidence, at)
    limits = _limits(connection, pack, {(each.tier, each.features) for each in given})
    new = connection.execute(
        _queries.not_wallets.sql, {"accounts": [each.account_id for each in given]}
    ).fetchall()
    if not new:
        return 0
    kinds = {each.account_id: (each.tier, each.features) for each in given}
    ids = sorted(row[0] for row in new)
    what = {
        "accounts": ids,
        "tiers": [kinds[account_id][0] for account_id in ids],
        "profiles": [limits[kinds[account_id]] for account_id in ids],
        "currency": pack.currency,
    }
    unfit = connection.execute(_queries.lock_unfit.sql, what).fetchone()
    if unfit is not None:
        raise UnfitAccount(
            f"account {unfit[0]} {unfit[1]}; pack {pack.id} is for customers in {pack.currency}"
        )
    adopted = {
        row[0] for row in connection.execute(_queries.adopt_wallets.sql, what | {"pack": pack.id, "at": at})
    }
    rows = [
        (*row, new_id())
        for row in zip(ids, what["tiers"], what["profiles"], strict=True)
        if row[0] in adopted
    ]
    if rows:
        accounts_, tiers_, profiles_, decisions = (list(column) for column in zip(*rows, strict=True))
        about = {"accounts": accounts_, "tiers": tiers_, "profiles": profiles_, "ids": decisions}
        bound = dict(zip(accounts_, profiles_, strict=True))
        said = reason if reason.strip() else AS_GIVEN
        profile_changes.put_under(connection, bound, actor="adoption", reason=said, at=at)
        why = {"pack": pack.id, "reason": reason, "evidence": list(evidence), "at": at}
        connection.execute(_queries.record_decisions.sql, about | why)
        features = {each: kinds[each][1] for each in accounts_ if kinds[each][1] != ORDINARY}
        wallet_features.record(connection, features, actor="adoption", reason="as the file says", at=at)
    return len(rows)


@all_or_nothing
def change_tier(
    connection: Connection,
    account_id: UUID,
    pack: Pack,
    tier_id: str,
    *,
    reason: str,
    evidence: Sequence[str],
    at: datetime,
    actor: str = AUTOMATIC,
    no_tier: bool = False,
    policy: DowngradePolicy | None = None,
) -> bool:
    """Move a wallet to a tier: its limits change with the next transfer, what it has used stays used.

    `reason`: the decision in a few words, no personal data; `evidence`: the kinds it rests on. A balance
    above the new tier's cap stays the holder's: the wallet is restricted by stages
    (`kyc.wallets.restrictions`) under `policy`, by default the shipped one of the pack; so it is with
    `no_tier`, when the holder's evidence reaches none. Returns False, and writes nothing, when the wallet
    stands under just these limits already. Raises UnknownWallet, UnknownTier, UnfitAccount, PackNotInForce,
    InvalidDecision.
    """
    _demand_reasons(reason, evidence, at)
    if not reason.strip():
        raise InvalidDecision("a change of tier says why: reason is empty")
    limits = pack.tier(tier_id)
    pack.demand_in_force(at)
    wallet = lock(connection, account_id)
    account = accounts.get(connection, account_id)
    if account.currency != pack.currency:
        raise UnfitAccount(
            f"account {account_id} holds {account.currency}; pack {pack.id} is for {pack.currency}"
        )
    if at < wallet.since:
        raise InvalidDecision(
            f"account {account_id} is at its tier since {wallet.since}: {at} is before that"
        )
    under = limits_at(connection, wallet, account, pack, limits, at, no_tier=no_tier, policy=policy)
    if under.profile_id == account.profile_id:
        return False
    about = {"account": account_id, "pack": pack.id, "tier": limits.id, "at": at}
    connection.execute(_queries.move_wallet.sql, about)
    decision = TierDecisionRow(
        id=new_id(),
        account_id=account_id,
        pack_id=pack.id,
        tier=limits.id,
        profile_id=under.profile_id,
        reason=reason,
        evidence=list(evidence),
        decided_at=at,
    )
    add(connection, decision)
    assign(connection, wallet, account, under, actor=actor, reason=reason, at=at)
    return True


@all_or_nothing
def review_restriction(
    connection: Connection,
    account_id: UUID,
    pack: Pack,
    *,
    at: datetime,
    policy: DowngradePolicy | None = None,
) -> Restriction | None:
    """Bring a restricted wallet into the stage it should be in at `at`, or lift the restriction.

    Returns the restriction it is under now. Raises UnknownWallet.
    """
    wallet = lock(connection, account_id)
    if wallet.restriction is None:
        return None
    account = accounts.get(connection, account_id)
    no_tier = wallet.restriction.cause is Cause.NO_TIER
    under = limits_at(
        connection, wallet, account, pack, pack.tier(wallet.tier), at, no_tier=no_tier, policy=policy
    )
    if under.profile_id != account.profile_id or under.restriction != wallet.restriction:
        said = "restriction reviewed" if under.restriction else "restriction lifted"
        if under.profile_id != account.profile_id:
            record_rebinding(connection, [account_id], [under.profile_id], reason=said, at=at)
        assign(connection, wallet, account, under, actor=AUTOMATIC, reason=said, at=at)
    return under.restriction


def wallets_per_tier(connection: Connection) -> dict[tuple[str, str], int]:
    """How many wallets stand at each (pack, tier)."""
    at = col(WalletRow.pack_id), col(WalletRow.tier)
    counted = select(*at, func.count()).group_by(*at).order_by(*at)
    return {(pack, tier): count for pack, tier, count in read(connection, counted)}


def _limits(connection: Connection, pack: Pack, kinds: set[_Kind]) -> dict[_Kind, UUID]:
    """In one order for everyone: two calls that store the same profiles first would deadlock."""
    return {kind: profile_id(connection, pack, *kind) for kind in sorted(kinds, key=repr)}


def _open_accounts(
    connection: Connection, pack: Pack, wallets: Sequence[NewWallet], limits: dict[_Kind, UUID]
) -> None:
    new = [
        accounts.NewAccount(
            wallet.account_id,
            AccountKind.CUSTOMER,
            pack.currency,
            wallet.opened_at,
            wallet.external_ref,
            wallet.holder,
            limits[wallet.tier, wallet.features],
        )
        for wallet in wallets
    ]
    taken = False
    try:
        accounts.open_accounts(connection, new)
    except InvalidInput as error:
        taken = isinstance(error.__cause__, UniqueViolation)
        if not taken:
            raise
    if taken:
        raise ReferenceTaken("external_ref: names another account of the ledger already")


def _demand_wallets(connection: Connection, wallets: Sequence[NewWallet]) -> None:
    """That these were wallets before, under the same reference. What else has their id is a mistake."""
    found = {
        row[0]: row[1]
        for row in connection.execute(
            _queries.wallet_refs.sql, {"accounts": [wallet.account_id for wallet in wallets]}
        )
    }
    for wallet in wallets:
        if found.get(wallet.account_id) != wallet.external_ref:
            raise UnfitAccount(f"account {wallet.account_id} is there already and is not this wallet")


def _demand_bounded(ids: list[UUID]) -> None:
    if len(ids) > WALLETS_MAX:
        raise InvalidInput(f"{len(ids)} wallets in one call; {WALLETS_MAX} are the most")
    for account_id, same in groupby(sorted(ids)):
        if len(list(same)) > 1:
            raise InvalidInput(f"account {account_id} stands twice in one call")


def _array(kinds: Sequence[str]) -> str:
    """Kinds of evidence, which are identifiers, as PostgreSQL writes an array of texts."""
    return "{" + ",".join(f'"{kind}"' for kind in kinds) + "}"


def _demand_reasons(reason: str, evidence: Sequence[str], at: datetime) -> None:
    if len(reason) > REASON_MAX or "\0" in reason:
        raise InvalidDecision(
            f"reason has {len(reason)} characters; up to {REASON_MAX}, without NUL, are taken"
        )
    if isinstance(evidence, str) or len(evidence) > KINDS_MAX or len(set(evidence)) < len(evidence):
        raise InvalidDecision(f"evidence is a list of up to {KINDS_MAX} kinds, each once")
    if any(len(kind) > 40 or not kind.isidentifier() for kind in evidence):
        raise InvalidDecision("evidence lists names of kinds, such as address_proof")
    if at.tzinfo is None:
        raise InvalidDecision("the moment of a decision needs a time zone")
